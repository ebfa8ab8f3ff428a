//! `inspector doctor` says what would stop it, what to do, and what it cannot tell.

use std::process::Command;

use inspector::dataplane::link::max_plain_mtu;
use inspector_tests::lab::{Ended, Inspector, Namespace, Network, binary, foreign, missing, public_binary};
use inspector_tests::skip;
use serde_json::Value;

/// Runs it in a namespace, both ways, which must come to the same exit code; gives text and JSON.
fn examine(namespace: &Namespace, flags: &[&str]) -> (i32, String, Value) {
    let run = |more: &[&str]| {
        let mut command = namespace.command(binary());
        Ended::of(command.arg("doctor").args(flags).args(more))
    };
    let (text, json) = (run(&[]), run(&["--json"]));
    assert_eq!(text.code, json.code, "{text:?}\n{json:?}");
    let value = serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json:?}"));
    let code = text.code.unwrap_or_else(|| panic!("a signal ended it: {text:?}"));
    (code, text.stdout, value)
}

/// What a list holds; nothing if it is none.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The object of an interface.
fn interface<'a>(json: &'a Value, name: &str) -> &'a Value {
    list(&json["interfaces"])
        .find(|each| each["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {json:#}"))
}

/// The check of a name among those of the host, an interface or an unresolved name.
fn check<'a>(of: &'a Value, name: &str) -> &'a Value {
    list(&of["checks"])
        .find(|each| each["name"] == name)
        .unwrap_or_else(|| panic!("no check of {name} in {of:#}"))
}

fn names(json: &Value) -> Vec<&str> {
    list(&json["interfaces"]).filter_map(|each| each["name"].as_str()).collect()
}

