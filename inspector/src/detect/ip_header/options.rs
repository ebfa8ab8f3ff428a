//! IPv4 options (RFC 791; the kinds of IANA's registry).

/// End of options and no operation: one byte each.
const END: u8 = 0;
const NOP: u8 = 1;
/// Options that routers write into, with a pointer: record route, timestamp, loose and strict source route.
const WRITTEN: [u8; 4] = [7, 68, 131, 137];

/// A digest of what a sender can vary in the options of a header: `None` where there is nothing. Routes and
/// timestamps count only from their pointer on, where routers have not written and zeros have to be.
pub(super) fn data(header: &[u8]) -> Option<u64> {
    let mut rest = header.get(20..)?;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut is_any = false;
    while let [kind, tail @ ..] = rest {
        match *kind {
            END => break,
            NOP => rest = tail,
            _ => {
                let len = usize::from(*tail.first()?);
                let option = rest.get(..len).filter(|option| option.len() >= 2)?;
                let from = match option.get(2) {
                    Some(pointer) if WRITTEN.contains(kind) => usize::from(*pointer).saturating_sub(1).max(3),
                    _ => 0,
                };
                let free = option.get(from..).unwrap_or_default();
                if from == 0 || free.iter().any(|byte| *byte != 0) {
                    is_any = true;
                    // FNV-1a.
                    hash = free
                        .iter()
                        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
                }
                rest = &rest[len..];
            }
        }
    }
    is_any.then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[u8]) -> Option<u64> {
        data(&[&[0; 20], options].concat())
    }

    #[test]
    fn labels_tell_and_what_routers_write_does_not() {
        assert_ne!(of(&[0x82, 4, 1, 2]), of(&[0x82, 4, 1, 3]));
        assert_eq!(of(&[7, 11, 8, 10, 0, 0, 1, 0, 0, 0, 0]), None, "one slot written, one free");
        assert!(of(&[7, 7, 4, 1, 2, 3, 4]).is_some(), "data in a slot that no router has filled");
        assert_eq!(of(&[1, 1, 1, 0]), None);
    }

    #[test]
    fn hostile_bytes_end_the_reading() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                of(&[first, second, 0xff, 1]);
            }
        }
        assert_eq!(of(&[0x82, 0]), None);
        assert_eq!(of(&[0x82]), None);
    }
}
