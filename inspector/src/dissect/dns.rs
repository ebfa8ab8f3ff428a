//! DNS messages (RFC 1035), as much of them as a head holds.

use crate::observation::{Content, Head};

/// A DNS message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The message's bytes, as far as captured.
    pub bytes: &'a [u8],
}

/// Dissects a head on port 53.
#[must_use]
pub fn dissect<'a>(head: &Head<'a>) -> Content<'a> {
    Content::Dns(Message { bytes: head.payload() })
}
