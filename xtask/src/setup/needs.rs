//! What the project needs of a machine besides the BPF toolchain: the one list, each entry with its reason.

use std::env;
use std::path::{Path, PathBuf};

/// A command that has to be there, and the Debian package that brings it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) command: &'static str,
    package: &'static str,
    pub(crate) source: Source,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Installed by apt.
    Installed,
    /// Unpacked into `.tools/debian`: installing the package would start a service that nobody asked for.
    Unpacked,
}

use Source::{Installed, Unpacked};

const fn need(command: &'static str, package: &'static str, source: Source, reason: &'static str) -> Need {
    Need { command, package, source, reason }
}

impl Need {
    /// The package's name in a release of Debian.
    pub(crate) fn package(&self, release: u32) -> &'static str {
        match (self.command, release) {
            ("promtool", 13..) => "promtool", // split off from prometheus
            _ => self.package,
        }
    }
}

/// What the tests and the demo call.
pub(crate) const TESTS: [Need; 27] = [
    need("ip", "iproute2", Installed, "network namespaces and veth pairs"),
    need("ethtool", "ethtool", Installed, "switching offloads, to see the doctor read them"),
    need("ping", "iputils-ping", Installed, "honest ICMP echo"),
    need("ptunnel", "ptunnel", Unpacked, "a channel in ICMP echo, of the old kind"),
    need("ptunnel-ng", "ptunnel-ng", Unpacked, "a channel in ICMP echo"),
    need("icmptx", "icmptx", Installed, "a channel of whole IP packets in ICMP echo"),
    need("iodine", "iodine", Unpacked, "a channel in DNS names, client side"),
    need("iodined", "iodine", Unpacked, "a channel in DNS names, server side"),
    need("ifconfig", "net-tools", Installed, "iodine sets its tunnel's address with it"),
    need("dns2tcpc", "dns2tcp", Unpacked, "a channel in DNS answers, client side"),
    need("dns2tcpd", "dns2tcp", Unpacked, "a channel in DNS answers, server side"),
    need("udptunnel", "udptunnel", Installed, "a channel of datagrams in TCP"),
    need("obfs4proxy", "obfs4proxy", Installed, "a channel that looks like nothing"),
    // Starts nothing by itself: it has no configuration.
    need("openvpn", "openvpn", Installed, "an honest tunnel"),
    need("openssl", "openssl", Installed, "its certificates"),
    need("ssh", "openssh-client", Installed, "honest sessions and copies, client side"),
    need("ssh-keygen", "openssh-client", Installed, "their keys"),
    need("scp", "openssh-client", Installed, "honest copies, both sides"),
    need("dropbear", "dropbear-bin", Installed, "honest sessions, server side"),
    need("chronyd", "chrony", Unpacked, "honest network time"),
    need("busybox", "busybox", Installed, "honest DHCP, client side"),
    need("dnsmasq", "dnsmasq-base", Installed, "an honest resolver, and DHCP"),
    need("dig", "bind9-dnsutils", Installed, "honest DNS lookups"),
    need("curl", "curl", Installed, "honest HTTP, and reading /metrics as Prometheus does"),
    need("iperf3", "iperf3", Installed, "bulk TCP and UDP, honest load"),
    need("python3", "python3", Installed, "small covert senders and honest servers"),
    need("promtool", "prometheus", Unpacked, "checks the exposition format and the alert rules"),
];

/// What fetches kernels and runs them in virtual machines. Where one of these is missing, the tests skip that part.
pub(crate) const GUESTS: [Need; 2] = [
    need("qemu-system-x86_64", "qemu-system-x86", Installed, "runs other kernels than the host's"),
    need("xz", "xz-utils", Installed, "unpacks their modules"),
];

/// Folders that hold the commands unpacked by setup.
pub(crate) fn unpacked_folders(root: &Path) -> [PathBuf; 2] {
    ["bin", "sbin"].map(|bin| unpacked(root).join("usr").join(bin))
}

pub(crate) fn unpacked(root: &Path) -> PathBuf {
    root.join(".tools/debian")
}

/// The folders where commands are looked for. The system's sbin is one of them even for users who don't have it
/// in PATH.
pub(crate) fn command_path(root: &Path) -> Vec<PathBuf> {
    let user = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    unpacked_folders(root).into_iter().chain(env::split_paths(&user)).chain(system).collect()
}

/// The needs whose command is in none of the folders.
pub(crate) fn missing(needs: &'static [Need], folders: &[PathBuf]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !folders.iter().any(|folder| folder.join(need.command).is_file())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{GUESTS, Source, TESTS, missing, need};

    #[test]
    fn only_absent_commands_are_missing() {
        static NEEDS: [super::Need; 2] = [
            need("sh", "dash", Source::Installed, "a shell"),
            need("no-such-command", "nothing", Source::Installed, "never there"),
        ];
        let absent = missing(&NEEDS, &[PathBuf::from("/nonexistent"), PathBuf::from("/bin")]);
        assert_eq!(absent.iter().map(|need| need.command).collect::<Vec<_>>(), ["no-such-command"]);
    }

    #[test]
    fn every_need_has_a_reason() {
        for need in TESTS.iter().chain(&GUESTS) {
            assert!(!need.reason.is_empty(), "{}", need.command);
        }
    }
}
