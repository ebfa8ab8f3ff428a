//! Findings as inspector writes them.

use serde_json::Value;

/// One line of EVE JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Event(pub Value);

impl Event {
    /// A text in it by its path, such as `/covert/detector`; empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its detector.
    pub fn detector(&self) -> &str {
        self.text("/covert/detector")
    }

    /// Whether its severity is one to wake somebody for.
    pub fn is_alert(&self) -> bool {
        matches!(self.text("/covert/severity"), "medium" | "high")
    }
}

/// Every whole line; panics at one that is no JSON.
pub fn parse(text: &str) -> Vec<Event> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
    whole.lines().map(|line| Event(parse(line))).collect()
}
