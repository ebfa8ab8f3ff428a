//! Traffic on port 53 that is not DNS, and data in EDNS options: accounts of a client and server.

use inspector_common::FlowKey;

use super::account::SLOW_SECONDS;
use super::fields::Fields;
use super::judge::whole;
use super::odd::{self, Cookies};
use super::seen::{Seen, hash, mix};
use super::thresholds::Thresholds;
use crate::detect::table::Entry;
use crate::dissect::dns::{EdnsOption, Message};
use crate::dissect::protocol;
use crate::findings::{Evidence, Finding, Severity, Signature, Subject, Traffic};

/// Not DNS on port 53.
pub(super) static ALIEN: Signature = Signature {
    id: 9_100_104,
    rev: 1,
    detector: "dns-volume",
    title: "Traffic on port 53 that is not DNS",
    pattern: "EN5 Feature Structure Modulation",
    attack: "T1048",
    hint: "Allow port 53 only to your resolvers; find the process that talks to this server",
};

/// Data in EDNS options.
pub(super) static EDNS: Signature = Signature {
    id: 9_100_105,
    rev: 3,
    detector: "dns-volume",
    title: "Covert channel in EDNS options, or parts of DNS messages that nobody uses",
    pattern: "EN4.1 Reserved/Unused State/Value Modulation",
    attack: "T1071.004",
    hint: "Find out what adds this option; a resolver of your own does not forward unknown options",
};

/// Alien packets further apart than this are not one channel, ns.
const PAUSE_NS: u64 = 900_000_000_000;
/// Bytes that a class or type counts for that nobody assigned: 32 of them tell.
const IMPOSSIBLE: f64 = 8.0;
/// A protocol that says what it is says so in its first packets.
const GREETINGS: u32 = 4;
const TCP: u8 = 6;

/// What is known of one client and server on port 53.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    key: FlowKey,
    to_server: bool,
    traffic: Traffic,
    /// By direction, to the server first: packets that are not DNS, their bytes, and packets that are or may be.
    alien: [u32; 2],
    alien_bytes: [u64; 2],
    /// Those whose payload is new: a flood repeats its own.
    novel: [u32; 2],
    regular: [u32; 2],
    last_alien_ns: u64,
    declared: Option<&'static str>,
    /// Bit `n`: a datagram had a length of `n` modulo 16.
    residues: u16,
    options: f64,
    new_options: f64,
    option_bytes: f64,
    options_ns: u64,
    cookies: Cookies,
    fields: Fields,
    reported: Option<(Severity, u64)>,
}

impl Pair {
    pub(super) fn new(key: FlowKey) -> Self {
        Self {
            key,
            to_server: true,
            traffic: Traffic::default(),
            alien: [0; 2],
            alien_bytes: [0; 2],
            novel: [0; 2],
            regular: [0; 2],
            last_alien_ns: 0,
            declared: None,
            residues: 0,
            options: 0.0,
            new_options: 0.0,
            option_bytes: 0.0,
            options_ns: 0,
            cookies: Cookies::default(),
            fields: Fields::default(),
            reported: None,
        }
    }

    pub(super) fn add_packet(&mut self, key: &FlowKey, to_server: bool, wire_len: u32, now_ns: u64) {
        self.key = *key;
        self.to_server = to_server;
        self.traffic.add(to_server, wire_len, now_ns);
    }

    /// Adds a packet that is or may be DNS.
    pub(super) fn add_regular(&mut self) {
        let count = &mut self.regular[usize::from(!self.to_server)];
        *count = count.saturating_add(1);
    }

    /// Adds a packet that is not DNS, with `len` bytes of payload.
    pub(super) fn add_alien(&mut self, payload: &[u8], len: u32, is_novel: bool, now_ns: u64) {
        if now_ns.saturating_sub(self.last_alien_ns) > PAUSE_NS {
            (self.alien, self.alien_bytes, self.novel, self.residues) = ([0; 2], [0; 2], [0; 2], 0);
        }
        self.last_alien_ns = now_ns;
        let i = usize::from(!self.to_server);
        self.alien[i] = self.alien[i].saturating_add(1);
        self.alien_bytes[i] += u64::from(len);
        self.novel[i] = self.novel[i].saturating_add(u32::from(is_novel));
        self.residues |= 1 << (len & 15);
        if self.declared.is_none() && self.alien[0].saturating_add(self.alien[1]) <= GREETINGS {
            // By its bytes alone; lines of text are what many tunnels send.
            let message =
                protocol::Message { bytes: payload, len, is_tcp: self.key.protocol == TCP, ports: [0; 2] };
            let protocol = protocol::recognise(&message).filter(|protocol| protocol.name != "text");
            self.declared = protocol.map(|protocol| protocol.name);
        }
    }

