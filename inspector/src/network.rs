//! Networks, as operators write them: an address, or an address and the length of a prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The address.
    #[error("{0:?} is no address or network; write it like 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")]
    Address(String),
    /// The prefix.
    #[error("{0:?} has no prefix of 0 to {1} bits")]
    Prefix(String, u8),
    /// Bits behind the prefix, which are likely to be a slip.
    #[error("{0:?} has bits behind its prefix; is {1} meant?")]
    Host(String, Network),
}

/// The bits of an address from the left, and how many an address of its family has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// The first `prefix` bits set.
const fn mask(prefix: u8) -> u128 {
    // A shift by 128 has no result, which stands for no bits.
    match u128::MAX.checked_shl(128 - prefix as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

impl Network {
    /// Whether the address is in it. IPv4 addresses mapped into IPv6 are IPv4's.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((network, len), (address, its_len)) = (bits(self.address), bits(address.to_canonical()));
        len == its_len && (network ^ address) & mask(self.prefix) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address(text.to_owned()))?;
        let (value, len) = bits(address);
        let Some(prefix) = prefix else {
            return Ok(Self { address, prefix: len });
        };
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= len);
        let prefix = prefix.ok_or_else(|| NetworkError::Prefix(text.to_owned(), len))?;
        let first = value & mask(prefix);
        if first != value {
            let address = match address {
                IpAddr::V4(_) => IpAddr::V4(u32::try_from(first >> 96).unwrap_or_default().into()),
                IpAddr::V6(_) => IpAddr::V6(first.into()),
            };
            return Err(NetworkError::Host(text.to_owned(), Self { address, prefix }));
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, len) = bits(self.address);
        if self.prefix == len {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_matched_by_prefix_and_family() {
        assert!(has("192.0.2.0/24", "192.0.2.255") && !has("192.0.2.0/24", "192.0.3.0"));
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.6"));
        assert!(has("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("2001:db8::/32", "2001:db8:ffff::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(has("::/0", "2001:db8::1"));
    }

    #[test]
    fn slips_are_named_and_what_is_right_is_written_as_it_was_read() {
        let error = |text: &str| text.parse::<Network>().unwrap_err().to_string();
        assert!(error("example.org").contains("no address"));
        assert!(error("192.0.2.0/33").contains("0 to 32"));
        assert!(error("192.0.2.0/").contains("0 to 32"));
        assert_eq!(
            error("192.0.2.7/24"),
            "\"192.0.2.7/24\" has bits behind its prefix; is 192.0.2.0/24 meant?"
        );
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
