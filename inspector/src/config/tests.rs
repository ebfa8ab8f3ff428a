use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("i.toml"))
}

fn fault(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_default_file_says_what_holds_without_one() {
    assert_eq!(parse(DEFAULT).unwrap(), Config::default());
    let uncommented = DEFAULT
        .replace("# eve", "eve")
        .replace("# state", "state")
        .replace("# [[", "[[")
        .replace("# detector", "detector");
    let config = parse(&uncommented).unwrap();
    assert_eq!((config.run.eve.is_some(), config.mute.len()), (true, 1), "the examples are right, too");
}

#[test]
fn what_is_written_is_read_again() {
    let text = r#"
        [run]
        interfaces = ["wan*"]
        mode = "native"
        eve = "/tmp/eve.json"
        [findings]
        excerpts = false
        [dns]
        benign_suffixes = ["corp.example"]
        [tunnels]
        severity = "medium"
        own = ["192.0.2.0/24", "2001:db8::1"]
        [beacon]
        allowed = ["192.0.2.0/24", "updates.example"]
        [[mute]]
        client = "10.0.0.0/8"
        up_to = "low"
    "#;
    let config = parse(text).unwrap();
    assert_eq!(config.tunnels.severity, Severity::Medium);
    assert!(!config.findings.excerpts);
    assert_eq!(parse(&toml::to_string(&config).unwrap()).unwrap(), config);
}

#[test]
fn faults_name_the_place_and_what_is_right() {
    for (text, words) in [
        ("[run]\nintefaces = []", &["line 2", "intefaces", "interfaces"][..]),
        ("[run]\n\nmode = \"fast\"", &["line 3", "auto, native, generic"]),
        ("[run]\nsample = 0", &["line 2", "1 or more"]),
        ("[findings]\nexcerpts = \"some\"", &["line 2", "boolean"]),
        ("[tunnels]\nseverity = \"loud\"", &["line 2", "loud", "medium"]),
        ("[tunnels]\nown = [\"192.0.2.1/24\"]", &["line 2", "192.0.2.0/24"]),
        ("[beacon]\nallowed = [\"192.0.2.0/99\"]", &["line 2", "192.0.2.0/99"]),
        ("[dns]\nbenign_suffixes = [\"*.example.org\"]", &["dns.benign_suffixes", "*.example.org"]),
        ("[[mute]]\ndetector = \"icmp\"", &["icmp-payload", "custom-protocol"]),
        ("[[mute]]\nup_to = \"low\"", &["entry 1", "name a detector"]),
        ("[[mute]]\nhost = \"192.0.2.1\"", &["line 2", "host", "client"]),
        ("no toml", &["line 1"]),
    ] {
        let fault = fault(text);
        assert_eq!(fault.lines().count(), 1, "{fault}");
        for word in ["i.toml"].iter().chain(words) {
            assert!(fault.contains(word), "{word:?} is not in {fault:?}");
        }
    }
}
