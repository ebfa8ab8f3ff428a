//! `dns-volume`: data in DNS names and answers, in what is not DNS on port 53, and in EDNS options.
//!
//! Not the look of a name decides but how much information a client and a registered domain exchange which
//! they had not exchanged before. Names and answers that come again add nothing, labels that come again
//! hardly anything, words count less than codes, and a look-up of an address or a hash hardly at all. What is
//! left is compared with two thresholds, one for what comes within a minute and one for half an hour. Types
//! that nobody uses, names under impossible top-level domains and addresses that no host can have need less.

mod account;
mod alien;
mod answer;
mod benign;
mod client;
mod elsewhere;
mod fields;
mod judge;
mod odd;
mod question;
mod seen;
mod thresholds;
mod ttl;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use benign::{BUILT_IN, BenignSuffixes, SuffixError};
pub use thresholds::Thresholds;

use self::account::Account;
use self::alien::Pair;
use self::answer::Answer;
use self::client::{Client, DOMAINS_SECONDS};
use self::question::{News, Place, Qname};
use self::seen::{Seen, hash, mix};
use self::ttl::Countdown;
use super::Detector;
use super::table::Table;
use crate::dissect::dns::{EdnsOption, Message, Section, kind};
use crate::findings::Finding;
use crate::observation::{Content, Observation};

const DNS_PORT: u16 = 53;
const UDP: u8 = 17;
/// Accounts of a client and domain; with a name each about 8 MiB.
const ACCOUNTS: usize = 16_384;
/// Clients; 0.6 MiB.
const CLIENTS: usize = 4_096;
/// Pairs of client and server; 1 MiB.
const PAIRS: usize = 4_096;
/// Clients and names whose TTLs are followed; 0.8 MiB.
const COUNTDOWNS: usize = 2_048;
/// State that was idle for this long is dropped, ns.
const IDLE_NS: u64 = 2 * 3_600_000_000_000;
/// Least information of a host's name in an answer about an address that counts: names made from addresses have up to 40
/// characters of them.
const HOST_BYTES: f64 = 64.0;
/// Records of a message that are looked at.
const MAX_RECORDS: usize = 24;

/// The detector.
#[derive(Debug)]
pub struct DnsVolume {
    thresholds: Thresholds,
    benign: BenignSuffixes,
    accounts: Table<u64, Account>,
    clients: Table<u64, Client>,
    pairs: Table<u64, Pair>,
    countdowns: Table<u64, Countdown>,
    seen: Seen,
}

/// Which end of a packet is which.
#[derive(Clone, Copy)]
struct Ends {
    to_server: bool,
    client: u64,
    pair: u64,
}

impl Ends {
    /// The server is where port 53 is; between two such ports, or without one, the flag of responses tells.
    fn of(observation: &Observation<'_>, message: Option<&Message<'_>>) -> Self {
        let key = observation.key();
        let to_server = match (key.src_port == DNS_PORT, key.dst_port == DNS_PORT, message) {
            (true, true, None) => key.src < key.dst,
            (from_server, to_server, Some(message)) if from_server == to_server => !message.is_response(),
            (from_server, ..) => !from_server,
        };
        let (client, server) = if to_server { (key.src, key.dst) } else { (key.dst, key.src) };
        let client = hash(0, &client);
        let pair = mix(hash(client, &server), u64::from(key.protocol));
        Self { to_server, client, pair }
    }
}

/// A queried name and where it is accounted.
struct Named<'a> {
    name: &'a Qname,
    /// The label that the registered domain begins at; past the end without one.
    domain_at: usize,
    has_domain: bool,
    /// Hashes of the registered domain (0 without one) and the whole name.
    domain: u64,
    whole: u64,
}

impl<'a> Named<'a> {
    /// `None` for names that are not judged: benign ones, and public suffixes.
    fn of(name: &'a Qname, benign: &BenignSuffixes) -> Option<Self> {
        let (domain_at, has_domain) = match name.place() {
            Place::Domain(at) => (at, true),
            Place::NoTld => (name.len(), false),
            Place::Suffix => return None,
        };
        let mut this = Self { name, domain_at, has_domain, domain: 0, whole: 0 };
        for (at, hash) in name.suffixes() {
            if benign.contains(hash) {
                return None;
            }
            if at == domain_at {
                this.domain = hash;
            }
            this.whole = hash;
        }
        Some(this)
    }

    fn domain_text(&self) -> String {
        if self.has_domain { self.name.text(self.domain_at) } else { String::new() }
    }

    /// Information in the registered domain's own label.
    fn own_information(&self) -> f64 {
        question::information(self.name.label(self.domain_at))
    }

