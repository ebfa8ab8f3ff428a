//! The configuration file, by way of the binary: it is checked, printed, and gone by.

use std::process::Command;

use inspector_tests::capture::{pcap, timed_pcap, tunnels};
use inspector_tests::kernel::frames::Random;
use inspector_tests::lab::{Ended, Scratch, binary};

fn inspector(arguments: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    for variable in ["INSPECTOR_CONFIG", "INSPECTOR_SAMPLE", "INSPECTOR_INTERFACE"] {
        command.env_remove(variable);
    }
    Ended::of(command.args(arguments))
}

fn alerts(ended: &Ended) -> usize {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.events().iter().filter(|event| event.is_alert()).count()
}

#[test]
fn the_default_is_what_is_shown_and_passes_the_check() {
    let folder = Scratch::new();
    let default = inspector(&["config", "default"]);
    let path = folder.write("i.toml", &default.stdout);
    let checked = inspector(&["config", "check", "--config", &path]);
    assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "", ""));
    let (with, without) = (inspector(&["config", "show", "--config", &path]), inspector(&["config", "show"]));
    assert_eq!((with.code, &with.stdout), (Some(0), &without.stdout));
    let again = folder.write("again.toml", &without.stdout);
    assert_eq!(inspector(&["config", "show", "--config", &again]).stdout, without.stdout);
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let folder = Scratch::new();
    let path = folder.write("i.toml", "[run]\nsample = 2\ninterfaces = [\"eth7\"]\n");
    let shown = |flags: &[&str], sample: Option<&str>| {
        let mut command = Command::new(binary());
        command.args(["config", "show", "--config", &path]).args(flags);
        match sample {
            Some(value) => command.env("INSPECTOR_SAMPLE", value),
            None => command.env_remove("INSPECTOR_SAMPLE"),
        };
        Ended::of(&mut command).stdout
    };
    assert!(shown(&[], None).contains("sample = 2\n"));
    assert!(shown(&[], Some("3")).contains("sample = 3\n"));
    assert!(shown(&["--sample", "4"], Some("3")).contains("sample = 4\n"));
    assert!(shown(&[], None).contains("eth7") && !shown(&["-i", "eth0"], None).contains("eth7"));
}

#[test]
fn faults_are_refused_in_one_sentence_wherever_the_file_is_used() {
    let folder = Scratch::new();
    let capture = folder.write("good.pcap", pcap(&tunnels(1)));
    let wrong = folder.write("wrong.toml", "[dns]\nbenign_sufixes = []\n");
    let missing = folder.path("missing.toml");
    for (path, words) in
        [(&wrong, ["line 2", "benign_suffixes"]), (&missing, ["cannot read", "check the path"])]
    {
        for arguments in
            [&["config", "check"][..], &["config", "show"], &["run", "-i", "lo"], &["replay", &capture]]
        {
            let ended = inspector(&[arguments, &["--config", path]].concat());
            ended.assert_refused(&[&[path.as_str()][..], &words].concat());
        }
    }
}

#[test]
fn muted_findings_are_not_reported() {
    let folder = Scratch::new();
    let capture = folder.write("good.pcap", pcap(&tunnels(5)));
    let replayed = |mute: &str| {
        let config = folder.write("i.toml", mute);
        alerts(&inspector(&["replay", "--eve", "-", "--config", &config, &capture]))
    };
    let all = replayed("");
    assert!(all >= 5);
    assert_eq!(replayed("[[mute]]\ndetector = \"icmp-payload\"\n"), 0);
    assert_eq!(replayed("[[mute]]\ndetector = \"dns-volume\"\n"), all);
    let one = replayed("[[mute]]\ndetector = \"icmp-payload\"\nclient = \"10.0.0.3\"\n");
    assert!(one < all && one >= 4, "{one} of {all}");
    assert_eq!(replayed("[[mute]]\nserver = \"192.0.2.0/24\"\nup_to = \"high\"\n"), 0);
}

#[test]
fn tunnels_are_alerts_where_the_policy_says_so() {
    let folder = Scratch::new();
    // GRE from 10.0.0.1 to 192.0.2.1, which holds an empty IPv4 packet.
    let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 44, 0, 1, 0, 0, 64, 47, 0, 0];
    packet.extend([10, 0, 0, 1, 192, 0, 2, 1, 0, 0, 8, 0, 0x45, 0, 0, 20, 0, 1, 0, 0, 64, 59, 0, 0]);
    packet.extend([10, 9, 0, 1, 10, 9, 0, 2]);
    let capture = folder.write("gre.pcap", timed_pcap([(1_700_000_000_000_000, &packet[..])]));
    let replayed = |policy: &str| {
        let config = folder.write("i.toml", policy);
        inspector(&["replay", "--eve", "-", "--config", &config, &capture])
    };
    let silent = replayed("");
    assert_eq!((alerts(&silent), silent.events().len()), (0, 1), "{silent:?}");
    assert_eq!(alerts(&replayed("[tunnels]\nseverity = \"medium\"\n")), 1);
    assert_eq!(alerts(&replayed("[tunnels]\nseverity = \"medium\"\nown = [\"192.0.2.0/24\"]\n")), 0);
}

#[test]
fn names_under_an_operators_suffixes_are_not_judged() {
    let folder = Scratch::new();
    let capture = folder.write("dns.pcap", coded_questions());
    let replayed = |config: &str| {
        let config = folder.write("i.toml", config);
        alerts(&inspector(&["replay", "--eve", "-", "--config", &config, &capture]))
    };
    let all = replayed("");
    assert!(all >= 1);
    assert_eq!(replayed("[dns]\nbenign_suffixes = [\"example.org\"]\n"), 0);
    assert_eq!(replayed("[dns]\nbenign_suffixes = [\"ample.org\"]\n"), all, "at the boundaries of labels");
    // The same under a built-in suffix, and with the list emptied.
    let built_in = inspector(&["config", "suffixes"]);
    assert!(built_in.stdout.contains("\nspamhaus.org\n"));
    let capture = folder.write("bl.pcap", coded_questions_under(b"\x08spamhaus\x03org\0"));
    let replayed = |config: &str| {
        let config = folder.write("i.toml", config);
        alerts(&inspector(&["replay", "--eve", "-", "--config", &config, &capture]))
    };
    assert_eq!(replayed(""), 0);
    assert!(replayed("[dns]\nbuilt_in_suffixes = false\n") >= 1);
}

fn coded_questions() -> Vec<u8> {
    coded_questions_under(b"\x07example\x03org\0")
}

/// Questions for names that never repeat, of one client.
fn coded_questions_under(domain: &[u8]) -> Vec<u8> {
    let mut random = Random(7);
    let mut question = |id: u16| {
        let mut dns = id.to_be_bytes().to_vec();
        dns.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 50]);
        dns.extend((0..50).map(|_| b"abcdefghijklmnopqrstuvwxyz234567"[random.below(32)]));
        dns.extend(domain);
        dns.extend([0, 1, 0, 1]);
        let [udp, ip] = [8, 28].map(|headers| {
            let [.., high, low] = (dns.len() + headers).to_be_bytes();
            [high, low]
        });
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend(ip);
        frame.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 53, 0x9c, 0x40, 0, 53]);
        frame.extend([&udp[..], &[0, 0], &dns].concat());
        frame
    };
    let frames: Vec<_> = (1..=60).map(&mut question).collect();
    pcap(&frames)
}
