//! DHCP's options and fields of text as carriers.
//!
//! What a client says of itself, and a server of the network, is the same in every message; few options change
//! from message to message by their meaning. A channel that makes up a hardware address for each message would be
//! a new client each time: for those only values count that are random throughout and new among all clients.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use super::field::{Enough, Field};
use super::names::is_code;
use super::{OPTIONS, Thresholds};
use crate::detect::noise;
use crate::detect::table::Table;
use crate::dissect::dhcp::Message;
use crate::findings::Finding;
use crate::observation::Head;

/// Fields that are no options, as codes that options can't have: boot file and server names share one, padding of the
/// hardware address has the other.
const NAMES: u8 = 0;
const PADDING: u8 = 255;

/// Options that change by their meaning: addresses that are asked for and handed out, lease and renewal times, message
/// type, server, sizes, message text, client times, authentication, agent information, lease queries, overload. Those
/// of a fixed size or form only as long as they have it (RFC 2132, 3046).
fn changes(code: u8, value: &[u8]) -> bool {
    let len = value.len();
    match code {
        50 | 51 | 54 | 58 | 59 | 91 | 92 | 118 => len == 4,
        57 => len == 2,
        52 | 53 => len == 1,
        56 => value.is_ascii(),
        82 => is_list(value),
        1..=6 | 28 | 90 | 151..=157 => true,
        _ => false,
    }
}

/// Looks at the options of a message.
pub(super) fn observe(
    table: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    message: &Message<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let hasher = FixedState::default();
    // A server's answers differ from client to client, a relay's address stands for many clients.
    let one = hasher.hash_one((message.is_request, message.hardware, key.src));
    let all = hasher.hash_one((message.is_request, key.src, key.ifindex, key.vlan));
    let names = message.names.into_iter().map(|name| (NAMES, name));
    let padding = [(PADDING, message.hardware_padding)];
    let fields = message.options().filter(|(code, value)| !changes(*code, value)).chain(names).chain(padding);
    for (code, value) in fields {
        if value.iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut look = |scope, values| {
            let field = table.entry((scope, code.into()), Field::new)?;
            field.add(head, value, message.is_request);
            field.judge(
                &OPTIONS,
                key,
                (code.into(), message.is_request),
                Enough { values, bytes: t.option_bytes },
            )
        };
        findings.extend(look(one, t.option_values));
        if is_opaque(value) {
            findings.extend(look(all, t.option_values_opaque));
        }
    }
}

/// Whether a value is random throughout, or a code of such: neither words nor made of parts.
fn is_opaque(value: &[u8]) -> bool {
    (noise::is_uniform(value) && !is_list(value)) || is_code(value)
}

/// A list of code, length and value that ends where the value does, as vendors' options are.
fn is_list(mut rest: &[u8]) -> bool {
    while let [_, len, after @ ..] = rest {
        match after.get(usize::from(*len)..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
    rest.is_empty()
}
