//! However it ends, inspector leaves nothing attached, and says what it has seen.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use inspector_tests::lab::covert::whisper;
use inspector_tests::lab::{Ended, Inspector, Network, Process, missing, run, until};
use inspector_tests::skip;

/// For something that happens at once on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_killed_loader_leaves_nothing_attached() {
    if let Some(reason) = missing(&[]) {
        return skip("a_killed_loader_leaves_nothing_attached", &reason);
    }
    let network = Network::direct();
    let namespace = &network.server.namespace;
    let mut inspector = Inspector::watch(namespace, &["eth0"]);
    assert!(namespace.xdp_program("eth0").is_some());
    inspector.process.signal("KILL");
    assert_eq!(inspector.process.wait(PATIENCE).code(), None);
    until("the program to go", PATIENCE, || namespace.xdp_program("eth0").is_none().then_some(()));
}

fn ends_by(signal: &str) {
    let network = Network::direct();
    let namespace = &network.server.namespace;
    let inspector = Inspector::watch(namespace, &["eth0"]);
    network.client.run(&["ping", "-q", "-c", "3", "-i", "0.1", network.server.address]);
    inspector.process.signal(signal);
    let ended = Ended::of_process(inspector.process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(namespace.xdp_program("eth0").is_none(), "still attached");
    let summary = ended.stderr.split_once("eth0: ").map(|(_, rest)| rest).unwrap_or_default();
    let echo = summary.lines().find(|line| line.contains("icmp_echo")).unwrap_or_default();
    assert_eq!(echo.split_whitespace().nth(1), Some("3"), "{ended:?}");
}

#[test]
fn interrupt_detaches_and_sums_up() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("interrupt_detaches_and_sums_up", &reason);
    }
    ends_by("INT");
}

#[test]
fn terminate_detaches_and_sums_up() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("terminate_detaches_and_sums_up", &reason);
    }
    ends_by("TERM");
}

#[test]
fn it_ends_by_itself_after_its_duration() {
    if let Some(reason) = missing(&[]) {
        return skip("it_ends_by_itself_after_its_duration", &reason);
    }
    let network = Network::direct();
    let namespace = &network.server.namespace;
    let ended = Ended::of(&mut run(namespace, &["-i", "eth0", "--duration", "2s"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("eth0: "), "no summary: {ended:?}");
    assert!(namespace.xdp_program("eth0").is_none(), "still attached");
}

#[test]
fn findings_on_stdout_stand_alone_there() {
    if let Some(reason) = missing(&["python3"]) {
        return skip("findings_on_stdout_stand_alone_there", &reason);
    }
    let network = Network::direct();
    let process = Process::spawn(&mut run(&network.server.namespace, &["-i", "eth0", "--eve", "-"]));
    until("it to be attached", PATIENCE, || network.server.namespace.xdp_program("eth0"));
    whisper(&network.client.namespace, network.server.address);
    until("a finding", PATIENCE, || process.stdout().contains('\n').then_some(()));
    process.signal("INT");
    let ended = Ended::of_process(process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.events().iter().all(|event| event.detector() == "icmp-payload"), "{ended:?}");
}

/// As in `inspector run --eve - | head -1`.
#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    if let Some(reason) = missing(&["python3"]) {
        return skip("it_ends_quietly_when_nobody_reads_any_more", &reason);
    }
    let network = Network::direct();
    network.server.namespace.ip("addr add 10.77.0.3/24 dev eth0");
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = run(&network.server.namespace, &["-i", "eth0", "--eve", "-"]);
    let process = Process::spawn_into(&mut command, Some(writer.into()));
    // The command holds on to the writer.
    drop(command);
    until("it to be attached", PATIENCE, || network.server.namespace.xdp_program("eth0"));
    whisper(&network.client.namespace, network.server.address);
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).expect("a finding comes");
    whisper(&network.client.namespace, "10.77.0.3");
    let ended = Ended::of_process(process);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("ERROR") && !ended.stderr.contains("panicked"), "{ended:?}");
    assert!(network.server.namespace.xdp_program("eth0").is_none(), "still attached");
}