    /// Judges the packets that are not DNS.
    pub(super) fn judge_alien(&mut self, t: &Thresholds) -> Option<Finding> {
        let [up, down] = self.alien;
        let one_way = self.traffic.packets_to_server == 0 || self.traffic.packets_to_client == 0;
        let novel = self.novel[0].max(self.novel[1]);
        let (value, threshold) =
            if one_way { (novel, t.alien_packets_one_way) } else { (up.min(down), t.alien_packets) };
        // Damaged packets among many that are DNS; in a stream, the middle of messages.
        let regular = self.regular.iter().fold(0_u32, |sum, n| sum.saturating_add(*n));
        let is_exception = regular / 4 >= up.saturating_add(down);
        let many = t.alien_packets_one_way.saturating_mul(4);
        if value < threshold || (is_exception && (value < many || self.key.protocol == TCP)) {
            return None;
        }
        let protocol = self.declared.or_else(|| self.is_block_cipher_vpn().then_some("OpenVPN"));
        let severity = match protocol {
            Some(_) => Severity::Low,
            None if value >= threshold.saturating_mul(4) => Severity::High,
            None => Severity::Medium,
        };
        let bytes: u64 = self.alien_bytes.iter().sum();
        if self.reported.is_some_and(|(before, then)| severity <= before && bytes < then.saturating_mul(2)) {
            return None;
        }
        self.reported = Some((severity, bytes));
        let context = [
            ("alien_bytes_to_server", self.alien_bytes[0] as f64, "bytes"),
            ("alien_bytes_to_client", self.alien_bytes[1] as f64, "bytes"),
            ("dns_packets", f64::from(regular), "packets"),
            ("directions_seen", if one_way { 1.0 } else { 2.0 }, "directions"),
        ];
        let decisive = ("alien_packets", f64::from(value), f64::from(threshold), "packets");
        let mut finding = self.finding(&ALIEN, severity, decisive, &context, bytes);
        finding.tool = protocol;
        Some(finding)
    }

    /// OpenVPN with a static key has no header at all. What gives it away is that both ends use the same port,
    /// and that every datagram is some hash and whole cipher blocks; 20 of other kinds all have the same
    /// length modulo 16 once in 16^19 cases.
    fn is_block_cipher_vpn(&self) -> bool {
        self.key.src_port == self.key.dst_port && self.residues.is_power_of_two()
    }

