//! Resets that come from nearer or further away than the connection's data.

use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};
use crate::observation::Observation;

use super::{NAME, is_from_client};

static RESET: Signature = Signature {
    id: 9_106_301,
    rev: 1,
    detector: NAME,
    title: "TCP reset from another distance than the connection's data",
    pattern: "ET2 Event Occurrence (reset)",
    attack: "T1557",
    hint: "Probably a firewall or a censor between the two; if neither is known, find out who resets",
};

/// Segments with data whose TTL must agree before a reset is compared with it.
const AGREEING: u32 = 2;

/// An observation where a reset's TTL is none that the sender's packets have.
///
/// Hosts that answer resets by another default TTL than data (64 to 255 and the like) exist, so this says
/// something about the path at most: it is no alert. Base rate: firewalls do the same.
pub(super) fn judge(
    observation: &Observation<'_>,
    (ttl, agreeing): (u8, u32),
    least: u8,
    traffic: Traffic,
) -> Option<Finding> {
    let difference = observation.head.meta.ttl.abs_diff(ttl);
    (agreeing >= AGREEING && difference >= least).then(|| Finding {
        signature: &RESET,
        subject: Subject::of(observation.key(), is_from_client(observation.key())),
        severity: Severity::Info,
        score: 0.3,
        evidence: vec![
            Evidence {
                name: "ttl_difference",
                value: difference.into(),
                threshold: Some(least.into()),
                unit: "hops",
            },
            Evidence { name: "segments_agreeing", value: agreeing.into(), threshold: None, unit: "packets" },
        ],
        estimated_bytes: 0,
        traffic,
        tool: None,
    })
}
