//! A bounded table of pairs that forgets the ones not heard of for longest.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use super::pair::Pair;

/// The hosts of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hosts {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
}

/// Two generations: pairs that are heard of move to the young one; when that is full it becomes the old one
/// and the former old one is dropped. So each of the last `capacity / 2` pairs is there, and a packet costs
/// the same in a flood of new pairs as without. Pairs with evidence outlive one more generation.
#[derive(Debug)]
pub(super) struct Table {
    young: HashMap<Hosts, Box<Pair>>,
    old: HashMap<Hosts, Box<Pair>>,
    generation: usize,
    key: u64,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (capacity / 2).max(1),
            key: RandomState::new().hash_one(capacity),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.generation * 2
    }

    /// The pair of these hosts, new if it is not known.
    pub(super) fn pair(&mut self, hosts: Hosts, now_ns: u64) -> &mut Pair {
        let key = self.key;
        if !self.young.contains_key(&hosts) {
            if self.young.len() >= self.generation {
                self.rotate();
            }
            let pair = self.old.remove(&hosts).unwrap_or_else(|| Box::new(Pair::new(now_ns, key)));
            self.young.insert(hosts, pair);
        }
        self.young.entry(hosts).or_insert_with(|| Box::new(Pair::new(now_ns, key)))
    }

    fn rotate(&mut self) {
        let survivors = self.generation / 2;
        let young = std::mem::take(&mut self.young);
        let dropped = std::mem::replace(&mut self.old, young);
        self.young = dropped.into_iter().filter(|(_, pair)| pair.has_evidence()).take(survivors).collect();
    }

    /// Forgets pairs that were idle since before `since_ns`.
    pub(super) fn expire(&mut self, since_ns: u64) {
        self.young.retain(|_, pair| pair.last_ns() >= since_ns);
        self.old.retain(|_, pair| pair.last_ns() >= since_ns);
    }
}
