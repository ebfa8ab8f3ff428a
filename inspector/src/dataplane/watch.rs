//! Interfaces that appear, vanish and change while inspector runs.
//!
//! The kernel's notifications are taken as hints only: when they have settled, its list of interfaces is read
//! and compared with what was known. So it doesn't matter how many there are, in which order they come, or that
//! some are dropped when they come faster than they are read (`ENOBUFS`). One thing is known from notifications
//! alone: that an interface was gone in between, if it returns with its name and its index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket as _, SocketAddr, TokioSocket};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::error::DataplaneError;
use super::interface::{self, Interface};
use super::link::{self, Link};

/// After the last hint, the time that an interface is given to become what it will be: setting one up takes
/// several steps, each with a notification.
const QUIET: Duration = Duration::from_millis(100);

/// After the first hint, the longest time until the list is read, and between two readings that fail.
const LIMIT: Duration = Duration::from_secs(1);

/// The group of notifications about links (`RTMGRP_LINK`).
const LINK_GROUP: u32 = 1;

/// What has happened to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there now, perhaps again; anything attached to an earlier one of its name or index is gone.
    Appeared(Interface),
    /// It is gone: deleted, moved to another network namespace, or renamed.
    Vanished {
        /// The name that it had.
        name: String,
        /// The index that it had.
        index: u32,
    },
    /// It is the same, and something about it is not.
    Changed {
        /// Its name.
        name: String,
        /// Its index.
        index: u32,
        /// What it was like.
        before: LinkState,
        /// What it is like.
        after: LinkState,
    },
}

/// What can change about an interface while it is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Its MTU, bytes.
    pub mtu: u32,
    /// It has been set up.
    pub is_up: bool,
    /// Something is at the other end.
    pub has_carrier: bool,
}

/// An interface as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    interface: Interface,
    state: LinkState,
}

/// Interfaces by index.
type Table = BTreeMap<u32, Seen>;

/// Watches the interfaces of this network namespace. Needs a tokio runtime, and no privilege.
pub struct Watcher {
    wanted: Vec<String>,
    socket: TokioSocket,
    known: Table,
    /// Known ones that have been deleted since the list was read; what has their index now is another one.
    deleted: BTreeSet<u32>,
    events: VecDeque<LinkEvent>,
    hints: Hints,
    overruns: u64,
}

impl Watcher {
    /// Watches interfaces whose names fit `wanted` (names and globs, as for `run -i`) and those that are
    /// watched already, by name: so what `auto` found is recognised when it returns. What has happened since
    /// `watched` was resolved comes as the first events.
    ///
    /// # Errors
    /// The kernel doesn't answer.
    pub async fn new(wanted: &[String], watched: &[Interface]) -> Result<Self, DataplaneError> {
        let subscribe = || {
            let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
            socket.socket_mut().bind(&SocketAddr::new(0, LINK_GROUP))?;
            Ok(socket)
        };
        let socket = subscribe().map_err(netlink)?;
        let names = watched.iter().map(|interface| interface.name.clone());
        let wanted = wanted.iter().cloned().chain(names).collect();
        let mut watcher = Self {
            wanted,
            socket,
            known: Table::new(),
            deleted: BTreeSet::new(),
            events: VecDeque::new(),
            hints: Hints::default(),
            overruns: 0,
        };
        // The list is read after notifications have begun, so that nothing falls between.
        let now = watcher.read().await?;
        watcher.known = as_watched(watched, &now);
        watcher.learn(now);
        Ok(watcher)
    }

