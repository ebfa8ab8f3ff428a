//! What cannot run says so in one sentence with a remedy, and ends with 2.

use inspector_tests::lab::{
    Ended, Inspector, Network, Scratch, binary, foreign, missing, public_binary, run,
};
use inspector_tests::skip;

/// Another address for the metrics than the default.
const ELSEWHERE: [&str; 2] = ["--web.listen-address", "127.0.0.1:9972"];

#[test]
fn interfaces_that_fit_nothing() {
    if let Some(reason) = missing(&[]) {
        return skip("interfaces_that_fit_nothing", &reason);
    }
    // On one cable, so there is no default route.
    let network = Network::direct();
    let refused = |interface| Ended::of(&mut run(&network.client.namespace, &["-i", interface]));
    refused("eth9").assert_refused(&["no interface named eth9", "ip link"]);
    refused("wan*").assert_refused(&["no interface named wan*", "ip link"]);
    refused("auto").assert_refused(&["default route", "-i"]);
    refused("eth0,eth9").assert_refused(&["eth9"]);
    assert!(network.client.namespace.xdp_program("eth0").is_none(), "attached all the same");
}

#[test]
fn no_privilege() {
    if let Some(reason) = missing(&[]) {
        return skip("no_privilege", &reason);
    }
    let network = Network::direct();
    let (_folder, copy) = public_binary();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let nothing = ["--inh-caps=-all", "--bounding-set=-all"];
    for who in [&nobody[..], &nothing[..], &[nobody, [nothing[0], nothing[1], "--no-new-privs"]].concat()] {
        let mut command = network.client.namespace.command("setpriv");
        let ended = Ended::of(command.args(who).args([&copy, "run", "-i", "eth0"]));
        ended.assert_refused(&["privilege", "CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON", "root"]);
    }
}

#[test]
fn a_busy_interface_stays_with_its_owner() {
    if let Some(reason) = missing(&[]) {
        return skip("a_busy_interface_stays_with_its_owner", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    let refused_naming = |id: u64| {
        for mode in ["auto", "native", "generic"] {
            let flags = [&["-i", "eth0", "--mode", mode], &ELSEWHERE[..]].concat();
            let refused = Ended::of(&mut run(namespace, &flags));
            refused.assert_refused(&["eth0 is busy", &format!("program {id} "), "detach it first"]);
        }
        assert_eq!(namespace.xdp_program("eth0"), Some(id), "the owner's program is gone");
    };
    let first = Inspector::watch(namespace, &["eth0"]);
    refused_naming(namespace.xdp_program("eth0").expect("the first is attached"));
    assert!(first.get("/-/ready").is_some(), "the first has suffered");
    assert!(first.stop().is_empty());

    foreign::attach(namespace, "eth0");
    refused_naming(namespace.xdp_program("eth0").expect("the foreign one is attached"));
}

#[test]
fn an_address_that_cannot_be_listened_on() {
    if let Some(reason) = missing(&[]) {
        return skip("an_address_that_cannot_be_listened_on", &reason);
    }
    let network = Network::routed();
    let router = network.router();
    let _first = Inspector::watch(router, &["lan"]);
    let refused = |flags: &[&str]| Ended::of(&mut run(router, &[&["-i", "wan"], flags].concat()));
    refused(&[]).assert_refused(&["127.0.0.1:9971 is in use", "--web.listen-address"]);
    refused(&["--web.listen-address", "192.0.2.1:9971"])
        .assert_refused(&["192.0.2.1", "--web.listen-address"]);
    refused(&["--web.listen-address", "nonsense"]).assert_refused(&["nonsense", "HOST:PORT"]);
    assert!(router.xdp_program("wan").is_none(), "attached all the same");
}

#[test]
fn findings_that_have_nowhere_to_go() {
    if let Some(reason) = missing(&[]) {
        return skip("findings_that_have_nowhere_to_go", &reason);
    }
    let network = Network::direct();
    let folder = Scratch::new();
    for path in [folder.path("no/such/folder/eve.json"), folder.path("")] {
        let refused = Ended::of(&mut run(&network.client.namespace, &["-i", "eth0", "--eve", &path]));
        refused.assert_refused(&[&path, "check the path"]);
    }
    assert!(network.client.namespace.xdp_program("eth0").is_none(), "attached all the same");
}

/// Clap writes these, in more than one sentence.
#[test]
fn flags_that_are_none() {
    for (flags, named) in [
        (&["run"][..], "--interface"),
        (&["run", "-i", "eth0", "--sample", "0"], "--sample"),
        (&["run", "-i", "eth0", "--mode", "fast"], "auto, native, generic"),
        (&["run", "-i", "eth0", "--duration", "soon"], "10s"),
        (&["run", "-i", "eth0", "--colour"], "--colour"),
        (&["replay"], "CAPTURE"),
        (&["inspect"], "inspect"),
    ] {
        let ended = Ended::of(std::process::Command::new(binary()).args(flags));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stdout.is_empty() && ended.stderr.contains(named), "{named}: {ended:?}");
    }
}
