//! DHCP for IPv6 (RFC 8415).

/// Options, as code and value, up to one that is cut short.
pub fn options(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [c0, c1, l0, l1, after @ ..] = rest else { return None };
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        rest = after;
        Some((u16::from_be_bytes([*c0, *c1]), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_options_up_to_one_that_is_cut() {
        let bytes = [0, 1, 0, 2, 7, 8, 0, 8, 0, 1, 9, 0, 3, 0, 9, 1];
        assert_eq!(options(&bytes).collect::<Vec<_>>(), [(1, &[7, 8][..]), (8, &[9])]);
    }
}
