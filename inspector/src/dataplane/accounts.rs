//! The exact counters, and which interface has which slot of them.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray};
use bytemuck::Zeroable as _;
use inspector_common::{Account, Direction, InterfaceSlot};

use super::error::DataplaneError;
use super::interface::Interface;
use super::sys::MapValue;
use crate::metrics::{InterfaceAccount, StatsError};

/// Interfaces that can be watched: every slot but that of strangers.
const LIMIT: usize = InterfaceSlot::SLOTS as usize - 1;

/// The counters in the kernel. Clones read the same ones, from any thread.
#[derive(Clone)]
pub struct Accounts {
    counters: Arc<PerCpuArray<MapData, MapValue<Account>>>,
    /// Names by slot; slot 0 takes packets of interfaces that nobody entered.
    names: Arc<Mutex<Vec<String>>>,
}

/// The kernel's map from interfaces to slots, and what stands in it.
pub(super) struct Slots {
    map: Array<MapData, MapValue<InterfaceSlot>>,
    assigned: Vec<Interface>,
}

impl Slots {
    /// Takes over the map `INTERFACES`.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let map = map.try_into().map_err(|source| map_error("INTERFACES", source))?;
        Ok(Self { map, assigned: Vec::new() })
    }

    /// Gives each interface a slot, the same again to one that comes back by its name.
    pub(super) fn enter(
        &mut self,
        accounts: &Accounts,
        interfaces: &[Interface],
    ) -> Result<(), DataplaneError> {
        let mut assigned = self.assigned.clone();
        for interface in interfaces {
            match assigned.iter_mut().find(|known| known.name == interface.name) {
                Some(known) => *known = interface.clone(),
                None => assigned.push(interface.clone()),
            }
        }
        for (index, slot) in assign(&assigned)? {
            self.map.set(index, MapValue(slot), 0).map_err(|source| map_error("INTERFACES", source))?;
        }
        *accounts.names() = assigned.iter().map(|interface| interface.name.clone()).collect();
        self.assigned = assigned;
        Ok(())
    }
}

impl Accounts {
    /// Takes over the map `ACCOUNTS`.
    pub(super) fn new(counters: Map) -> Result<Self, DataplaneError> {
        let counters = counters.try_into().map_err(|source| map_error("ACCOUNTS", source))?;
        Ok(Self { counters: Arc::new(counters), names: Arc::default() })
    }

    /// The counters of each interface and direction, summed over CPUs. Egress, and packets of interfaces
    /// that nobody entered, are there once something was counted.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn read(&self) -> Result<Vec<InterfaceAccount>, StatsError> {
        let names = self.names().clone();
        let names = std::iter::once("other").chain(names.iter().map(String::as_str));
        let mut accounts = Vec::new();
        for (slot, name) in (0..).zip(names) {
            for direction in [Direction::Ingress, Direction::Egress] {
                let account = self.sum(InterfaceSlot::account(slot, direction))?;
                let is_watched = slot > 0 && direction == Direction::Ingress;
                if is_watched || account.seen > 0 {
                    accounts.push(InterfaceAccount { interface: name.to_owned(), direction, account });
                }
            }
        }
        Ok(accounts)
    }

    fn sum(&self, index: u32) -> Result<Account, StatsError> {
        let values = self
            .counters
            .get(&index, 0)
            .map_err(|error| StatsError { what: "the BPF map ACCOUNTS", source: io::Error::other(error) })?;
        let mut sum = Account::zeroed();
        for MapValue(account) in values.iter() {
            sum.merge(account);
        }
        Ok(sum)
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        // Nothing panics while it holds the lock; if something did, the names are still names.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("names", &self.names).finish_non_exhaustive()
    }
}

fn map_error(map: &'static str, source: MapError) -> DataplaneError {
    DataplaneError::Map { map, source: Box::new(source) }
}

/// Where in `INTERFACES` each interface goes, and what stands there.
fn assign(interfaces: &[Interface]) -> Result<Vec<(u32, InterfaceSlot)>, DataplaneError> {
    if interfaces.len() > LIMIT {
        return Err(DataplaneError::TooManyInterfaces { count: interfaces.len(), limit: LIMIT });
    }
    let mut assigned: Vec<(u32, InterfaceSlot)> = Vec::with_capacity(interfaces.len());
    for (slot, interface) in (1..).zip(interfaces) {
        let index = interface.index % InterfaceSlot::ENTRIES;
        // An index that was reused by an interface of another name is the later one's.
        assigned.retain(|(_, taken)| taken.ifindex != interface.index);
        if let Some((_, clash)) = assigned.iter().find(|(taken, _)| *taken == index) {
            let clash = interfaces.iter().find(|other| other.index == clash.ifindex);
            return Err(DataplaneError::IndexClash {
                first: clash.map(|clash| clash.name.clone()).unwrap_or_default(),
                second: interface.name.clone(),
                period: InterfaceSlot::ENTRIES,
            });
        }
        assigned.push((index, InterfaceSlot { ifindex: interface.index, slot }));
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces(indexes: impl IntoIterator<Item = u32>) -> Vec<Interface> {
        let interface = |index| Interface { name: format!("if{index}"), index, xdp_program: None };
        indexes.into_iter().map(interface).collect()
    }

    #[test]
    fn each_interface_has_its_own_slot_wherever_its_index_lies() {
        let far = 3 + InterfaceSlot::ENTRIES;
        let assigned = assign(&interfaces([2, far])).unwrap();
        assert_eq!(
            assigned,
            [(2, InterfaceSlot { ifindex: 2, slot: 1 }), (3, InterfaceSlot { ifindex: far, slot: 2 })]
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let clash = assign(&interfaces([3, 3 + InterfaceSlot::ENTRIES])).unwrap_err().to_string();
        assert!(clash.contains("if3 and if65539"), "{clash}");
        assert!(assign(&interfaces(1..=63)).is_ok());
        assert!(assign(&interfaces(1..=64)).unwrap_err().to_string().contains("at most 63"));
    }
}