    /// The next event. Of an interface that was replaced, `Vanished` comes before `Appeared`. Cancelling the
    /// future loses nothing.
    ///
    /// # Errors
    /// The kernel doesn't answer; the next call tries again, after a while.
    pub async fn next(&mut self) -> Result<LinkEvent, DataplaneError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let Some(due) = self.hints.due() else {
                self.listen().await.map_err(netlink)?;
                continue;
            };
            tokio::select! {
                heard = self.listen() => heard.map_err(netlink)?,
                () = sleep_until(due) => self.resync().await?,
            }
        }
    }

    /// How often notifications came faster than they were read, and some were dropped. Nothing is lost by that
    /// but time.
    #[must_use]
    pub const fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Takes one datagram of notifications, or the news that some were dropped.
    async fn listen(&mut self) -> io::Result<()> {
        match poll_fn(|context| self.socket.poll_recv_from_full(context)).await {
            Ok((datagram, _)) => self.heed(&datagram),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                debug!("notifications about interfaces were dropped, reading them all");
                self.overruns += 1;
                self.hints.hint(Instant::now());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn heed(&mut self, datagram: &[u8]) {
        for notification in notifications(datagram) {
            let (link, is_deleted) = match &notification {
                Notification::There(link) => (link, false),
                Notification::Gone(link) => (link, true),
                Notification::Unreadable => {
                    self.hints.hint(Instant::now());
                    continue;
                }
            };
            let is_known = self.known.contains_key(&link.index);
            if is_known && is_deleted {
                self.deleted.insert(link.index);
            }
            if is_known || self.is_wanted(&link.name) {
                self.hints.hint(Instant::now());
            }
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.wanted.iter().any(|wanted| interface::fits(wanted, name))
    }

    async fn resync(&mut self) -> Result<(), DataplaneError> {
        match self.read().await {
            Ok(now) => {
                self.hints = Hints::default();
                self.learn(now);
                Ok(())
            }
            Err(error) => {
                self.hints.postpone(Instant::now());
                Err(error)
            }
        }
    }

    /// The wanted interfaces of the kernel's list.
    async fn read(&self) -> Result<Table, DataplaneError> {
        let links = link::dump().await.map_err(netlink)?;
        Ok(links.iter().filter_map(seen).filter(|(_, seen)| self.is_wanted(&seen.interface.name)).collect())
    }

    fn learn(&mut self, now: Table) {
        self.events.extend(differences(&self.known, &now, &self.deleted));
        self.deleted.clear();
        self.known = now;
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher")
            .field("wanted", &self.wanted)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

fn netlink(source: io::Error) -> DataplaneError {
    DataplaneError::Netlink { source }
}

/// When to act on hints.
#[derive(Clone, Copy, Debug, Default)]
struct Hints {
    /// Of the first one that has not been acted on, and of the last.
    between: Option<(Instant, Instant)>,
}

impl Hints {
    fn hint(&mut self, now: Instant) {
        let first = self.between.map_or(now, |(first, _)| first);
        self.between = Some((first, now));
    }

    /// Acting on them has failed: not again at once.
    fn postpone(&mut self, now: Instant) {
        let later = now + LIMIT;
        self.between = Some((later, later));
    }

    fn due(&self) -> Option<Instant> {
        self.between.map(|(first, last)| (last + QUIET).min(first + LIMIT))
    }
}

/// One notification.
enum Notification {
    There(Link),
    Gone(Link),
    /// It may be about anything.
    Unreadable,
}

/// Those of a datagram that are about interfaces as such; what bridges tell of their ports is not.
fn notifications(mut datagram: &[u8]) -> Vec<Notification> {
    let mut found = Vec::new();
    while !datagram.is_empty() {
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram) else {
            found.push(Notification::Unreadable);
            break;
        };
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
        datagram = datagram.get(length..).unwrap_or_default();
        let of = |message: &LinkMessage| {
            Link::of(message).filter(|_| message.header.interface_family == AddressFamily::Unspec)
        };
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                found.extend(of(&link).map(Notification::There));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
                found.extend(of(&link).map(Notification::Gone));
            }
            _ => {}
        }
    }
    found
}

fn seen(message: &LinkMessage) -> Option<(u32, Seen)> {
    let Link { mtu, is_up, has_carrier, index, .. } = Link::of(message)?;
    let state = LinkState { mtu, is_up, has_carrier };
    Some((index, Seen { interface: interface::interface(message)?, state }))
}

/// What was known when these were resolved. Their state was not; as it is now will do.
fn as_watched(watched: &[Interface], now: &Table) -> Table {
    let unknown = LinkState { mtu: 0, is_up: false, has_carrier: false };
    let known = |interface: &Interface| {
        let state = now.get(&interface.index).map_or(unknown, |seen| seen.state);
        (interface.index, Seen { interface: interface.clone(), state })
    };
    watched.iter().map(known).collect()
}

/// What has happened between two readings of the list: first what vanished, last what appeared.
fn differences(before: &Table, after: &Table, deleted: &BTreeSet<u32>) -> Vec<LinkEvent> {
    // An index stays an interface's own until it is deleted, but its name may change.
    let same =
        |a: &Seen, b: &Seen| a.interface.name == b.interface.name && !deleted.contains(&a.interface.index);
    let (mut vanished, mut changed) = (Vec::new(), Vec::new());
    for (index, old) in before {
        let name = old.interface.name.clone();
        match after.get(index) {
            Some(new) if same(old, new) => {
                if old.state != new.state {
                    changed.push(LinkEvent::Changed {
                        name,
                        index: *index,
                        before: old.state,
                        after: new.state,
                    });
                }
            }
            _ => vanished.push(LinkEvent::Vanished { name, index: *index }),
        }
    }
    let is_new = |(index, new): &(&u32, &Seen)| !before.get(index).is_some_and(|old| same(old, new));
    let appeared = after.iter().filter(is_new).map(|(_, new)| LinkEvent::Appeared(new.interface.clone()));
    vanished.into_iter().chain(changed).chain(appeared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: LinkState = LinkState { mtu: 1500, is_up: true, has_carrier: true };

    fn interface(name: &str, index: u32) -> Interface {
        Interface { name: name.to_owned(), index, xdp_program: None }
    }

    fn table(entries: &[(&str, u32, LinkState)]) -> Table {
        let seen = |(name, index, state): &(&str, u32, LinkState)| {
            (*index, Seen { interface: interface(name, *index), state: *state })
        };
        entries.iter().map(seen).collect()
    }

    fn vanished(name: &str, index: u32) -> LinkEvent {
        LinkEvent::Vanished { name: name.to_owned(), index }
    }

    #[test]
    fn comings_goings_and_changes_are_told_in_order() {
        let before = table(&[("eth0", 2, STATE), ("eth1", 3, STATE), ("eth2", 4, STATE)]);
        let jumbo = LinkState { mtu: 9000, ..STATE };
        let after = table(&[("eth0", 2, STATE), ("eth1", 3, jumbo), ("eth9", 9, STATE)]);
        let changed = LinkEvent::Changed { name: "eth1".to_owned(), index: 3, before: STATE, after: jumbo };
        let expected = [vanished("eth2", 4), changed, LinkEvent::Appeared(interface("eth9", 9))];
        assert_eq!(differences(&before, &after, &BTreeSet::new()), expected);
        assert!(differences(&after, &after, &BTreeSet::new()).is_empty());
    }

    #[test]
    fn a_returned_or_renamed_interface_is_another_one() {
        let before = table(&[("eth0", 2, STATE)]);
        let appeared = |name, index| LinkEvent::Appeared(interface(name, index));
        let none = BTreeSet::new();
        let returned = table(&[("eth0", 7, STATE)]);
        assert_eq!(differences(&before, &returned, &none), [vanished("eth0", 2), appeared("eth0", 7)]);
        let renamed = table(&[("wan0", 2, STATE)]);
        assert_eq!(differences(&before, &renamed, &none), [vanished("eth0", 2), appeared("wan0", 2)]);
        // Deleted and made again with the same name and index, as when it leaves a namespace and returns.
        let deleted = BTreeSet::from([2]);
        assert_eq!(differences(&before, &before, &deleted), [vanished("eth0", 2), appeared("eth0", 2)]);
    }

    #[test]
    fn hints_are_acted_on_when_they_settle_but_not_much_later() {
        let mut hints = Hints::default();
        assert!(hints.due().is_none());
        let start = Instant::now();
        hints.hint(start);
        assert_eq!(hints.due(), Some(start + QUIET));
        for step in 1..40 {
            hints.hint(start + QUIET / 2 * step);
        }
        assert_eq!(hints.due(), Some(start + LIMIT));
        hints.postpone(start);
        assert!(hints.due() >= Some(start + LIMIT));
    }

    #[test]
    fn what_cannot_be_read_is_taken_for_anything() {
        assert!(matches!(notifications(&[1, 2, 3])[..], [Notification::Unreadable]));
        assert!(notifications(&[]).is_empty());
    }
}
