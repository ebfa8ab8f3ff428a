// What the pacing programs and the bench that drives them agree on. The bench includes this file by path.

/// Packets that can be run through.
pub(crate) const PACKETS: u32 = 20_000;

/// Shortest frame: Ethernet's least, without the check sequence. The first so many bytes of every frame are read
/// before the program under test begins.
pub(crate) const SHORTEST: usize = 60;

/// Longest frame. It leaves headroom and tail room in one page.
pub(crate) const LONGEST: usize = 2_040;

/// Bytes of a packet's slot: the packet's, and in the last four its length as a native `u32`. A power of two, so that
/// a mask bounds the length, and no slot lies on two pages.
pub(crate) const SLOT: usize = 2_048;

/// Native `u32`s of the state. The last is for the pacing programs alone.
pub(crate) const STATE: usize = 7;

/// Places in the state.
pub(crate) mod state {
    /// Number of the next packet.
    pub(crate) const NEXT: usize = 0;
    /// How many packets there are; after the last comes the first.
    pub(crate) const COUNT: usize = 1;
    /// Not 0: addresses and source port are random, in frames that are IPv4 without a VLAN tag.
    pub(crate) const RANDOM: usize = 2;
    /// Runs that did not get to the program under test.
    pub(crate) const MISSED: usize = 3;
    /// Interface that `emit` sends to.
    pub(crate) const OUT: usize = 4;
    /// Runs so far, modulo 2^32.
    pub(crate) const RUNS: usize = 5;
}