    /// What the name adds to the account `scope`.
    ///
    /// A name that the client has asked for before adds nothing, nor does one with a search suffix appended,
    /// nor one under a top-level domain that does not exist but came before: somebody's private one.
    fn news(&self, client: u64, scope: u64, seen: &mut Seen) -> News {
        let Self { name, domain_at, .. } = *self;
        let is_new = seen.insert(mix(client, self.whole));
        if !is_new || domain_at == 0 {
            return News { is_new, ..News::default() };
        }
        if self.has_domain {
            if (2..=domain_at).any(|end| seen.contains(mix(client, name.hash_before(end)))) {
                return News::default();
            }
        } else if !seen.insert(hash(mix(scope, 3), name.label(name.len() - 1))) {
            return News::default();
        }
        News::of(name, domain_at, scope, seen)
    }
}

impl DnsVolume {
    /// A detector with the built-in list of benign suffixes.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self::with_benign(thresholds, BenignSuffixes::built_in())
    }

    /// A detector with a list of its own.
    #[must_use]
    pub fn with_benign(thresholds: Thresholds, benign: BenignSuffixes) -> Self {
        Self {
            thresholds,
            benign,
            accounts: Table::new(ACCOUNTS),
            clients: Table::new(CLIENTS),
            pairs: Table::new(PAIRS),
            countdowns: Table::new(COUNTDOWNS),
            seen: Seen::new(),
        }
    }

    /// A packet that is not DNS or may be the middle of DNS.
    fn observe_stream(&mut self, observation: &Observation<'_>, is_alien: bool, findings: &mut Vec<Finding>) {
        let ends = Ends::of(observation, None);
        let (head, key) = (&observation.head, observation.key());
        let Some(pair) = self.pairs.entry(ends.pair, || Pair::new(*key)) else { return };
        pair.add_packet(key, ends.to_server, head.meta.wire_len, observation.time_ns());
        if is_alien {
            let is_novel = self.seen.insert(hash(mix(ends.pair, u64::from(ends.to_server)), head.payload()));
            pair.add_alien(head.payload(), head.payload_len(), is_novel, observation.time_ns());
            findings.extend(pair.judge_alien(&self.thresholds));
        } else {
            pair.add_regular();
        }
    }

    fn observe_message(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        findings: &mut Vec<Finding>,
    ) {
        let ends = Ends::of(observation, Some(message));
        self.observe_options(observation, message, ends, findings);
        let Some(question) = &message.question else { return };
        let name = Qname::new(&question.name);
        if let Some(named) = Named::of(&name, &self.benign) {
            self.observe_name(observation, message, ends, &named, findings);
            self.observe_ttl(observation, message, ends, &named, findings);
        } else if question.kind == kind::PTR && message.is_response() {
            self.observe_reverse(observation, message, ends, findings);
        }
    }

    /// Names of hosts in answers about addresses, which are not judged otherwise: they are accounted to the domain that
    /// they are in, if they are longer than any that have an address in them.
    fn observe_reverse(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        ends: Ends,
        findings: &mut Vec<Finding>,
    ) {
        let targets = message.records().take(MAX_RECORDS).filter(|record| record.kind == kind::PTR);
        for target in targets.filter_map(|record| record.target()) {
            let name = Qname::new(&target);
            let Some(named) = Named::of(&name, &self.benign).filter(|named| named.has_domain) else {
                continue;
            };
            let bytes: f64 = (0..named.domain_at).map(|i| question::information(name.label(i))).sum();
            if bytes < HOST_BYTES {
                continue;
            }
            let scope = mix(ends.client, named.domain);
            let (key, now_ns) = (observation.key(), observation.time_ns());
            let make = || Account::new(named.domain_text().into(), *key);
            let Some(account) = self.accounts.entry(scope, make) else { continue };
            account.add_message(key, ends.to_server, observation.head.meta.wire_len, now_ns);
            let is_new = self.seen.insert(mix(scope, named.whole));
            let bytes = if is_new { bytes } else { 0.0 };
            account.add_answer(Answer { is_data: true, is_new, bytes, ..Answer::default() }, false);
            findings.extend(judge::judge(account, &self.thresholds, 1.0));
        }
    }

    fn observe_options(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        ends: Ends,
        findings: &mut Vec<Finding>,
    ) {
        let (key, now_ns) = (observation.key(), observation.time_ns());
        let Some(pair) = self.pairs.entry(ends.pair, || Pair::new(*key)) else { return };
        pair.add_packet(key, ends.to_server, observation.head.meta.wire_len, now_ns);
        pair.add_regular();
        let mut any = false;
        if let Some(behind) = message.behind().filter(|_| key.protocol == UDP) {
            pair.add_option(
                EdnsOption { code: alien::BEHIND, data: behind, is_cut: false },
                ends.pair,
                &mut self.seen,
                now_ns,
            );
            any = true;
        }
        for option in message.edns_options() {
            pair.add_option(option, ends.pair, &mut self.seen, now_ns);
            if let Some(data) = pair.alien_cookie(option, ends.to_server) {
                let option = EdnsOption { code: odd::COOKIE, data, is_cut: false };
                pair.add_option(option, ends.pair, &mut self.seen, now_ns);
            }
            any = true;
        }
        if key.protocol == UDP {
            odd::each(message, |code, data| {
                pair.add_option(EdnsOption { code, data, is_cut: false }, ends.pair, &mut self.seen, now_ns);
                any = true;
            });
        }
        if any {
            findings.extend(pair.judge_options(&self.thresholds));
        }
        if key.protocol == UDP && !message.is_response() {
            findings.extend(pair.judge_fields(message));
        }
    }

    fn observe_ttl(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        ends: Ends,
        named: &Named<'_>,
        findings: &mut Vec<Finding>,
    ) {
        let answer = message.records().next().filter(|record| record.section == Section::Answer);
        let (Some(answer), true) = (answer, message.is_response() && named.has_domain) else { return };
        let name = mix(mix(ends.client, named.whole), u64::from(answer.kind));
        let Some(countdown) = self.countdowns.entry(name, Countdown::new) else { return };
        if countdown.add(answer.ttl, observation.head.meta.wire_len, observation.time_ns()) {
            findings.extend(countdown.judge(observation.key(), named.domain_text(), &self.thresholds));
        }
    }

    fn observe_name(
        &mut self,
        observation: &Observation<'_>,
        message: &Message<'_>,
        ends: Ends,
        named: &Named<'_>,
        findings: &mut Vec<Finding>,
    ) {
        let scope = mix(ends.client, named.domain);
        let (key, now_ns, wire_len) =
            (observation.key(), observation.time_ns(), observation.head.meta.wire_len);
        let make = || Account::new(named.domain_text().into(), *key);
        let (Some(account), Some(client)) =
            (self.accounts.entry(scope, make), self.clients.entry(ends.client, Client::default))
        else {
            return;
        };
        account.add_message(key, ends.to_server, wire_len, now_ns);
        let news = named.news(ends.client, scope, &mut self.seen);
        let qtype = message.question.as_ref().map_or(kind::A, |question| question.kind);
        account.add_name(news, named.name.wire_len(), answer::is_rare(qtype));
        let is_lookup = news.is_lookup || account.is_mostly_lookups();
        let mut changed = news.is_new;
        let (mut far, mut addresses) = (None, 0);
        for record in message.records().take(MAX_RECORDS) {
            if let Some(answer) = Answer::of(&record, scope, &self.benign, &mut self.seen) {
                changed |= answer.is_new;
                account.add_answer(answer, is_lookup);
                addresses += u32::from(answer.is_far.is_some());
                far = answer.is_far.map_or(far, |is_far| Some(is_far && far != Some(false)));
            }
        }
        if let (Some(is_far), true) = (far, named.has_domain) {
            let is_known = !self.seen.insert(mix(mix(scope, 6), mix(named.whole, u64::from(qtype))));
            // Pools of volunteers' servers answer with several each time.
            account.add_addresses(is_known, is_far && !(is_known && addresses > 1));
        }
        client.fade(now_ns);
        if news.is_new && !news.is_lookup {
            let bytes = if named.domain_at == 0 { named.own_information() } else { news.bytes };
            if account.counts_for_client(bytes, &self.thresholds) {
                findings.extend(client.add_code(bytes, key, ends.to_server, wire_len, &self.thresholds));
            }
        }
        if account.counted_ns == 0
            || now_ns.saturating_sub(account.counted_ns) > DOMAINS_SECONDS * 1_000_000_000
        {
            client.add_domain();
            if account.counted_ns == 0 && named.has_domain {
                findings.extend(client.add_first(
                    news.bytes,
                    key,
                    ends.to_server,
                    wire_len,
                    &self.thresholds,
                ));
            }
            account.counted_ns = now_ns;
        }
        if changed {
            findings.extend(judge::judge(account, &self.thresholds, client.hosts(&self.thresholds)));
        }
    }
}