#[test]
fn nothing_would_stop_it_on_a_sound_host() {
    if let Some(reason) = missing(&[]) {
        return skip("nothing_would_stop_it_on_a_sound_host", &reason);
    }
    let network = Network::routed();
    // Without -i: what has a default route, or else everything.
    let (code, text, json) = examine(&network.client.namespace, &[]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(names(&json), ["eth0"]);
    assert!(text.starts_with("HOST    Linux ") && text.contains("\neth0    veth"), "{text}");
    assert!(text.contains("Nothing would stop inspector here") && !text.contains("stop  "), "{text}");
    assert_ne!(json["verdict"], "blocked");
    assert_eq!(check(&json["host"], "privileges")["level"], "ok");
    assert_eq!(check(&json["host"], "programs")["level"], "ok");
    let eth0 = interface(&json, "eth0");
    assert_eq!((&eth0["driver"], &eth0["mtu"], &eth0["up"]), (&"veth".into(), &1500.into(), &true.into()));

    let (code, _, json) = examine(network.router(), &[]);
    assert_eq!((code, names(&json)), (0, vec!["lo", "lan", "wan"]));
    let (code, _, json) = examine(network.router(), &["-i", "w*"]);
    assert_eq!((code, names(&json)), (0, vec!["wan"]));
    assert!(network.router().xdp_program("wan").is_none(), "it has attached something");
}

#[test]
fn what_is_not_there_would_stop_it() {
    if let Some(reason) = missing(&[]) {
        return skip("what_is_not_there_would_stop_it", &reason);
    }
    let network = Network::direct();
    let (code, text, json) = examine(&network.client.namespace, &["-i", "eth0", "-i", "wan*", "-i", "auto"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(json["verdict"], "blocked");
    assert_eq!(names(&json), ["eth0"]);
    for (index, name, remedy) in [(0, "wan*", "ip link"), (1, "auto", "-i")] {
        let unresolved = &json["unresolved"][index];
        assert_eq!(unresolved["name"], name);
        let remedied = check(unresolved, "interface")["remedy"].as_str().is_some_and(|r| r.contains(remedy));
        assert!(remedied, "{unresolved:#}");
    }
    assert!(text.contains("2 things would stop inspector here"), "{text}");
}

#[test]
fn a_foreign_program_is_named_and_left_alone() {
    if let Some(reason) = missing(&[]) {
        return skip("a_foreign_program_is_named_and_left_alone", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    foreign::attach(namespace, "eth0");
    let id = namespace.xdp_program("eth0").expect("the foreign one is attached");
    let (code, text, json) = examine(namespace, &["-i", "eth0"]);
    assert_eq!(code, 1, "{text}");
    let eth0 = interface(&json, "eth0");
    let program = &eth0["programs"][0];
    assert_eq!((&program["id"], &program["mode"]), (&id.into(), &"native".into()));
    let programs = check(eth0, "programs");
    assert_eq!(programs["level"], "stop");
    let remedy = programs["remedy"].as_str().unwrap_or_default();
    assert!(remedy.contains("`ip link set dev eth0 xdpdrv off`"), "{remedy}");
    assert_eq!(namespace.xdp_program("eth0"), Some(id), "it is gone");

    // The remedy works as it is written.
    namespace.ip("link set dev eth0 xdpdrv off");
    assert_eq!(examine(namespace, &["-i", "eth0"]).0, 0);
}

#[test]
fn another_inspector_is_told_from_strangers() {
    if let Some(reason) = missing(&[]) {
        return skip("another_inspector_is_told_from_strangers", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    let first = Inspector::ready(namespace, &["-i", "eth0", "--mode", "generic"]);
    let (code, text, json) = examine(namespace, &["-i", "eth0"]);
    assert_eq!(code, 1, "{text}");
    let eth0 = interface(&json, "eth0");
    assert_eq!(eth0["programs"][0]["mode"], "generic");
    let says = check(eth0, "programs")["says"].as_str().unwrap_or_default();
    assert!(says.contains("another inspector") && says.contains("inspector_"), "{says}");
    assert!(first.stop().is_empty());
    assert_eq!(examine(namespace, &["-i", "eth0"]).0, 0);
}

#[test]
fn large_frames_take_several_buffers() {
    if let Some(reason) = missing(&[]) {
        return skip("large_frames_take_several_buffers", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    namespace.ip("link set eth0 mtu 9000");
    let (code, text, json) = examine(namespace, &["-i", "eth0"]);
    assert_eq!(code, 0, "{text}");
    let eth0 = interface(&json, "eth0");
    assert_eq!(eth0["mtu"], 9000);
    let frags = list(&json["host"]["features"]).any(|f| f["name"] == "xdp.frags" && f["present"] == true);
    // Kernels before 6.3 don't tell what the driver can do.
    let expected = match (frags, eth0["multi_buffer"].as_bool()) {
        (true, Some(true)) => "ok",
        (true, None) => "unknown",
        _ => "warn",
    };
    assert_eq!(check(eth0, "MTU")["level"], expected);
}

/// What fits one buffer is a sum of the kernel's own sizes; veth holds its peer's MTU to it.
#[test]
fn the_mtu_of_one_buffer_is_the_kernels() {
    if let Some(reason) = missing(&[]) {
        return skip("the_mtu_of_one_buffer_is_the_kernels", &reason);
    }
    let network = Network::direct();
    foreign::attach(&network.server.namespace, "eth0");
    let takes = |mtu: u32| {
        let (name, mtu) = (network.client.namespace.name(), mtu.to_string());
        network.client.namespace.succeeds(&["ip", "-n", name, "link", "set", "eth0", "mtu", &mtu])
    };
    assert!(takes(max_plain_mtu()));
    assert!(!takes(max_plain_mtu() + 1));
}

#[test]
fn offloads_and_states_are_read_from_the_device() {
    if let Some(reason) = missing(&["ethtool"]) {
        return skip("offloads_and_states_are_read_from_the_device", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    for on in [true, false] {
        let word = if on { "on" } else { "off" };
        namespace.run(&["ethtool", "-K", "eth0", "gro", word, "rxvlan", word]);
        let (_, _, json) = examine(namespace, &["-i", "eth0"]);
        let eth0 = interface(&json, "eth0");
        assert_eq!((&eth0["gro"], &eth0["rx_vlan"]), (&on.into(), &on.into()), "{eth0:#}");
        assert_eq!(eth0["lro"], false);
    }
    namespace.ip("link set eth0 down");
    let (code, _, json) = examine(namespace, &["-i", "eth0"]);
    let state = check(interface(&json, "eth0"), "state");
    // It could run, and would see nothing.
    assert_eq!((code, &state["level"]), (0, &"warn".into()));
    assert_eq!(json["verdict"], "limited");
}

#[test]
fn interfaces_without_a_driver_of_their_own_are_told() {
    if let Some(reason) = missing(&[]) {
        return skip("interfaces_without_a_driver_of_their_own_are_told", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    namespace.ip("link add br0 type bridge");
    namespace.ip("link set eth0 master br0");
    namespace.ip("link set br0 up");
    let (code, text, json) = examine(namespace, &["-i", "br0,eth0"]);
    assert_eq!(code, 0, "{text}");
    let native = check(interface(&json, "br0"), "native XDP");
    assert_eq!(native["level"], "warn");
    assert!(native["remedy"].as_str().is_some_and(|remedy| remedy.contains("-i eth0")), "{native}");
    let twice = check(interface(&json, "eth0"), "counted twice");
    assert!(twice["says"].as_str().is_some_and(|says| says.contains("br0")), "{twice}");
}

#[test]
fn without_privilege_it_says_what_it_cannot_tell() {
    if let Some(reason) = missing(&["unshare"]) {
        return skip("without_privilege_it_says_what_it_cannot_tell", &reason);
    }
    let network = Network::direct();
    let namespace = &network.client.namespace;
    foreign::attach(namespace, "eth0");
    let id = namespace.xdp_program("eth0").expect("the foreign one is attached");
    let (_folder, copy) = public_binary();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let ended = |wrapper: &[&str], flag: &str| {
        let mut command = namespace.command(wrapper[0]);
        Ended::of(command.args(&wrapper[1..]).args([&copy, "doctor", "-i", "eth0", flag]))
    };
    let json = ended(&nobody, "--json");
    assert_eq!(json.code, Some(1), "{json:?}");
    let json: Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    let host = &json["host"];
    assert_eq!(check(host, "privileges")["level"], "stop");
    assert_eq!(check(host, "programs")["level"], "unknown");
    assert_eq!(check(host, "features")["level"], "unknown");
    assert!(list(&host["features"]).any(|feature| feature["present"].is_null()), "{host:#}");
    // The interface takes no privilege to look at, but for the program's name.
    let eth0 = interface(&json, "eth0");
    assert_eq!((&eth0["driver"], &eth0["rx_vlan"].is_boolean()), (&"veth".into(), &true));
    assert_eq!((&eth0["programs"][0]["id"], &eth0["programs"][0]["name"]), (&id.into(), &Value::Null));
    let text = ended(&nobody, "--interface=eth0").stdout;
    assert!(text.contains("could not be told from here") && text.contains("CAP_SYS_ADMIN"), "{text}");
}

/// Root of a user namespace has every capability there, and none that counts for BPF.
#[test]
fn root_of_a_user_namespace_is_told_why_bpf_refuses() {
    let name = "root_of_a_user_namespace_is_told_why_bpf_refuses";
    if let Some(reason) = missing(&["unshare"]) {
        return skip(name, &reason);
    }
    let unshare = ["unshare", "--user", "--map-root-user", "--net"];
    let allowed = Command::new(unshare[0]).args(&unshare[1..]).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return skip(name, "user namespaces cannot be made");
    }
    let mut command = Command::new(unshare[0]);
    let ended = Ended::of(command.args(&unshare[1..]).arg(binary()).args(["doctor", "-i", "lo", "--json"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let json: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let bpf = check(&json["host"], "bpf()");
    assert_eq!(bpf["level"], "stop");
    assert!(bpf["remedy"].as_str().is_some_and(|remedy| remedy.contains("user namespace")), "{bpf}");
    assert_eq!(check(interface(&json, "lo"), "state")["level"], "warn");
}
