//! The account of one client and registered domain.

use inspector_common::FlowKey;

use super::answer::Answer;
use super::question::News;
use super::thresholds::Thresholds;
use crate::detect::table::Entry;
use crate::findings::{Severity, Traffic};

/// Time constant of the fast sums, seconds: what comes at a steady rate adds up to a minute's worth.
pub(super) const FAST_SECONDS: f64 = 60.0;
/// Time constant of the slow sums, seconds: half an hour's worth.
pub(super) const SLOW_SECONDS: f64 = 1800.0;
/// Least new bytes of a name that counts as data in the slow sums; a slow channel cannot afford shorter ones,
/// and nodes of delivery networks, hosts and users are mostly shorter.
const DATA_NAME_BYTES: f64 = 16.0;
/// Least new bytes of a name that counts in the slow sums of short ones: more than words and numbers have.
const SHORT_NAME_BYTES: f64 = 7.0;
/// Names of one domain that look like data and count among those that a client spreads over domains.
const CODES_FOR_CLIENT: u32 = 32;
/// Share that a look-up of an address or hash counts in the fast sums; in the slow ones it counts nothing.
const LOOKUP_SHARE: f64 = 1.0 / 16.0;

/// Sums that fade with a time constant.
#[derive(Clone, Debug, Default)]
pub(super) struct Fading {
    at_ns: u64,
    /// Bytes of new names.
    pub(super) name_bytes: f64,
    /// Names whose bytes were counted.
    pub(super) names: f64,
    /// New names of rare types, and their bytes.
    pub(super) rare_names: f64,
    pub(super) rare_bytes: f64,
    /// Bytes of new answers.
    pub(super) answer_bytes: f64,
    /// Answers with data, and those whose data was new.
    pub(super) answers: f64,
    pub(super) new_answers: f64,
    /// Distinct addresses that no host can have.
    pub(super) impossible: f64,
    /// New names of any length that count for something, and their bytes.
    pub(super) short_names: f64,
    pub(super) short_bytes: f64,
    /// Answers with addresses to a name asked for the first time, and those in which all were far from any before.
    pub(super) firsts: f64,
    pub(super) far_firsts: f64,
    /// The same for names that had been answered before.
    pub(super) repeats: f64,
    pub(super) far_repeats: f64,
}

impl Fading {
    /// Lets the sums fade until now.
    fn fade(&mut self, now_ns: u64, seconds: f64) {
        let elapsed = now_ns.saturating_sub(self.at_ns);
        self.at_ns = self.at_ns.max(now_ns);
        if elapsed == 0 {
            return;
        }
        let keep = (elapsed as f64 / (-1e9 * seconds)).exp();
        let Self {
            at_ns: _,
            name_bytes,
            names,
            rare_names,
            rare_bytes,
            answer_bytes,
            answers,
            new_answers,
            impossible,
            short_names,
            short_bytes,
            firsts,
            far_firsts,
            repeats,
            far_repeats,
        } = self;
        for sum in [
            name_bytes,
            names,
            rare_names,
            rare_bytes,
            answer_bytes,
            answers,
            new_answers,
            impossible,
            short_names,
            short_bytes,
            firsts,
            far_firsts,
            repeats,
            far_repeats,
        ] {
            *sum *= keep;
        }
    }
}

/// What is known of one client's use of one registered domain.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The domain as text; empty for names under no real top-level domain.
    pub(super) domain: Box<str>,
    /// Flow of the last packet, and whether that went to the server.
    pub(super) key: FlowKey,
    pub(super) to_server: bool,
    pub(super) traffic: Traffic,
    pub(super) fast: Fading,
    pub(super) slow: Fading,
    /// Queries and responses seen.
    pub(super) directions: [u64; 2],
    /// Distinct names, their summed length on the wire, and look-ups among them.
    pub(super) names: u64,
    pub(super) wire_bytes: f64,
    pub(super) lookups: u64,
    /// Names that look like data.
    codes: u32,
    /// Most new bytes of one name, and of one with characters that no host name has.
    pub(super) longest: f64,
    pub(super) strangest: f64,
    /// All new bytes of names and answers, never fading.
    pub(super) name_total: f64,
    pub(super) answer_total: f64,
    /// When the account was last counted among the client's domains.
    pub(super) counted_ns: u64,
    /// What was reported last: severity, and bytes at that time.
    pub(super) reported: Option<(Severity, f64)>,
}

