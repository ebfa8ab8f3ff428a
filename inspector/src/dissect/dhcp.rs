//! DHCP for IPv4 and BOOTP (RFC 2131, 2132).

const FIXED: usize = 236;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

/// A message, as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whether a client sends it.
    pub is_request: bool,
    /// The client's hardware address: as many bytes as it has.
    pub hardware: &'a [u8],
    /// What is left of the field of 16 bytes: zeros.
    pub hardware_padding: &'a [u8],
    /// The server's name and the boot file's: text that ends with a zero, or options.
    pub names: [&'a [u8]; 2],
    options: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message. BOOTP's, which has no options, is one too.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = payload.split_at_checked(FIXED)?;
        let [op @ (1 | 2), _, len @ 0..=16, ..] = *fixed else {
            return None;
        };
        let (hardware, hardware_padding) = fixed.get(28..44)?.split_at_checked(usize::from(len))?;
        let names = [fixed.get(44..108)?, fixed.get(108..236)?];
        let options = rest.strip_prefix(&COOKIE).unwrap_or_default();
        Some(Self { is_request: op == 1, hardware, hardware_padding, names, options })
    }

    /// Its options, as code and value; one that is cut short ends them.
    pub fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        const PAD: u8 = 0;
        const END: u8 = 255;
        let mut rest = self.options;
        std::iter::from_fn(move || {
            loop {
                match *rest {
                    [PAD, ref after @ ..] => rest = after,
                    [END, ..] | [] | [_] => return None,
                    [code, len, ref after @ ..] => {
                        let (value, after) = after.split_at_checked(usize::from(len))?;
                        rest = after;
                        return Some((code, value));
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_options_up_to_the_end() {
        let mut bytes = vec![0; FIXED];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes.extend(COOKIE);
        bytes.extend([53, 1, 1, 0, 0, 12, 2, b'p', b'c', 255, 1, 2, 3]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.hardware.len(), 6);
        assert_eq!(message.options().collect::<Vec<_>>(), [(53, &[1_u8][..]), (12, b"pc")]);
        for end in 0..bytes.len() {
            if let Some(message) = Message::parse(&bytes[..end]) {
                assert!(message.options().count() <= 2);
            }
        }
    }
}
