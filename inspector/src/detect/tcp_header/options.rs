//! TCP options after the handshake.

/// Options that data segments have: end, no operation, SACK, timestamp, MD5 (RFC 2385), authentication (RFC 5925),
/// multipath (RFC 8684), encryption (RFC 8547), Accurate ECN (RFC 9768: 172 and 174); and of old, with a new value in
/// each segment or connection: echo (RFC 1072), transactions (RFC 1644), alternate checksums (RFC 1146), quick start.
const KNOWN: [u8; 18] = [0, 1, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18, 19, 27, 29, 30, 69, 172];
/// Kinds of middleboxes that talk to each other in options (IANA: Riverbed and others).
const MIDDLEBOX: [u8; 6] = [33, 76, 77, 78, 174, 34];

/// By kind, whether it is one of those.
const IS_KNOWN: [bool; 256] = {
    let mut is_known = [false; 256];
    let mut at = 0;
    while at < KNOWN.len() {
        is_known[KNOWN[at] as usize] = true;
        at += 1;
    }
    let mut at = 0;
    while at < MIDDLEBOX.len() {
        is_known[MIDDLEBOX[at] as usize] = true;
        at += 1;
    }
    is_known
};

/// Identifiers of experiments in options 253 and 254 (RFC 6994, IANA's registry): Accurate ECN's counters, acknowledgement
/// rates, fast open, encryption, SMC-R.
const EXPERIMENTS: [[u8; 2]; 7] =
    [[0xac, 0xce], [0xac, 0xc0], [0xac, 0xc1], [0x00, 0xac], [0xf9, 0x89], [0x45, 0x4e], [0xe2, 0xd4]];

/// A digest of the options that no standard puts into a data segment, and how many bytes they have.
pub(super) fn unknown(options: &[u8]) -> Option<(u64, u32)> {
    let mut rest = options;
    let mut found: Option<(u64, u32)> = None;
    while let [kind, tail @ ..] = rest {
        match *kind {
            0 => break,
            1 => rest = tail,
            _ => {
                let len = usize::from(*tail.first()?);
                let option = rest.get(..len).filter(|option| option.len() >= 2)?;
                let is_known_experiment =
                    matches!(option, [253 | 254, _, a, b, ..] if EXPERIMENTS.contains(&[*a, *b]));
                if is_known_experiment {
                    rest = &rest[len..];
                    continue;
                }
                if !IS_KNOWN[usize::from(*kind)] {
                    let (hash, bytes) = found.unwrap_or((0xcbf2_9ce4_8422_2325, 0));
                    // FNV-1a.
                    let hash = option
                        .iter()
                        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
                    found = Some((hash, bytes + u32::from(*tail.first()?) - 2));
                }
                rest = &rest[len..];
            }
        }
    }
    found
}

/// What no stack opens a connection with: kinds of options that nobody assigned. Those of segments go for SYNs, too, and
/// there are more: sizes, scales, selective acknowledgements, and others of old.
pub(super) fn unknown_in_syn(options: &[u8]) -> Option<(u64, u32)> {
    let mut rest = options;
    while let [kind, tail @ ..] = rest {
        match *kind {
            0 => return None,
            1 => rest = tail,
            2..=30 => rest = rest.get(usize::from(*tail.first()?).max(2)..)?,
            _ => return unknown(rest),
        }
    }
    None
}

/// The data of the first option of a kind, if it has this length.
pub(super) fn find<const LEN: usize>(options: &[u8], wanted: u8) -> Option<&[u8; LEN]> {
    let mut rest = options;
    while let [kind, tail @ ..] = rest {
        match *kind {
            0 => return None,
            1 => rest = tail,
            _ => {
                let len = usize::from(*tail.first()?);
                let option = rest.get(..len).filter(|option| option.len() >= 2)?;
                if *kind == wanted {
                    return option.get(2..)?.try_into().ok();
                }
                rest = &rest[len..];
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_standard_puts_there_is_unknown() {
        let timestamp = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(unknown(&timestamp), None);
        let odd = |data: u8| unknown(&[&timestamp[..], &[253, 4, data, 0]].concat());
        assert!(odd(1).is_some_and(|(_, bytes)| bytes == 2));
        assert_ne!(odd(1), odd(2));
        assert_eq!(unknown(&[254, 8, 0xac, 0xce, 1, 2, 3, 4]), None, "counters of Accurate ECN");
    }

    #[test]
    fn options_of_syns_are_found() {
        let syn = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];
        assert_eq!(find(&syn, 2), Some(&[5, 180]));
        assert_eq!(find(&syn, 8), Some(&[1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!((find::<1>(&syn, 8), find::<2>(&syn, 9)), (None, None));
        assert_eq!(unknown_in_syn(&syn), None);
        assert_eq!(unknown_in_syn(&[&syn[..], &[34, 4, 1, 2, 76, 4, 1, 2]].concat()), None);
        assert!(unknown_in_syn(&[&syn[..], &[200, 4, 1, 2]].concat()).is_some());
    }

    #[test]
    fn hostile_bytes_end_the_reading() {
        for kind in 0..=255u8 {
            for length in 0..=255u8 {
                unknown(&[kind, length, 7]);
                unknown_in_syn(&[kind, length, 7]);
                let _: Option<&[u8; 1]> = find(&[kind, length, 7], kind);
            }
        }
    }
}