impl Account {
    pub(super) fn new(domain: Box<str>, key: FlowKey) -> Self {
        Self {
            domain,
            key,
            to_server: true,
            traffic: Traffic::default(),
            fast: Fading::default(),
            slow: Fading::default(),
            directions: [0; 2],
            names: 0,
            wire_bytes: 0.0,
            lookups: 0,
            codes: 0,
            longest: 0.0,
            strangest: 0.0,
            name_total: 0.0,
            answer_total: 0.0,
            counted_ns: 0,
            reported: None,
        }
    }

    /// Adds a message: which way it went, its frame's bytes, its time.
    pub(super) fn add_message(&mut self, key: &FlowKey, to_server: bool, wire_len: u32, now_ns: u64) {
        self.key = *key;
        self.to_server = to_server;
        self.traffic.add(to_server, wire_len, now_ns);
        self.directions[usize::from(!to_server)] += 1;
        self.fast.fade(now_ns, FAST_SECONDS);
        self.slow.fade(now_ns, SLOW_SECONDS);
    }

    /// Adds the question's name.
    pub(super) fn add_name(&mut self, news: News, wire_len: usize, is_rare: bool) {
        if !news.is_new {
            return;
        }
        self.names += 1;
        self.wire_bytes += wire_len as f64;
        self.lookups += u64::from(news.is_lookup);
        self.name_total += news.bytes;
        self.fast.names += 1.0;
        self.fast.name_bytes += if news.is_lookup { news.bytes * LOOKUP_SHARE } else { news.bytes };
        if !news.is_lookup {
            self.longest = self.longest.max(news.bytes);
            self.strangest = self.strangest.max(if news.is_strange { news.bytes } else { 0.0 });
        }
        if !news.is_lookup && news.bytes >= DATA_NAME_BYTES {
            self.slow.names += 1.0;
            self.slow.name_bytes += news.bytes;
        }
        if !news.is_lookup && news.bytes >= SHORT_NAME_BYTES {
            self.slow.short_names += 1.0;
            self.slow.short_bytes += news.bytes;
        }
        if is_rare {
            self.slow.rare_names += 1.0;
            self.slow.rare_bytes += news.bytes;
        }
    }

    /// Whether a name with so many new bytes is one that looks like data, and one of the account's first: with more of
    /// them the domain is judged by itself.
    pub(super) fn counts_for_client(&mut self, bytes: f64, thresholds: &Thresholds) -> bool {
        let is_code = bytes >= thresholds.code_name_bytes;
        self.codes = self.codes.saturating_add(u32::from(is_code));
        is_code && self.codes <= CODES_FOR_CLIENT
    }

    /// Adds a record of an answer to a name that `is_lookup` or not.
    pub(super) fn add_answer(&mut self, answer: Answer, is_lookup: bool) {
        if answer.is_impossible {
            self.slow.impossible += 1.0;
        }
        if answer.is_data {
            let bytes = if is_lookup { answer.bytes * LOOKUP_SHARE } else { answer.bytes };
            self.slow.answers += 1.0;
            self.slow.new_answers += f64::from(u8::from(answer.is_new));
            self.slow.answer_bytes += bytes;
            self.answer_total += bytes;
        }
    }

    /// Adds an answer that holds addresses: whether its name `is_known`, and all of them are far from those before.
    pub(super) fn add_addresses(&mut self, is_known: bool, is_far: bool) {
        let Fading { firsts, far_firsts, repeats, far_repeats, .. } = &mut self.slow;
        let (all, far) = if is_known { (repeats, far_repeats) } else { (firsts, far_firsts) };
        *all += 1.0;
        *far += f64::from(u8::from(is_far));
    }

    /// Distinct names for each message of the direction that more was seen of.
    pub(super) fn unique_share(&self) -> f64 {
        let asked = self.directions[0].max(self.directions[1]).max(1);
        self.names as f64 / asked as f64
    }

    /// Mean length of the distinct names on the wire, bytes.
    pub(super) fn mean_name_length(&self) -> f64 {
        self.wire_bytes / self.names.max(1) as f64
    }

    /// Whether look-ups are most of the names.
    pub(super) fn is_mostly_lookups(&self) -> bool {
        self.lookups * 2 > self.names
    }
}

impl Entry for Account {
    fn last_ns(&self) -> u64 {
        self.traffic.last_ns
    }

    fn worth(&self) -> u64 {
        let bytes = self.slow.name_bytes + self.slow.answer_bytes + self.fast.name_bytes;
        // Coarse, so that among accounts of little evidence the idle one goes first.
        [64.0, 256.0, 1024.0, 4096.0].iter().map(|&step| u64::from(bytes >= step)).sum()
    }
}
