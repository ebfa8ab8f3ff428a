//! What the rules on DNS must exceed.

/// Thresholds of [`super::DnsVolume`].
///
/// Sums fade: the fast ones with a time constant of a minute, the slow ones of half an hour, so a steady rate
/// adds up to a minute's or half an hour's worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Bytes of new labels under one domain in the fast sum. No window of a minute had 300 in 945,006 of a
    /// crawl of popular sites (most: 264); 173 of 175 windows of tunnels had.
    pub fast_name_bytes: f64,
    /// Bytes of new names long enough to be data in the slow sum: 0.33 B/s in the long run. An idle channel of
    /// 0.5 B/s crosses it within half an hour.
    pub slow_name_bytes: f64,
    /// Distinct names of an account before the sums of names are looked at. One page view asks for that many
    /// names of a domain at times; it does not reach the bytes.
    pub names: u64,
    /// Names in the slow sum. Benign look-ups of long names once are few at a time.
    pub slow_names: f64,
    /// Mean bytes of a new name in the fast sum. Numbered hosts and words bring 1 to 6, the shortest names of
    /// tunnels (polls of iodine) 5 to 10 among longer ones.
    pub bytes_per_name: f64,
    /// Distinct names for each query. Popular names are asked again, with types A, AAAA and HTTPS; names that
    /// carry data are asked once, in the worst case with two types and a retry.
    pub unique_share: f64,
    /// New names with 7 bytes or more in the slow sum, whatever their length, and their bytes: 0.67 B/s in the long run,
    /// which is 0.4 B/s of data in base32. Base rate: nodes and objects of a delivery network that a page needs come
    /// again, and come from many domains.
    pub short_names: f64,
    /// Their bytes.
    pub short_name_bytes: f64,
    /// Distinct names for each query of those. Data is asked for once, in the worst case with a retry.
    pub short_unique_share: f64,
    /// Answers for one name, in the slow sum, with addresses of which none is near any that the domain's answers had before
    /// (the first 16 bits of IPv4, 48 of IPv6). Base rate: 2 to 4 of a name that is served from several places,
    /// 20 of a pool of volunteers' servers, which answers with several addresses of which some are near others.
    pub far_repeats: f64,
    /// The same for all names of a domain: one that names hosts of many networks has few of these, asked again.
    pub far_addresses: f64,
    /// Share of such answers.
    pub far_share: f64,
    /// Distinct names of types that nobody uses, in the slow sum. Base rate: one name (RFC 8145 trust anchors
    /// are asked of the root, inventories of types ask one name).
    pub rare_names: f64,
    /// New bytes of those names.
    pub rare_bytes: f64,
    /// New bytes of one name that are odd by themselves: an observation; an alert where the name also has
    /// characters that no host name has (`+`, `/`, `=`). Of 15,600 benign names none has that many, with such
    /// characters or without.
    pub one_name_bytes: f64,
    /// Bytes of new data in answers under one domain in the slow sum, policies of mail at an eighth.
    /// A domain's own TXT records come to a few hundred.
    pub answer_bytes: f64,
    /// New answers in the slow sum.
    pub new_answers: f64,
    /// Share of answers with data that are new. Records that are really looked up come again.
    pub new_answer_share: f64,
    /// Distinct addresses in the slow sum that no host can have (multicast, reserved). Base rate: 0; of random
    /// IPv4 addresses one in eight is such, of random IPv6 addresses seven.
    pub impossible_addresses: f64,
    /// Mean length of distinct names on the wire that makes an alert high: half of the greatest. Names of
    /// hosts have 15 to 60.
    pub long_name: f64,
    /// Multiple of its threshold at which a measure makes an alert high by itself.
    pub high_ratio: f64,
    /// Domains that a single host asks for in 10 minutes. A client with more counts as several hosts, which
    /// raises the thresholds of sums in proportion: a resolver asks for its clients.
    pub busy_domains: f64,
    /// Bytes in the fast sum of a client's long names, each the first of its domain: data that is spread over
    /// domains.
    pub spread_bytes: f64,
    /// New bytes of one such name.
    pub spread_name_bytes: f64,
    /// Names of a client in the slow sum with a code that is not a look-up, whatever their domains: data that is spread
    /// over several, or that makes up domains. Base rate: hosts of clouds and pages have a few such names.
    pub code_names: f64,
    /// New bytes of those names.
    pub code_bytes: f64,
    /// New bytes from which a name is one of them, and in a registered domain's own label.
    pub code_name_bytes: f64,
    /// Packets on port 53 that are not DNS, in the direction with fewer of them. A scanner's probes are not
    /// answered in kind.
    pub alien_packets: u32,
    /// The same where only one direction is seen; only new payloads count then, since a flood repeats its own.
    pub alien_packets_one_way: u32,
    /// Bytes of new data in EDNS options without a standard, and in other parts of messages that nobody uses, of one client
    /// and server, in the slow sum. Base rate: 29, and 75 in a capture that was damaged on purpose.
    /// Forwarders that tag queries (MAC address, customer) repeat as many values as they have clients.
    pub edns_bytes: f64,
    /// Share of those options whose data is new.
    pub edns_new_share: f64,
    /// Answers for one name whose TTL fits no cache: none of the last 16 said the same TTL, nor the same time of
    /// expiry, though the last had not expired. A group of resolvers does that once for each cache and TTL.
    pub ttl_jumps: f64,
    /// Share of such answers among all for the name. Up to 80 caches that take turns stay below.
    pub ttl_jump_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            fast_name_bytes: 300.0,
            slow_name_bytes: 600.0,
            names: 5,
            slow_names: 10.0,
            bytes_per_name: 7.0,
            unique_share: 0.3,
            short_names: 64.0,
            short_name_bytes: 1200.0,
            short_unique_share: 0.4,
            far_repeats: 16.0,
            far_addresses: 48.0,
            far_share: 0.75,
            rare_names: 3.5,
            rare_bytes: 40.0,
            one_name_bytes: 64.0,
            answer_bytes: 1500.0,
            new_answers: 8.0,
            new_answer_share: 0.6,
            impossible_addresses: 3.5,
            long_name: 128.0,
            high_ratio: 4.0,
            busy_domains: 200.0,
            spread_bytes: 1000.0,
            spread_name_bytes: 48.0,
            code_names: 40.0,
            code_bytes: 1200.0,
            code_name_bytes: 20.0,
            alien_packets: 4,
            alien_packets_one_way: 16,
            edns_bytes: 256.0,
            edns_new_share: 0.5,
            ttl_jumps: 48.0,
            ttl_jump_share: 0.8,
        }
    }
}
