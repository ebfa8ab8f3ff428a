//! The exact counters, and which interface has which slot of them.

use std::fmt;
use std::io;
use std::sync::Arc;

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray};
use bytemuck::Zeroable as _;
use inspector_common::{Account, Direction, InterfaceSlot};

use super::error::DataplaneError;
use super::interface::Interface;
use super::sys::MapValue;
use crate::metrics::{InterfaceAccount, StatsError};

/// Interfaces that can be watched: every slot but that of strangers.
const LIMIT: usize = InterfaceSlot::ACCOUNTS as usize - 1;

/// The counters in the kernel. Clones read the same ones, from any thread.
#[derive(Clone)]
pub struct Accounts {
    counters: Arc<PerCpuArray<MapData, MapValue<Account>>>,
    /// Names by slot; slot 0 takes packets of interfaces that nobody entered.
    names: Arc<[String]>,
}

impl Accounts {
    /// Takes over the map `ACCOUNTS`.
    pub(super) fn new(counters: Map) -> Result<Self, DataplaneError> {
        let counters = counters.try_into().map_err(|source| map_error("ACCOUNTS", source))?;
        Ok(Self { counters: Arc::new(counters), names: Arc::new([]) })
    }

    /// Gives each interface a slot, in order, from 1 on.
    pub(super) fn enter(&mut self, slots: Map, interfaces: &[Interface]) -> Result<(), DataplaneError> {
        let mut slots: Array<MapData, MapValue<InterfaceSlot>> =
            slots.try_into().map_err(|source| map_error("INTERFACES", source))?;
        for (index, slot) in assign(interfaces)? {
            slots.set(index, MapValue(slot), 0).map_err(|source| map_error("INTERFACES", source))?;
        }
        let names = std::iter::once("other".to_owned()).chain(interfaces.iter().map(|i| i.name.clone()));
        self.names = names.collect();
        Ok(())
    }

    /// The counters of each interface, summed over CPUs.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn read(&self) -> Result<Vec<InterfaceAccount>, StatsError> {
        let mut accounts = Vec::with_capacity(self.names.len());
        for (slot, name) in (0..).zip(self.names.iter()) {
            let account = self.sum(slot)?;
            if slot > 0 || account.seen > 0 {
                let (interface, direction) = (name.clone(), Direction::Ingress);
                accounts.push(InterfaceAccount { interface, direction, account });
            }
        }
        Ok(accounts)
    }

    fn sum(&self, slot: u32) -> Result<Account, StatsError> {
        let values = self
            .counters
            .get(&slot, 0)
            .map_err(|error| StatsError { what: "the BPF map ACCOUNTS", source: io::Error::other(error) })?;
        let mut sum = Account::zeroed();
        for MapValue(account) in values.iter() {
            sum.merge(account);
        }
        Ok(sum)
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
        if let Some(clash) = assigned.iter().position(|(taken, _)| *taken == index) {
            return Err(DataplaneError::IndexClash {
                first: interfaces[clash].name.clone(),
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
