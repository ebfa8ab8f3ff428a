//! Streams that are made of two requests: one whose body never ends, up, and one whose answer never ends, down.
//!
//! A proxy that takes requests and answers only lets nothing else through, so tunnels use one of each at once (httptunnel;
//! transports of proxies later). What a page uploads ends, and what it downloads, and it is not of the same path at the same
//! time; events that a server streams have a type of their own, and no length.

use inspector_common::FlowKey;

use crate::detect::table::{Entry, Table};
use crate::dissect::http::{Message, Start};
use crate::hash;
use crate::observation::FlowUpdate;

/// Time over which the body goes on without an answer, nanoseconds: httptunnel says that it is there every 5 s.
const GOES_ON_NS: u64 = 4_000_000_000;

/// The request down began at most this long before or after, nanoseconds.
const TOGETHER_NS: u64 = 60_000_000_000;

/// Paths whose answers are remembered.
const PATHS: usize = 1024;

/// What a connection was last used for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Half {
    path: u64,
    is_up: bool,
    begun_ns: u64,
    /// Bytes of the answer's body by its head.
    length: Option<u64>,
    is_answered: bool,
    /// Bytes that either side had sent, the client first, and when the client's last grew.
    bytes: [u64; 2],
    grew_ns: u64,
}

/// The connection that is answered without end for a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Down {
    pub(super) key: FlowKey,
    last_ns: u64,
}

impl Entry for Down {
    fn last_ns(&self) -> u64 {
        self.last_ns
    }

    fn worth(&self) -> u64 {
        0
    }
}

/// Paths, of a client and a server, that are answered at length.
pub(super) type Downs = Table<u64, Down>;

pub(super) fn downs() -> Downs {
    Table::new(PATHS)
}

impl Half {
    /// Takes a message on the connection with this key, the client's.
    pub(super) fn message(&mut self, key: &FlowKey, message: &Message<'_>, now_ns: u64, downs: &mut Downs) {
        match message.start {
            Start::Request(method, target) => {
                let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
                let path = hash::of_bytes(&[&key.src, &key.dst, &key.dst_port.to_be_bytes(), path]);
                let is_up = matches!(method, b"POST" | b"PUT");
                *self = Self { path, is_up, begun_ns: now_ns, bytes: self.bytes, ..Self::default() };
            }
            Start::Response(status) => {
                let length =
                    message.field(b"content-length").and_then(|value| std::str::from_utf8(value).ok());
                self.length = length.and_then(|value| value.parse().ok()).filter(|_| status == 200);
                self.is_answered = true;
                if !self.is_up && self.length.is_some() {
                    let make = || Down { key: *key, last_ns: now_ns };
                    if let Some(down) = downs.entry(self.path, make) {
                        *down = make();
                    }
                }
            }
        }
    }

    /// Takes what a flow's record counts of a side.
    pub(super) fn count(&mut self, update: &FlowUpdate<'_>, to_server: bool) {
        let [up, down] = &mut self.bytes;
        let bytes = update.record.payload_bytes;
        if !to_server {
            *down = bytes;
        } else if bytes > *up {
            (*up, self.grew_ns) = (bytes, update.record.last_ns);
        }
    }

    /// Whether a body has been going up for some time without an answer, and for which path.
    pub(super) fn going_up(&self) -> Option<u64> {
        let has_gone_on = self.grew_ns.saturating_sub(self.begun_ns) >= GOES_ON_NS;
        (self.is_up && !self.is_answered && has_gone_on).then_some(self.path)
    }

    /// Whether this is the answer, not yet whole, to a request for the same path as `up`'s and of about the same time.
    pub(super) fn is_down_of(&self, up: &Self) -> bool {
        let [_, sent] = self.bytes;
        self.path == up.path
            && !self.is_up
            && self.length.is_some_and(|length| sent < length)
            && self.begun_ns.abs_diff(up.begun_ns) <= TOGETHER_NS
    }
}
