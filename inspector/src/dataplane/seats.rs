//! Which interface has which slot of the counters.

use inspector_common::InterfaceSlot;

use super::error::DataplaneError;
use super::interface::Interface;

/// Interfaces that can be watched at a time: every slot but that of strangers.
const LIMIT: usize = InterfaceSlot::SLOTS as usize - 1;

/// Every slot that was ever given away, from 1 on.
///
/// One that is gone keeps its slot, so that its counters go on when it comes back, until no other is left for a new
/// one: names of containers' interfaces never come back.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    /// How many have left, so far.
    departures: u64,
}

#[derive(Clone, Debug)]
struct Seat {
    name: String,
    taken: Taken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// By the interface with this index.
    By(u32),
    /// No more: number of the departure.
    Left(u64),
}

impl Seats {
    /// Gives each interface a slot, and says which. Nothing has changed where there is an error.
    pub(super) fn seat_all(&mut self, interfaces: &[Interface]) -> Result<Vec<u32>, DataplaneError> {
        let mut seats = self.clone();
        let slots = interfaces.iter().map(|interface| seats.seat(interface)).collect::<Result<_, _>>()?;
        *self = seats;
        Ok(slots)
    }

    fn seat(&mut self, interface: &Interface) -> Result<u32, DataplaneError> {
        // An index that was reused under another name is the later one's.
        self.leave(interface.index);
        self.refuse_clash(interface)?;
        let seat = Seat { name: interface.name.clone(), taken: Taken::By(interface.index) };
        let at = match self.seats.iter().position(|known| known.name == interface.name) {
            Some(known) => known,
            None if self.seats.len() < LIMIT => self.seats.len(),
            None => self.left_longest_ago()?,
        };
        match self.seats.get_mut(at) {
            Some(old) => *old = seat,
            None => self.seats.push(seat),
        }
        Ok(u32::try_from(at + 1).unwrap_or(0))
    }

    /// Two indexes that share an entry of the kernel's map cannot be told apart.
    fn refuse_clash(&self, interface: &Interface) -> Result<(), DataplaneError> {
        let shares_entry = |seat: &&Seat| matches!(seat.taken, Taken::By(index) if index % InterfaceSlot::ENTRIES == interface.index % InterfaceSlot::ENTRIES);
        match self.seats.iter().filter(|seat| seat.name != interface.name).find(shares_entry) {
            None => Ok(()),
            Some(other) => Err(DataplaneError::IndexClash {
                first: other.name.clone(),
                second: interface.name.clone(),
                period: InterfaceSlot::ENTRIES,
            }),
        }
    }

    fn left_longest_ago(&self) -> Result<usize, DataplaneError> {
        let left = self.seats.iter().enumerate().filter_map(|(at, seat)| match seat.taken {
            Taken::By(_) => None,
            Taken::Left(departure) => Some((departure, at)),
        });
        left.min().map(|(_, at)| at).ok_or(DataplaneError::TooManyInterfaces { limit: LIMIT })
    }

    /// Notes that the interface with this index is gone; whether it had a slot.
    pub(super) fn leave(&mut self, index: u32) -> bool {
        match self.seats.iter_mut().find(|seat| seat.taken == Taken::By(index)) {
            Some(seat) => {
                seat.taken = Taken::Left(self.departures);
                self.departures += 1;
                true
            }
            None => false,
        }
    }

    /// Indexes that have a slot here and none in `later`.
    pub(super) fn left_by(&self, later: &Self) -> Vec<u32> {
        self.indexes().filter(|index| later.indexes().all(|later| later != *index)).collect()
    }

    fn indexes(&self) -> impl Iterator<Item = u32> {
        self.seats.iter().filter_map(|seat| match seat.taken {
            Taken::By(index) => Some(index),
            Taken::Left(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, index: u32) -> Interface {
        Interface { name: name.to_owned(), index, xdp_program: None }
    }

    fn interfaces(indexes: impl IntoIterator<Item = u32>) -> Vec<Interface> {
        indexes.into_iter().map(|index| named(&format!("if{index}"), index)).collect()
    }

    #[test]
    fn each_interface_has_its_own_slot_wherever_its_index_lies() {
        let far = 3 + InterfaceSlot::ENTRIES;
        assert_eq!(Seats::default().seat_all(&interfaces([2, far])).unwrap(), [1, 2]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let mut seats = Seats::default();
        let clash = seats.seat_all(&interfaces([3, 3 + InterfaceSlot::ENTRIES])).unwrap_err().to_string();
        assert!(clash.contains("if3 and if65539"), "{clash}");
        assert!(seats.seat_all(&interfaces(1..=64)).unwrap_err().to_string().contains("at most 63"));
        assert_eq!(seats.seat_all(&interfaces(1..=63)).unwrap().len(), 63, "refusals left nothing behind");
    }

    #[test]
    fn who_comes_back_has_its_slot_again_and_its_index_is_free_meanwhile() {
        let mut seats = Seats::default();
        seats.seat_all(&[named("lan", 7), named("wan", 8)]).unwrap();
        assert!(seats.leave(7) && !seats.leave(7));
        assert_eq!(seats.indexes().collect::<Vec<_>>(), [8]);
        // Another one has the index now, or one that would have clashed with it.
        assert_eq!(seats.clone().seat_all(&[named("new", 7)]).unwrap(), [3]);
        assert_eq!(seats.seat_all(&[named("new", 7 + InterfaceSlot::ENTRIES)]).unwrap(), [3]);
        assert_eq!(seats.seat_all(&[named("lan", 9)]).unwrap(), [1]);
    }

    #[test]
    fn an_index_under_a_new_name_or_a_name_with_a_new_index_leaves_nothing_behind() {
        let mut seats = Seats::default();
        seats.seat_all(&[named("lan", 7), named("wan", 8)]).unwrap();
        let mut later = seats.clone();
        assert_eq!(later.seat_all(&[named("renamed", 7), named("wan", 9)]).unwrap(), [3, 2]);
        assert_eq!(seats.left_by(&later), [8]);
        assert_eq!(later.seat_all(&[named("lan", 10)]).unwrap(), [1]);
    }

    #[test]
    fn when_all_slots_are_given_away_who_left_longest_ago_gives_up_its_own() {
        let mut seats = Seats::default();
        seats.seat_all(&interfaces(1..=63)).unwrap();
        assert!(seats.seat_all(&interfaces([64])).is_err());
        assert!(seats.leave(20) && seats.leave(10));
        assert_eq!(seats.seat_all(&interfaces([64])).unwrap(), [20]);
        assert_eq!(seats.seat_all(&interfaces([10])).unwrap(), [10]);
        assert!(seats.seat_all(&interfaces([65])).is_err());
    }
}
