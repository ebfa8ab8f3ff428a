//! Domain names in wire form, compressed or not.

/// Longest name in wire form, bytes (RFC 1035, 2.3.4).
const MAX_NAME_LEN: usize = 255;

const POINTER: u8 = 0xc0;

/// A name somewhere in a message.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// Reads the name at `at`, and where it ends there; `None` where it is cut or no name.
    ///
    /// Only the bytes at `at` are checked here: where a pointer leads is up to [`Name::labels`].
    #[must_use]
    pub fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let mut end = at;
        while end - at < MAX_NAME_LEN {
            let length = *message.get(end)?;
            end += 1;
            match length {
                0 => return Some((Self { message, at }, end)),
                1..=63 => end += usize::from(length),
                POINTER.. => {
                    message.get(end)?;
                    return Some((Self { message, at }, end + 1));
                }
                _ => return None,
            }
        }
        None
    }

    /// The labels from left to right, as sent.
    ///
    /// Pointers are followed backwards only, so that no message makes this loop; it ends early where one
    /// leads forward or outside of what was captured, and at the name's greatest length.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        Labels { message: self.message, at: self.at, floor: self.at, left: MAX_NAME_LEN }
    }

    /// Where its first label is in the message, behind the pointers that it may begin with. Names that begin at one
    /// place are the same.
    #[must_use]
    pub fn begins_at(&self) -> usize {
        let mut labels = self.labels();
        let label = labels.next().map_or(0, <[u8]>::len);
        labels.at - label
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.labels().next().is_none()
    }
}

/// Iterates over a name's labels.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// Pointers must lead below this.
    floor: usize,
    left: usize,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let length = *self.message.get(self.at)?;
            if length < POINTER {
                let size = usize::from(length) + 1;
                if !(2..=64).contains(&size) || size > self.left {
                    return None;
                }
                let label = self.message.get(self.at + 1..self.at + size)?;
                self.left -= size;
                self.at += size;
                return Some(label);
            }
            let low = *self.message.get(self.at + 1)?;
            let target = usize::from(u16::from_be_bytes([length & !POINTER, low]));
            if target >= self.floor {
                return None;
            }
            self.floor = target;
            self.at = target;
        }
    }
}
