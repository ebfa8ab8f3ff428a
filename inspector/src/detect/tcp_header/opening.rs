//! Fields of SYNs that a stack sets the same way each time, or must leave zero.

use inspector_common::parse::flag::{ACK, FIN, RST, SYN, URG};

use super::options;
use crate::detect::header::Alphabet;
use crate::observation::Head;

/// What the SYNs and resets of a pair had in them.
#[derive(Debug, Default)]
pub(super) struct Openings {
    syns: u32,
    windows: Alphabet,
    /// Greatest segment sizes (RFC 9293 §3.7.1).
    sizes: Alphabet,
    /// Echoes of timestamps where there is none to echo (RFC 7323 §3.2: "must be zero").
    echoes: Alphabet,
    /// Options of kinds that nobody assigned.
    options: Alphabet,
    /// Combinations of flags that no state of a connection has.
    flags: Alphabet,
}

/// Different values of fields that have none, which no stack sets. Base rate: 0; scanners send one or two combinations of flags
/// of those that are counted, and one option.
const ODD_VALUES: u32 = 6;

/// Different windows or segment sizes of one host. Base rate: one for each stack behind an address, at most 7 in
/// the SYNs of a scanner that fingerprints.
const FREE_VALUES: u32 = 14;

/// Their least share of the SYNs: many clients behind one address have few values each many times.
const FREE_SHARE: f64 = 0.4;

impl Openings {
    /// Adds a SYN or a reset.
    pub(super) fn add(&mut self, head: &Head<'_>) {
        let flags = head.meta.tcp_flags;
        if is_impossible(flags) {
            self.flags.add((flags & ALL).into());
        } else if flags & (SYN | ACK | RST) == SYN {
            self.open(head);
        }
    }

    fn open(&mut self, head: &Head<'_>) {
        let header = head.segment().get(..usize::from(head.meta.l4_header_len)).unwrap_or_default();
        let (Some(&[high, low]), Some(list)) = (header.get(14..16), header.get(20..)) else { return };
        // Load generators fill SYNs with random numbers, the acknowledgement that isn't one included.
        if header.get(8..12) != Some(&[0; 4]) {
            return;
        }
        self.syns = self.syns.saturating_add(1);
        self.windows.add(u16::from_be_bytes([high, low]).into());
        if let Some(&[high, low]) = options::find(list, 2) {
            self.sizes.add(u16::from_be_bytes([high, low]).into());
        }
        if let Some(&[_, _, _, _, echo @ ..]) = options::find::<8>(list, 8)
            && echo != [0; 4]
        {
            self.echoes.add(u32::from_be_bytes(echo).into());
        }
        if let Some((content, _)) = options::unknown_in_syn(list) {
            self.options.add(content);
        }
    }

    /// The field that carries data, if one does: its name, how many values it had, and how many it may have.
    pub(super) fn carrier(&self) -> Option<(&'static str, u32, u32)> {
        let is_odd = |values: &Alphabet| values.distinct() >= ODD_VALUES;
        let is_free = |values: &Alphabet| {
            values.distinct() >= FREE_VALUES
                && f64::from(values.distinct()) >= FREE_SHARE * f64::from(self.syns.min(64))
        };
        let odd = [
            ("echoes_of_no_timestamp", &self.echoes),
            ("unassigned_options_in_syns", &self.options),
            ("impossible_flags", &self.flags),
        ];
        let free = [("windows_of_syns", &self.windows), ("segment_sizes_of_syns", &self.sizes)];
        let odd =
            odd.into_iter().filter(|(_, values)| is_odd(values)).map(|(name, it)| (name, it, ODD_VALUES));
        let free =
            free.into_iter().filter(|(_, values)| is_free(values)).map(|(name, it)| (name, it, FREE_VALUES));
        odd.chain(free).map(|(name, values, least)| (name, values.distinct(), least)).next()
    }
}

/// All flags but those of ECN.
const ALL: u8 = 0x3f;

/// Whether a segment opens or resets a connection and does something else at once.
pub(super) const fn is_impossible(flags: u8) -> bool {
    flags & SYN != 0 && flags & (FIN | RST | URG) != 0 || flags & RST != 0 && flags & (FIN | URG) != 0
}
