//! docs/limitations.md names every channel that is counted apart for being like its cover.

use std::path::Path;

use toml::{Table, Value};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is counted apart and not named, in backticks, in a row of the document's table.
fn unnamed(exceptions: &Table, document: &str) -> Vec<String> {
    let entries = exceptions.get("indistinguishable").and_then(Value::as_array).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.get("channel").or_else(|| entry.get("path"))?.as_str());
    let is_named = |name: &&str| {
        document.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")))
    };
    names.filter(|name| !is_named(name)).map(str::to_owned).collect()
}

#[test]
fn channels_like_their_cover_are_explained_in_the_document() {
    let exceptions = read("tests/accuracy.toml").parse().unwrap();
    let unnamed = unnamed(&exceptions, &read("docs/limitations.md"));
    assert!(unnamed.is_empty(), "add rows to docs/limitations.md for {}", unnamed.join(", "));
}

#[test]
fn what_is_missing_is_found() {
    let exceptions = "[[indistinguishable]]\nchannel = \"a\"\n[[indistinguishable]]\npath = \"b/c.pcap\"\n";
    let exceptions = &exceptions.parse().unwrap();
    assert_eq!(unnamed(exceptions, "`a` and `b/c.pcap` in a sentence"), ["a", "b/c.pcap"]);
    assert_eq!(unnamed(exceptions, "| `a`, or `d` | x |\n"), ["b/c.pcap"]);
}
