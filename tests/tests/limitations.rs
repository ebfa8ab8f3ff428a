//! docs/limitations.md names every channel that is counted apart for being like its cover.

use std::path::Path;

use toml::Table;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is counted apart and not named, in backticks, in a row of the document's table.
fn unnamed(exceptions: &str, document: &str) -> Vec<String> {
    let table: Table = exceptions.parse().unwrap();
    let entries =
        table.get("indistinguishable").and_then(|value| value.as_array()).cloned().unwrap_or_default();
    let name = |entry: &toml::Value| {
        let value = entry.get("channel").or_else(|| entry.get("path")).unwrap();
        value.as_str().unwrap().to_owned()
    };
    let is_named = |name: &String| {
        document.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")))
    };
    entries.iter().map(name).filter(|name| !is_named(name)).collect()
}

#[test]
fn channels_like_their_cover_are_explained_in_the_document() {
    let unnamed = unnamed(&read("tests/accuracy.toml"), &read("docs/limitations.md"));
    assert!(unnamed.is_empty(), "add rows to docs/limitations.md for {}", unnamed.join(", "));
}

#[test]
fn what_is_missing_is_found() {
    let exceptions = "[[indistinguishable]]\nchannel = \"a\"\n[[indistinguishable]]\npath = \"b/c.pcap\"\n";
    assert_eq!(unnamed(exceptions, "`a` and `b/c.pcap` in a sentence"), ["a", "b/c.pcap"]);
    assert_eq!(unnamed(exceptions, "| `a`, or `d` | x |\n"), ["b/c.pcap"]);
}
