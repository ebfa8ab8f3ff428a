//! The exact counters, and which interface has which slot of them.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::maps::{Array, Map, MapData, MapError, PerCpuArray};
use bytemuck::Zeroable as _;
use inspector_common::{Account, Direction, InterfaceSlot};

use super::error::DataplaneError;
use super::interface::Interface;
use super::seats::Seats;
use super::sys::MapValue;
use crate::metrics::{InterfaceAccount, StatsError};

/// The counters in the kernel. Clones read the same ones, from any thread.
#[derive(Clone)]
pub struct Accounts {
    counters: Arc<PerCpuArray<MapData, MapValue<Account>>>,
    /// By slot, from 1 on; slot 0 takes packets of interfaces that nobody entered.
    owners: Arc<Mutex<Vec<Owner>>>,
}

/// Whose the counters of a slot are.
#[derive(Clone, Debug)]
struct Owner {
    name: String,
    /// What the counters, ingress and egress, stood at when the owner got the slot from another.
    before: [Account; 2],
}

/// The kernel's map from interfaces to slots, and what stands in it.
pub(super) struct Slots {
    map: Array<MapData, MapValue<InterfaceSlot>>,
    seats: Seats,
}

impl Slots {
    /// Takes over the map `INTERFACES`.
    pub(super) fn new(map: Map) -> Result<Self, DataplaneError> {
        let map = map.try_into().map_err(|source| map_error("INTERFACES", source))?;
        Ok(Self { map, seats: Seats::default() })
    }

    /// Gives each interface a slot, the same again to one that comes back by its name.
    pub(super) fn enter(
        &mut self,
        accounts: &Accounts,
        interfaces: &[Interface],
    ) -> Result<(), DataplaneError> {
        let mut seats = self.seats.clone();
        let seated = seats.seat_all(interfaces)?;
        for (interface, slot) in interfaces.iter().zip(&seated) {
            accounts.hand_over(*slot, &interface.name)?;
        }
        for index in self.seats.left_by(&seats) {
            self.write(index, InterfaceSlot::zeroed())?;
        }
        for (interface, slot) in interfaces.iter().zip(seated) {
            self.write(interface.index, InterfaceSlot { ifindex: interface.index, slot })?;
        }
        self.seats = seats;
        Ok(())
    }

    /// Takes out an interface that is not watched any more, so that whatever gets its index is not taken for it. Its
    /// counters stay.
    pub(super) fn forget(&mut self, index: u32) -> Result<(), DataplaneError> {
        if self.seats.leave(index) {
            self.write(index, InterfaceSlot::zeroed())?;
        }
        Ok(())
    }

    fn write(&mut self, index: u32, slot: InterfaceSlot) -> Result<(), DataplaneError> {
        let result = self.map.set(index % InterfaceSlot::ENTRIES, MapValue(slot), 0);
        result.map_err(|source| map_error("INTERFACES", source))
    }
}

impl Accounts {
    /// Takes over the map `ACCOUNTS`.
    pub(super) fn new(counters: Map) -> Result<Self, DataplaneError> {
        let counters = counters.try_into().map_err(|source| map_error("ACCOUNTS", source))?;
        Ok(Self { counters: Arc::new(counters), owners: Arc::default() })
    }

    /// The counters of each interface and direction, summed over CPUs. Egress, and packets of interfaces
    /// that nobody entered, are there once something was counted.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn read(&self) -> Result<Vec<InterfaceAccount>, StatsError> {
        let strangers = Owner { name: "other".to_owned(), before: [Account::zeroed(); 2] };
        let owners: Vec<Owner> = std::iter::once(strangers).chain(self.owners().iter().cloned()).collect();
        let mut accounts = Vec::new();
        for (slot, owner) in (0..).zip(owners) {
            for (direction, before) in DIRECTIONS.into_iter().zip(&owner.before) {
                let mut account = self.sum(slot, direction)?;
                account.subtract(before);
                let is_watched = slot > 0 && direction == Direction::Ingress;
                if is_watched || account.seen > 0 {
                    accounts.push(InterfaceAccount { interface: owner.name.clone(), direction, account });
                }
            }
        }
        Ok(accounts)
    }

    /// Has a slot's counters count for an interface from now on, from zero if they were another's.
    fn hand_over(&self, slot: u32, name: &str) -> Result<(), DataplaneError> {
        let mut owners = self.owners();
        match slot.checked_sub(1).and_then(|at| owners.get_mut(at as usize)) {
            Some(owner) if owner.name == name => {}
            Some(owner) => {
                let [ingress, egress] = DIRECTIONS.map(|direction| self.sum(slot, direction));
                *owner = Owner { name: name.to_owned(), before: [ingress?, egress?] };
            }
            None => owners.push(Owner { name: name.to_owned(), before: [Account::zeroed(); 2] }),
        }
        Ok(())
    }

    /// The counters of a slot, over all CPUs and everyone who had it.
    fn sum(&self, slot: u32, direction: Direction) -> Result<Account, StatsError> {
        let values = self
            .counters
            .get(&InterfaceSlot::account(slot, direction), 0)
            .map_err(|error| StatsError { what: "the BPF map ACCOUNTS", source: io::Error::other(error) })?;
        let mut sum = Account::zeroed();
        for MapValue(account) in values.iter() {
            sum.merge(account);
        }
        Ok(sum)
    }

    fn owners(&self) -> MutexGuard<'_, Vec<Owner>> {
        // Nothing panics while it holds the lock; if something did, the names are still names.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the order of [`Owner::before`].
const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("owners", &self.owners).finish_non_exhaustive()
    }
}

fn map_error(map: &'static str, source: MapError) -> DataplaneError {
    DataplaneError::Map { map, source: Box::new(source) }
}