impl Detector for DnsVolume {
    fn name(&self) -> &'static str {
        "dns-volume"
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        match &observation.content {
            Content::Dns(message) => self.observe_message(observation, message, findings),
            Content::NotDns => self.observe_stream(observation, true, findings),
            Content::Opaque if observation.head.class() == inspector_common::Class::Dns => {
                self.observe_stream(observation, false, findings);
            }
            Content::Payload(_) => {
                if let Some(message) = elsewhere::message(&observation.head) {
                    self.observe_message(observation, &message, findings);
                }
            }
            Content::Icmp(_) | Content::Discovery(_) | Content::Opaque => {}
        }
    }

    fn tick(&mut self, now_ns: u64) {
        self.seen.tick(now_ns);
        let before = now_ns.saturating_sub(IDLE_NS);
        self.accounts.expire(before);
        self.clients.expire(before);
        self.pairs.expire(before);
        self.countdowns.expire(before);
    }

    fn occupancy(&self) -> (usize, usize) {
        let Self { accounts, clients, pairs, countdowns, .. } = self;
        let parts = [accounts.occupancy(), clients.occupancy(), pairs.occupancy(), countdowns.occupancy()];
        parts.iter().fold((0, 0), |(used, capacity), (u, c)| (used + u, capacity + c))
    }
}
