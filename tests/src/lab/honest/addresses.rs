//! Leases of addresses by DHCP: dnsmasq gives, busybox's client asks.

use super::super::{Network, Scratch};
use super::PATIENCE;

/// Has hosts lease addresses from the network's server and release them again.
pub fn lease_addresses(network: &Network, names: &[&str]) {
    let folder = Scratch::new();
    let (server, leases) = (network.server.address, folder.path("leases"));
    let text = format!(
        "port=0\nno-daemon\nuser=root\npid-file=\nno-ping\ninterface=eth0\nbind-interfaces\n\
         dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h\ndhcp-authoritative\n\
         dhcp-option=option:dns-server,{server}\ndhcp-option=option:domain-search,example.net,corp.example.net\n\
         dhcp-option=option:ntp-server,{server}\ndhcp-leasefile={leases}\n"
    );
    let file = format!("--conf-file={}", folder.write("dnsmasq.conf", text));
    let mut dnsmasq = network.server.namespace.spawn(&["dnsmasq", "--keep-in-foreground", &file]);
    dnsmasq.wait_for_output("DHCP", PATIENCE);
    for name in names {
        let hostname = format!("hostname:{name}");
        let options = ["-x", &hostname, "-V", "example-client 1.0", "-O", "search", "-O", "ntpsrv"];
        // One lease each: quits once it has it, and gives it back. /bin/true: the address isn't used.
        let words = ["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-R", "-s", "/bin/true"];
        network.client.run(&[&words[..], &options].concat());
    }
}
