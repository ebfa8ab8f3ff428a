//! What of the calls survives a restart.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Pair;
use super::rhythm::{Call, KEPT, Rhythm};
use crate::detect::table::Table;
use crate::findings::Traffic;

/// Calls from which on a pair is worth keeping.
const LEAST_CALLS: usize = 3;

/// One pair. Times are of the wall clock.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    pair: Pair,
    /// When it began, bytes sent and got, TCP flags of client and server, whether after a break.
    calls: Vec<(i64, u64, u64, u8, u8, bool)>,
    last: u64,
    names: Vec<u64>,
    new_names: u32,
    questions: u32,
}

/// The pairs with several calls.
pub(super) fn save(pairs: &Table<Pair, Rhythm>, wall_offset_ns: i64) -> Value {
    let one = |(pair, rhythm): (&Pair, &Rhythm)| {
        let calls = rhythm.calls.iter().map(|call| {
            let Call { begin_ns, sent, got, client_flags, server_flags, is_after_break } = *call;
            (begin_ns.saturating_add(wall_offset_ns), sent, got, client_flags, server_flags, is_after_break)
        });
        let (names, calls) = (rhythm.names.to_vec(), calls.collect());
        let Rhythm { last, new_names, questions, .. } = *rhythm;
        Saved { pair: *pair, calls, last, names, new_names, questions }
    };
    let worth = pairs.iter().filter(|(_, rhythm)| rhythm.calls.len() >= LEAST_CALLS);
    // Maps with keys of other types than strings are what cannot be written; there is none.
    serde_json::to_value(worth.map(one).collect::<Vec<_>>()).unwrap_or_default()
}

/// Reads them back; the next call of each comes after a break.
pub(super) fn read(value: Value, wall_offset_ns: i64) -> Result<Vec<(Pair, Rhythm)>, serde_json::Error> {
    let saved: Vec<Saved> = serde_json::from_value(value)?;
    let one = |saved: Saved| {
        let Saved { pair, calls, last, mut names, new_names, questions } = saved;
        let mut calls: Vec<Call> = calls
            .into_iter()
            .map(|(begin_ns, sent, got, client_flags, server_flags, is_after_break)| {
                let begin_ns = begin_ns.saturating_sub(wall_offset_ns);
                Call { begin_ns, sent, got, client_flags, server_flags, is_after_break }
            })
            .collect();
        calls.sort_by_key(|call| call.begin_ns);
        calls.drain(..calls.len().saturating_sub(KEPT));
        names.truncate(KEPT);
        let time = |call: Option<&Call>| call.map_or(0, |call| u64::try_from(call.begin_ns).unwrap_or(0));
        let bytes = |of: fn(&Call) -> u64| calls.iter().map(of).fold(0, u64::saturating_add);
        let traffic = Traffic {
            bytes_to_server: bytes(|call| call.sent),
            bytes_to_client: bytes(|call| call.got),
            first_ns: time(calls.first()),
            last_ns: time(calls.last()),
            ..Traffic::default()
        };
        let rhythm = Rhythm {
            count: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            calls: calls.into(),
            last,
            names: names.into(),
            new_names,
            questions,
            traffic,
            is_after_break: true,
            ..Rhythm::default()
        };
        (pair, rhythm)
    };
    Ok(saved.into_iter().map(one).collect())
}
