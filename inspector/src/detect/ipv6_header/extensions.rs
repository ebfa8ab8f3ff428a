//! IPv6 extension headers (RFC 8200 §4) as carriers.

/// What a sender can vary in the extension headers of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// A digest of the bytes of options and routing headers that no standard knows, and of padding that is not
    /// zero (RFC 8200 §4.2: it must be).
    pub(super) free: Option<u64>,
    /// How many bytes that are.
    pub(super) bytes: u32,
    /// A digest of which headers and options came in which order.
    pub(super) layout: u64,
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;

/// FNV-1a.
fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// A digest of bytes.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    mix(EMPTY, bytes)
}

/// Reads the extension headers behind the fixed header, as far as they were captured.
pub(super) fn content(header: &[u8]) -> Content {
    let mut content = Content { layout: EMPTY, ..Content::default() };
    let Some((mut next, mut rest)) = header.get(6).copied().zip(header.get(40..)) else {
        return content;
    };
    while matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION | MOBILITY) {
        let &[following, length, ..] = rest else { break };
        let size = if next == FRAGMENT { 8 } else { (usize::from(length) + 1) * 8 };
        let body = rest.get(2..size.min(rest.len())).unwrap_or_default();
        content.layout = mix(content.layout, &[next]);
        match next {
            HOP_BY_HOP | DESTINATION => options(body, &mut content),
            ROUTING => routing(body, &mut content),
            _ => {}
        }
        (next, rest) = (following, rest.get(size..).unwrap_or_default());
    }
    content
}

impl Content {
    fn add(&mut self, bytes: &[u8]) {
        self.free = Some(mix(self.free.unwrap_or(EMPTY), bytes));
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
}

fn options(mut rest: &[u8], content: &mut Content) {
    const PAD1: u8 = 0;
    const PADN: u8 = 1;
    const ROUTER_ALERT: u8 = 5;
    while let [kind, tail @ ..] = rest {
        content.layout = mix(content.layout, &[*kind]);
        if *kind == PAD1 {
            rest = tail;
            continue;
        }
        let Some((length, tail)) = tail.split_first() else { return };
        let data = tail.get(..usize::from(*length)).unwrap_or(tail);
        let is_free =
            if *kind == PADN { data.iter().any(|byte| *byte != 0) } else { !is_known(*kind, *length) };
        // Values of router alert are assigned up to 69 (RFC 6398).
        let is_free = is_free || (*kind == ROUTER_ALERT && data.first().is_some_and(|high| *high != 0));
        if is_free {
            content.add(data);
        }
        rest = tail.get(usize::from(*length)..).unwrap_or_default();
    }
}

/// Whether IANA's registry has an option, and it may be so long.
const fn is_known(kind: u8, length: u8) -> bool {
    match kind {
        // Jumbo payload, MPL, RPL (two numbers), SMF, router alert, quick-start, path MTU, alternate marking.
        0xc2 | 0x12 | 0x92 | 0x30 => length == 4,
        0x05 => length == 2,
        0x26 => length == 6,
        0xc9 => length == 16,
        0x63 | 0x23 => length >= 4 && length <= 16,
        0x04 => length == 1,
        0x07 => length >= 8,
        0x6d | 0x08 | 0x8b => true,
        // In-situ OAM: two bytes and a header of four or more (RFC 9486).
        0x11 | 0x31 => length >= 10,
        _ => false,
    }
}

fn routing(body: &[u8], content: &mut Content) {
    let &[kind, segments, ref data @ ..] = body else { return };
    content.layout = mix(content.layout, &[kind]);
    let is_known = match kind {
        // Source routes of old, Mobile IPv6, RPL, segment routing, compact ones.
        0 | 3 | 4 | 5 | 6 => true,
        2 => segments <= 1 && data.len() == 20,
        _ => false,
    };
    if !is_known {
        content.add(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(next: u8, extension: &[u8]) -> Content {
        let mut header = [0u8; 40];
        header[6] = next;
        content(&[&header, extension].concat())
    }

    #[test]
    fn padding_tells_only_where_it_is_not_zero() {
        assert_eq!(of(60, &[6, 0, 1, 4, 0, 0, 0, 0]).free, None);
        let padding = of(60, &[6, 0, 1, 4, 0, 9, 0, 0]);
        assert!(padding.free.is_some() && padding.bytes == 4);
    }

    #[test]
    fn known_options_are_silent_and_unknown_or_misshapen_ones_are_not() {
        assert_eq!(of(0, &[58, 0, 5, 2, 0, 0, 1, 0]).free, None, "router alert of MLD");
        assert!(of(0, &[58, 0, 5, 2, 9, 1, 1, 0]).free.is_some(), "a router alert that nobody assigned");
        assert!(of(60, &[58, 0, 0x1e, 4, 1, 2, 3, 4]).free.is_some());
        assert!(of(60, &[58, 0, 0x12, 3, 1, 2, 3, 0]).free.is_some(), "alternate marking has four bytes");
        assert!(of(43, &[58, 0, 253, 0, 1, 2, 3, 4]).free.is_some());
        assert_eq!(of(43, &[58, 0, 4, 0, 1, 2, 3, 4]).free, None);
    }

    #[test]
    fn the_order_of_headers_is_part_of_the_layout() {
        let pad = [1, 4, 0, 0, 0, 0];
        let two = |first: u8, second: u8| of(first, &[&[second, 0][..], &pad, &[6, 0], &pad].concat()).layout;
        assert_ne!(two(0, 60), two(60, 0));
    }

    #[test]
    fn hostile_bytes_end_the_reading() {
        for first in 0..=255u8 {
            for length in 0..=255u8 {
                of(60, &[60, length, first, length, 1, 2]);
                of(43, &[43, length, first]);
                of(first, &[length]);
            }
        }
        content(&[]);
    }
}
