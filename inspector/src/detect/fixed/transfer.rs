//! TFTP as a carrier (RFC 1350, 2347 to 2349).
//!
//! Blocks are numbered one by one, all but the last have one size, an acknowledgement is four bytes. A client asks for
//! files by the same options again and again. Transfers go on between other ports than the request's, so they are
//! known by the request's client; of a transfer the first packets of each direction and each power of two are
//! seen.

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use inspector_common::FlowKey;

use super::field::{Enough, Field};
use super::names::is_code;
use super::{TRANSFER, Thresholds, evidence, finding};
use crate::detect::pairing::Link;
use crate::detect::table::{Entry, Table};
use crate::dissect::tftp::{Message, texts};
use crate::findings::{Finding, Severity, Subject, Traffic};
use crate::observation::Head;

/// Which text it is, as evidence has it.
const NAME: u16 = 4;
const MODE: u16 = 5;
const OPTION: u16 = 6;
const NUMBER: u16 = 7;
const ERROR: u16 = 8;

/// Blocks that are sent at once before an acknowledgement (RFC 7440), and what is lost.
const WINDOW: u16 = 64;
/// Packets after which a number may be any.
const FAR: u32 = 1 << 14;
/// Least bytes of numbers in options: of 6 digits or so each, so 8 of them.
const NUMBER_BYTES: u64 = 32;

/// The hosts of a transfer, and the client's port.
pub(super) type Session = (Link, u16);

/// A transfer, known by its client's port.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    key: FlowKey,
    traffic: Traffic,
    /// The last block of data and of acknowledgements, with the packet's number in its flow.
    last: [Option<(u16, u32)>; 2],
    /// Length of the last block of data.
    len: u32,
    steps: u32,
    jumps: u32,
    sizes: u32,
    acknowledgements: u32,
    excesses: u32,
    excess_bytes: u64,
}

impl Transfer {
    fn new(key: &FlowKey) -> Self {
        Self {
            key: *key,
            traffic: Traffic::default(),
            last: [None; 2],
            len: 0,
            steps: 0,
            jumps: 0,
            sizes: 0,
            acknowledgements: 0,
            excesses: 0,
            excess_bytes: 0,
        }
    }

    fn add(&mut self, head: &Head<'_>, message: Message<'_>) {
        let to_server = head.meta.key.src == self.key.src;
        self.traffic.add(to_server, head.meta.wire_len, head.meta.time_ns);
        let (i, block) = match message {
            Message::Data(block, _) => {
                let len = head.payload_len();
                // The last one is shorter, and another file may follow.
                self.sizes += u32::from(self.len != 0 && len != self.len);
                self.len = len;
                (0, block)
            }
            Message::Acknowledgement(block, excess) => {
                self.acknowledgements += 1;
                if excess.iter().any(|byte| *byte != 0) {
                    self.excesses += 1;
                    self.excess_bytes += u64::from(head.payload_len().saturating_sub(4));
                }
                (1, block)
            }
            _ => return,
        };
        let number = head.meta.number;
        if let Some((before, then)) = self.last[i].replace((block, number))
            && let Some(packets) = number.checked_sub(then).filter(|packets| *packets < FAR)
        {
            let step = u32::from(block.wrapping_sub(before).wrapping_add(WINDOW));
            self.steps += 1;
            self.jumps += u32::from(step > packets + 2 * u32::from(WINDOW));
        }
    }

    fn judge(&self, t: &Thresholds) -> Option<Finding> {
        let least = t.transfer_faults;
        let is_often = |faults: u32, of: u32| faults >= least && faults * 2 >= of;
        let crossed = [
            ("block_number_jumps", self.jumps, is_often(self.jumps, self.steps), 2),
            ("block_size_changes", self.sizes, self.sizes >= least, 1),
            ("acknowledgements_with_data", self.excesses, is_often(self.excesses, self.acknowledgements), 0),
        ];
        let (name, count, _, bytes) = crossed.into_iter().find(|(_, _, is_crossed, _)| *is_crossed)?;
        let measured = vec![
            evidence(name, count.into(), Some(least.into()), "packets"),
            evidence("steps", self.steps.into(), None, "packets"),
        ];
        let bytes = self.excess_bytes + bytes * u64::from(count);
        let subject = Subject::of(&self.key, true);
        Some(finding(&TRANSFER, subject, Severity::Medium, measured, bytes, self.traffic))
    }
}

