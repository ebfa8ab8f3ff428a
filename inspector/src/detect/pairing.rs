//! Both directions of a flow as one: what detectors key their tables by.

use inspector_common::FlowKey;

/// A flow whichever way it goes, and wherever it was seen: asymmetric routes cross different interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    ends: [([u8; 16], u16); 2],
    protocol: u8,
    tunnel: u16,
}

impl Link {
    /// The flow of a key.
    pub(crate) fn of(key: &FlowKey) -> Self {
        let (a, b) = ((key.src, key.src_port), (key.dst, key.dst_port));
        let ends = if a <= b { [a, b] } else { [b, a] };
        Self { ends, protocol: key.protocol, tunnel: key.tunnel }
    }

    /// The pair of hosts of a key, whatever their ports.
    pub(crate) fn hosts(key: &FlowKey) -> Self {
        Self::of(&FlowKey { src_port: 0, dst_port: 0, ..*key })
    }
}
