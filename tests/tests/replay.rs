//! `inspector replay`: what it says of good, damaged and impossible captures.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use inspector_tests::capture::{pcap, tunnels};
use inspector_tests::lab::{Ended, Event, Process, Scratch, binary};

fn replay(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("replay").args(arguments);
    command
}

#[test]
fn what_is_no_capture_is_refused() {
    let folder = Scratch::new();
    let text = folder.write("notes.txt", "Not a capture, but long enough to be looked at in earnest.\n");
    let short = folder.write("short.pcap", [0xd4, 0xc3]);
    for path in [folder.path("missing.pcap"), folder.path(""), text, short] {
        let ended = Ended::of(&mut replay(&[&path]));
        ended.assert_refused(&[path.as_str()]);
    }
}

#[test]
fn a_capture_cut_short_is_analysed_as_far_as_it_goes() {
    let folder = Scratch::new();
    let mut capture = pcap(&tunnels(1));
    capture.truncate(capture.len() - 100);
    let ended = Ended::of(&mut replay(&["--eve", "-", &folder.write("cut.pcap", capture)]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains("cut.pcap"), "{ended:?}");
    assert!(ended.events().iter().any(Event::is_alert), "{ended:?}");
}

#[test]
fn an_empty_capture_is_no_fault() {
    let folder = Scratch::new();
    let ended = Ended::of(&mut replay(&[&folder.write("empty.pcap", pcap(&[]))]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.is_empty() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn one_bad_capture_does_not_keep_the_others_from_being_read() {
    let folder = Scratch::new();
    let good = folder.write("good.pcap", pcap(&tunnels(1)));
    let ended = Ended::of(&mut replay(&["--eve", "-", &folder.path("missing.pcap"), &good]));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.events().iter().any(Event::is_alert), "{ended:?}");
}

#[test]
fn a_capture_may_come_from_a_pipe() {
    let folder = Scratch::new();
    let path = folder.write("good.pcap", pcap(&tunnels(1)));
    let mut command = Command::new("sh");
    command.args(["-c", r#"cat "$1" | "$0" replay --eve - -"#]).arg(binary()).arg(&path);
    let ended = Ended::of(&mut command);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let from_file = Ended::of(&mut replay(&["--eve", "-", &path]));
    assert_eq!(ended.events(), from_file.events());
    assert!(!ended.events().is_empty());
}

#[test]
fn findings_on_stdout_stand_alone_there() {
    let folder = Scratch::new();
    let path = folder.write("good.pcap", pcap(&tunnels(5)));
    for arguments in [&["--eve", "-"][..], &["--format", "json"], &["--eve", "-", "--format", "text"]] {
        let ended = Ended::of(&mut replay(&[arguments, &[path.as_str()]].concat()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.events().len() >= 5, "{ended:?}");
    }
}

#[test]
fn findings_for_people_are_no_json() {
    let folder = Scratch::new();
    let path = folder.write("good.pcap", pcap(&tunnels(1)));
    let eve = folder.path("eve.json");
    let ended = Ended::of(&mut replay(&["--summary", "--eve", &eve, &path]));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    for part in ["[icmp-payload]", "10.0.0.1 → 192.0.2.1", "good.pcap: 30 packets"] {
        assert!(ended.stdout.contains(part), "{part} is not in {ended:?}");
    }
    assert!(!folder.read("eve.json").is_empty());
}

/// As in `inspector replay --eve - | head -1`.
#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let folder = Scratch::new();
    // More findings than a pipe holds.
    let path = folder.write("many.pcap", pcap(&tunnels(250)));
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = replay(&["--eve", "-", &path, &path]);
    let mut process = Process::spawn_into(&mut command, Some(Stdio::from(writer)));
    drop(command);
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).expect("a finding comes");
    assert!(process.wait(Duration::from_secs(20)).success());
    assert_eq!(process.stderr(), "");
}

#[test]
fn a_full_disk_is_told_once() {
    let folder = Scratch::new();
    let path = folder.write("good.pcap", pcap(&tunnels(5)));
    let full = File::create("/dev/full").expect("every Linux has it");
    let mut process = Process::spawn_into(&mut replay(&["--eve", "-", &path]), Some(full.into()));
    process.wait(Duration::from_secs(20));
    assert_eq!(process.stderr().matches("No space left").count(), 1, "{}", process.stderr());
}

/// By the flag, the environment or the file, that over which the flag goes.
#[test]
fn bytes_of_packets_can_be_left_out_of_what_is_written() {
    let folder = Scratch::new();
    let path = folder.write("good.pcap", pcap(&tunnels(1)));
    let quiet = folder.write("i.toml", "[findings]\nexcerpts = false\n");
    let shown = |arguments: &[&str], environment: Option<&str>| {
        let mut command = replay(&[arguments, &["--eve", "-", path.as_str()]].concat());
        command.envs(environment.map(|value| ("INSPECTOR_EXCERPTS", value)));
        let ended = Ended::of(&mut command);
        assert!(ended.code == Some(0) && ended.events().iter().any(Event::is_alert), "{ended:?}");
        ended.stdout.contains("\"excerpt\":")
    };
    assert!(shown(&[], None), "by default they are written");
    assert!(!shown(&["--excerpts", "off"], None));
    assert!(!shown(&[], Some("off")));
    assert!(!shown(&["--config", &quiet], None));
    assert!(shown(&["--config", &quiet, "--excerpts", "on"], None));
    let text = Ended::of(&mut replay(&["--excerpts", "off", &path])).stdout;
    assert!(text.contains("  why ") && !text.contains("  saw "), "{text}");
}
