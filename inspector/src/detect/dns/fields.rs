//! Fields of a query's header that have one value, or none that anyone chooses.

use crate::detect::header::Spelled;
use crate::dissect::dns::Message;

/// The bit that has been reserved since RFC 1035, when it was one of three.
const RESERVED: u16 = 0x0040;

/// Queries with it that tell, and the least share of queries that have it, and that don't. Base rate: 0 have it.
const LEAST: u32 = 8;
const SHARE: f64 = 0.1;

/// What the headers of a client's queries to a server had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    queries: u32,
    reserved: u32,
    /// Identifiers, which are random (RFC 5452 §9.2) or counted.
    identifiers: Spelled,
}

impl Fields {
    /// Adds a query.
    pub(super) fn add(&mut self, message: &Message<'_>) {
        self.queries = self.queries.saturating_add(1);
        self.reserved = self.reserved.saturating_add(u32::from(message.flags & RESERVED != 0));
        self.identifiers.add(message.id);
    }

    /// The field that carries data, if one does: what was counted, and from which number on it tells.
    pub(super) fn carrier(&self) -> Option<(&'static str, u32, u32)> {
        let share = f64::from(self.reserved) / f64::from(self.queries.max(1));
        if self.reserved >= LEAST && (SHARE..=1.0 - SHARE).contains(&share) {
            return Some(("queries_with_reserved_bit", self.reserved, LEAST));
        }
        let found = self.identifiers.found;
        (found > 0).then_some(("windows_of_printable_identifiers", found, 1))
    }
}