    /// What of an option is a cookie that was never given or sent.
    pub(super) fn alien_cookie<'a>(&mut self, option: EdnsOption<'a>, to_server: bool) -> Option<&'a [u8]> {
        if option.code == 10 && !option.is_cut { self.cookies.alien(option.data, to_server) } else { None }
    }

    /// Adds an EDNS option, if it is one that has no business to change.
    pub(super) fn add_option(&mut self, option: EdnsOption<'_>, scope: u64, seen: &mut Seen, now_ns: u64) {
        if !may_carry(option, self.to_server) {
            return;
        }
        let elapsed = now_ns.saturating_sub(self.options_ns);
        self.options_ns = self.options_ns.max(now_ns);
        let keep = (elapsed as f64 / (-1e9 * SLOW_SECONDS)).exp();
        for sum in [&mut self.options, &mut self.new_options, &mut self.option_bytes] {
            *sum *= keep;
        }
        self.options += 1.0;
        if seen.insert(hash(mix(scope, u64::from(option.code)), option.data)) {
            self.new_options += 1.0;
            // Each of what nobody assigned says as much as several bytes where there may be some.
            let is_impossible = matches!(option.code, odd::CLASS | odd::TYPE);
            self.option_bytes += if is_impossible { IMPOSSIBLE } else { option.data.len() as f64 };
        }
    }

    /// Judges the options.
    pub(super) fn judge_options(&mut self, t: &Thresholds) -> Option<Finding> {
        if self.option_bytes < t.edns_bytes || self.new_options < self.options * t.edns_new_share {
            return None;
        }
        let severity =
            if self.option_bytes >= t.edns_bytes * t.high_ratio { Severity::High } else { Severity::Medium };
        let bytes = whole(self.option_bytes);
        if self.reported.is_some_and(|(before, then)| severity <= before && bytes < then.saturating_mul(2)) {
            return None;
        }
        self.reported = Some((severity, bytes));
        let context = [
            ("window_seconds", SLOW_SECONDS, "seconds"),
            ("options", self.options, "options"),
            ("new_option_share", self.new_options / self.options.max(1.0), "ratio"),
        ];
        let decisive = ("option_bytes", self.option_bytes, t.edns_bytes, "bytes");
        Some(self.finding(&EDNS, severity, decisive, &context, bytes))
    }

    /// Adds a query's header, and judges all of them.
    pub(super) fn judge_fields(&mut self, message: &Message<'_>) -> Option<Finding> {
        self.fields.add(message);
        let (name, value, threshold) = self.fields.carrier()?;
        let bytes = u64::from(value);
        if self.reported.is_some_and(|(_, then)| bytes < then.saturating_mul(2)) {
            return None;
        }
        self.reported = Some((Severity::Medium, bytes));
        let decisive = (name, f64::from(value), f64::from(threshold), "queries");
        Some(self.finding(&EDNS, Severity::Medium, decisive, &[], bytes))
    }

    fn finding(
        &self,
        signature: &'static Signature,
        severity: Severity,
        (name, value, threshold, unit): (&'static str, f64, f64, &'static str),
        context: &[(&'static str, f64, &'static str)],
        estimated_bytes: u64,
    ) -> Finding {
        let context =
            context.iter().map(|&(name, value, unit)| Evidence { name, value, threshold: None, unit });
        let ratio = value / threshold;
        let decisive = Evidence { name, value, threshold: Some(threshold), unit };
        Finding {
            signature,
            subject: Subject::of(&self.key, self.to_server),
            severity,
            score: if severity == Severity::Low { 0.3 } else { ratio / (ratio + 0.4) },
            evidence: std::iter::once(decisive).chain(context).collect(),
            estimated_bytes,
            traffic: self.traffic,
            tool: None,
        }
    }
}

/// What goes behind a message in its datagram is accounted like an option with a code that no assignment can have.
pub(super) const BEHIND: u16 = u16::MAX;

/// Options whose data must not change from query to query: those without a standard, padding that is not zero
/// (RFC 7830), and those that break theirs. Cookies, client subnets, key tags, error texts and the like change by
/// design, and are left alone if they look like what they are, or were captured in part.
fn may_carry(option: EdnsOption<'_>, is_query: bool) -> bool {
    let data = option.data;
    if data.iter().all(|byte| *byte == 0) {
        return false;
    }
    match option.code {
        // Name server identifier (RFC 5001), empty in queries and the same from each server; padding.
        3 | 12 => true,
        0..=19 if option.is_cut => false,
        // Client subnet (RFC 7871): as many bytes of an address as its length says.
        8 => !is_subnet(data),
        // Expiry (RFC 7314), cookie (RFC 7873), keep-alive (RFC 7828).
        9 => data.len() != 4,
        10 => !matches!(data.len(), 8 | 16..=40),
        11 => data.len() != 2,
        // Extended error (RFC 8914): a code and text, in responses.
        15 => is_query || std::str::from_utf8(data.get(2..).unwrap_or_default()).is_err(),
        0..=19 => false,
        _ => true,
    }
}

fn is_subnet(data: &[u8]) -> bool {
    let [0, family, source, _, address @ ..] = data else { return false };
    let most = match family {
        1 => 32,
        2 => 128,
        _ => return data.len() == 4,
    };
    *source <= most && address.len() == usize::from(source.div_ceil(8))
}

impl Entry for Pair {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        u64::from(self.alien != [0; 2]) + u64::from(self.option_bytes >= 32.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_were_captured_in_part_break_no_rule() {
        for (code, len) in [(8, 3), (9, 2), (10, 4), (11, 1), (15, 4)] {
            let data = &[1, 0xff, 0xfe, 0xfd][..len];
            assert!(may_carry(EdnsOption { code, data, is_cut: false }, true), "{code}");
            assert!(!may_carry(EdnsOption { code, data, is_cut: true }, true), "{code}");
        }
        assert!(may_carry(EdnsOption { code: 65_001, data: &[1], is_cut: true }, true));
    }
}