/// Looks at a datagram of a transfer that was asked for.
pub(super) fn follow(
    transfers: &mut Table<Session, Transfer>,
    fields: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    for port in [key.dst_port, key.src_port] {
        let Some(transfer) = transfers.get(&(Link::hosts(key), port)) else { continue };
        match Message::parse(head.payload()) {
            Some(Message::Error(_, text)) if is_code(text) => refusal(fields, head, text, t, findings),
            Some(message) => {
                transfer.add(head, message);
                findings.extend(transfer.judge(t));
            }
            None => {}
        }
        return;
    }
}

/// Looks at a datagram to or from port 69.
pub(super) fn observe(
    transfers: &mut Table<Session, Transfer>,
    fields: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let Some(Message::Request(rest)) = Message::parse(head.payload()).filter(|_| key.dst_port == 69) else {
        return;
    };
    if let Some(transfer) = transfers.entry((Link::hosts(key), key.src_port), || Transfer::new(key)) {
        *transfer = Transfer::new(key);
        transfer.traffic.add(true, head.meta.wire_len, head.meta.time_ns);
    }
    let scope = FixedState::default().hash_one((key.src, key.ifindex, key.vlan, TRANSFER.id));
    let is_read = head.payload().get(1) == Some(&1);
    let mut look = |code: u16, value: &[u8], enough: Enough| {
        let Some(field) = fields.entry((scope, code), Field::new) else { return };
        field.add(head, value, true);
        findings.extend(field.judge(&TRANSFER, key, (code, true), enough));
    };
    let text = Enough { values: t.texts, bytes: t.option_bytes };
    let mut texts = texts(rest);
    if let Some(name) = texts.next()
        && is_code(name)
    {
        look(NAME, name, text);
    }
    if let Some(mode) = texts.next() {
        let is_mode = [&b"octet"[..], b"netascii", b"mail"].iter().any(|it| mode.eq_ignore_ascii_case(it));
        if !is_mode {
            look(MODE, mode, text);
        }
    }
    while let Some((name, value)) = texts.next().zip(texts.next()) {
        if is_code(name) || is_code(value) {
            look(OPTION, &[name, b"=", value].concat(), text);
        }
        // A client has one size of blocks, and asks for a file's size by 0 (RFC 2349 §3).
        let is_fixed = name.eq_ignore_ascii_case(b"blksize")
            || (is_read && name.eq_ignore_ascii_case(b"tsize") && value != b"0");
        if is_fixed {
            let name = u16::from(name.first().copied().unwrap_or_default());
            look(NUMBER << 8 | name, value, Enough { values: t.texts, bytes: NUMBER_BYTES });
        }
    }
}

/// Looks at a coded text that comes instead of a file.
fn refusal(
    fields: &mut Table<(u64, u16), Field>,
    head: &Head<'_>,
    text: &[u8],
    t: &Thresholds,
    findings: &mut Vec<Finding>,
) {
    let key = &head.meta.key;
    let scope = FixedState::default().hash_one((key.src, key.dst, TRANSFER.id));
    let Some(field) = fields.entry((scope, ERROR), Field::new) else { return };
    field.add(head, text, false);
    let enough = Enough { values: t.texts, bytes: t.option_bytes };
    findings.extend(field.judge(&TRANSFER, key, (ERROR, false), enough));
}

impl Entry for Transfer {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.jumps + self.sizes + self.excesses > 1)
    }
}
