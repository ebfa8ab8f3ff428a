//! Ordinary servers and clients, and tunnels that say what they are.

mod addresses;
mod openvpn;
mod resolver;
mod shell;
mod time;

pub use addresses::lease_addresses;
pub use openvpn::{OpenVpn, Way as OpenVpnWay};
pub use resolver::Resolver;
pub use shell::Shell;
pub use time::Clocks;

use std::time::Duration;

/// For a server to be there.
const PATIENCE: Duration = Duration::from_secs(20);
