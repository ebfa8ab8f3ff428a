//! Destinations that the operator expects to be called.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// An address or a network, or a domain with all below it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Allowed {
    /// Servers in it.
    Network(Network),
    /// Names asked of DNS: this one, in lower case, and all that end in a dot and it.
    Domain(String),
}

/// Why a text names no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address, network or domain; write it like 192.0.2.7, 2001:db8::/32 or example.org")]
pub struct AllowedError(String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let domain = text.trim_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let has_letter = domain.bytes().any(|byte| byte.is_ascii_alphabetic());
        if has_letter && domain.split('.').all(is_label) {
            Ok(Self::Domain(domain))
        } else {
            Err(AllowedError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Allowed {
    type Error = AllowedError;

    fn try_from(text: String) -> Result<Self, AllowedError> {
        text.parse()
    }
}

impl From<Allowed> for String {
    fn from(allowed: Allowed) -> Self {
        allowed.to_string()
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

impl Allowed {
    pub(super) fn has_server(&self, server: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(server))
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        let Self::Domain(domain) = self else { return false };
        name.strip_suffix(domain.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_domains_are_read_and_nonsense_is_refused() {
        let has = |allowed: &str, server: &str| {
            allowed.parse::<Allowed>().unwrap().has_server(server.parse().unwrap())
        };
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.8"));
        assert!(has("192.0.2.0/24", "192.0.2.8") && !has("192.0.2.0/24", "192.0.3.8"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("0.0.0.0/0", "2001:db8::1"));
        let named = |allowed: &str, name: &str| allowed.parse::<Allowed>().unwrap().has_name(name);
        assert!(named("Example.org.", "example.org") && named("example.org", "a.b.example.org"));
        assert!(!named("example.org", "badexample.org") && !named("192.0.2.7", "example.org"));
        for bad in ["", ".", "192.0.2.0/33", "192.0.2.0/x", "a..b", "no spaces.org", "1234", "/8"] {
            assert!(bad.parse::<Allowed>().is_err(), "{bad}");
        }
    }
}
