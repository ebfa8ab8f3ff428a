//! Options of DHCP for IPv6 as carriers.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::{OPTIONS, Thresholds};
use crate::detect::table::Table;
use crate::dissect::dhcpv6::options;
use crate::findings::Finding;
use crate::observation::Head;

/// Options that change by their meaning: addresses and their times, what is relayed, times, proofs, states.
const fn changes(code: u16) -> bool {
    matches!(code, 3..=5 | 8 | 9 | 11 | 13 | 18 | 19 | 25 | 26 | 32 | 37 | 44..=48 | 79 | 82 | 83 | 87 | 128..=134)
}

/// Looks at the options of a message. A relay's stand for many clients.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let Some([kind, _, _, _, rest @ ..]) = head.payload().first_chunk::<4>().map(|_| head.payload()) else {
        return;
    };
    if !matches!(kind, 1..=11) {
        return;
    }
    let is_request = key.dst_port == 547;
    // The client's identifier, which its server repeats.
    let client = options(rest).find(|(code, _)| *code == 1).map_or(&[][..], |(_, value)| value);
    let scope = FixedState::default().hash_one((key.src, client, is_request));
    for (code, value) in options(rest).filter(|(code, _)| !changes(*code)) {
        if value.iter().all(|byte| *byte == 0) {
            continue;
        }
        let Some(field) = table.entry((scope, code), Field::new) else { continue };
        field.add(head, value, is_request);
        let enough = Enough { values: t.option_values, bytes: t.option_bytes };
        findings.extend(field.judge(&OPTIONS, key, (code, is_request), enough));
    }
}
