//! `inspector doctor`: what would keep inspector from running here, or from seeing all, with the remedies.
//!
//! Nothing is attached or changed. Facts come from [`dataplane`](crate::dataplane) and `/proc`; what they mean
//! is decided by functions of nothing but the facts.

mod check;
mod host;
mod host_checks;
mod interface_checks;
mod json;
#[cfg(test)]
mod sample;
mod text;

pub use check::{Check, Level};
pub use host::{Cpus, Host, Memlock};
pub use json::Json;
pub use text::Text;

use crate::dataplane::link::{self, Link};
use crate::dataplane::{self, DataplaneError};
use interface_checks::Surroundings;

/// All that was found.
#[derive(Debug)]
pub struct Report {
    /// The host.
    pub host: Host,
    /// What that means.
    pub checks: Vec<Check>,
    /// The interfaces, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// What was asked for and isn't there, or could not be asked for.
    pub unresolved: Vec<Unresolved>,
}

/// An interface.
#[derive(Debug)]
pub struct Interface {
    /// What it is like.
    pub link: Link,
    /// What that means.
    pub checks: Vec<Check>,
}

/// A name that leads to no interface.
#[derive(Debug)]
pub struct Unresolved {
    /// The name or pattern as given.
    pub name: String,
    /// What is wrong with it.
    pub check: Check,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything is as it should be.
    Ready,
    /// It runs, but some things cost it.
    Limited,
    /// It would not run.
    Blocked,
}

impl Report {
    /// Looks at the host and at the interfaces that `wanted` names as `run -i` does; at those with a default
    /// route if it names none, or at all if there are none of these. Needs a tokio runtime.
    pub async fn examine(wanted: &[String]) -> Self {
        let host = Host::examine();
        let checks = host_checks::checks(&host);
        let (interfaces, unresolved) = match link::survey().await {
            Ok(links) => {
                let (chosen, unresolved) = choose(wanted, &links).await;
                (look(&host, &links, &chosen), unresolved)
            }
            Err(error) => (Vec::new(), vec![Unresolved::new("interfaces", &error)]),
        };
        Self { host, checks, interfaces, unresolved }
    }

    /// Every check.
    pub fn all(&self) -> impl Iterator<Item = &Check> {
        let of_interfaces = self.interfaces.iter().flat_map(|interface| &interface.checks);
        self.checks
            .iter()
            .chain(of_interfaces)
            .chain(self.unresolved.iter().map(|unresolved| &unresolved.check))
    }

    /// How many checks are at a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.all().filter(|check| check.level == level).count()
    }

    /// What it comes to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.all().map(|check| check.level).max() {
            Some(Level::Stop) => Verdict::Blocked,
            Some(Level::Warn) => Verdict::Limited,
            _ => Verdict::Ready,
        }
    }
}

impl Unresolved {
    fn new(name: &str, error: &DataplaneError) -> Self {
        let text = error.to_string();
        let (says, remedy) = text.rsplit_once("; ").unwrap_or((&text, "name another interface"));
        Self { name: name.to_owned(), check: Check::new("interface", Level::Stop, says).remedy(remedy) }
    }
}

/// Indexes of the interfaces to look at, and names that lead to none.
async fn choose(wanted: &[String], links: &[Link]) -> (Vec<u32>, Vec<Unresolved>) {
    if wanted.is_empty() {
        let indexes = match dataplane::resolve(&["auto".to_owned()]).await {
            Ok(found) => found.iter().map(|interface| interface.index).collect(),
            Err(_) => links.iter().map(|link| link.index).collect(),
        };
        return (indexes, Vec::new());
    }
    let (mut indexes, mut unresolved) = (Vec::new(), Vec::new());
    for name in wanted {
        match dataplane::resolve(std::slice::from_ref(name)).await {
            Ok(found) => indexes.extend(found.iter().map(|interface| interface.index)),
            Err(error) => unresolved.push(Unresolved::new(name, &error)),
        }
    }
    (indexes, unresolved)
}

fn look(host: &Host, links: &[Link], chosen: &[u32]) -> Vec<Interface> {
    let around = Surroundings { features: &host.features, links, chosen };
    let looked_at = links.iter().filter(|link| chosen.contains(&link.index));
    looked_at
        .map(|link| Interface { checks: interface_checks::checks(link, &around), link: link.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(levels: &[Level]) -> Report {
        let checks = levels.iter().map(|level| Check::new("x", *level, "y")).collect();
        let unresolved = Vec::new();
        Report { host: sample::host(), checks, interfaces: Vec::new(), unresolved }
    }

    #[test]
    fn the_worst_check_decides() {
        assert_eq!(report(&[]).verdict(), Verdict::Ready);
        assert_eq!(report(&[Level::Ok, Level::Unknown, Level::Note]).verdict(), Verdict::Ready);
        assert_eq!(report(&[Level::Warn, Level::Unknown]).verdict(), Verdict::Limited);
        assert_eq!(report(&[Level::Warn, Level::Stop, Level::Ok]).verdict(), Verdict::Blocked);
    }

    #[test]
    fn a_name_that_leads_nowhere_stops_it() {
        let error = DataplaneError::NoSuchInterface { name: "eth9".to_owned() };
        let mut report = report(&[Level::Ok]);
        report.unresolved.push(Unresolved::new("eth9", &error));
        assert_eq!(report.verdict(), Verdict::Blocked);
        let check = &report.unresolved[0].check;
        assert_eq!(check.says, "no interface named eth9");
        assert!(check.remedy.as_deref().unwrap().contains("ip link"));
    }
}
