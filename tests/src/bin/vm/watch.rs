//! Watching interfaces with the data plane, and waiting for its counters.

use std::time::{Duration, Instant};

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, Hooks, Interface, Settings, resolve};
use inspector::observation::Event;
use inspector_common::{Account, Control, Direction, HeadGroup, HeadMeta};

/// How long packets may take. Emulated machines are slow, and their hosts busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every head is let through and every flow gets a series, so that all can be looked at.
pub(crate) fn control() -> Control {
    Control { series_min_gap_ns: 0, limits: [u32::MAX; HeadGroup::SLOTS], ..Control::default() }
}

/// The data plane, attached to nothing yet.
pub(crate) fn load() -> DataPlane {
    let settings = Settings { control: control(), ..Settings::default() };
    DataPlane::load(&settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Interfaces of the namespace that the thread is in.
pub(crate) async fn interfaces(names: &[&str]) -> Vec<Interface> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    resolve(&names).await.expect("the interfaces exist")
}

/// The data plane, attached.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) plane: DataPlane,
    interfaces: Vec<Interface>,
}

impl Watch {
    /// Attaches to interfaces of the namespace that the thread is in.
    pub(crate) async fn on(names: &[&str], hooks: Hooks) -> Self {
        let mut plane = load();
        let interfaces = interfaces(names).await;
        plane.attach(&interfaces, hooks).await.unwrap_or_else(|error| panic!("{error}"));
        Self { plane, interfaces }
    }

    /// Number of an interface that is watched.
    pub(crate) fn index(&self, name: &str) -> u32 {
        let interface = self.interfaces.iter().find(|interface| interface.name == name);
        interface.expect("it is watched").index
    }

    /// How packets that cross an interface in a direction are seen.
    pub(crate) fn mode(&self, interface: &str, direction: Direction) -> &'static str {
        let mut attachments = self.plane.attachments().into_iter();
        let here = attachments.find(|a| a.interface == interface && a.direction == direction);
        here.map_or("not attached", |attachment| attachment.mode)
    }

    /// The counters of what crossed an interface in a direction.
    pub(crate) fn account(&self, interface: &str, direction: Direction) -> Account {
        let accounts = self.plane.accounts().read().expect("the counters can be read");
        let here = accounts.iter().find(|a| a.interface == interface && a.direction == direction);
        here.map_or_else(Account::zeroed, |here| here.account)
    }

    /// The counters once they are as wanted, or as they are when patience ends.
    pub(crate) async fn account_once(
        &self,
        interface: &str,
        direction: Direction,
        is_wanted: impl Fn(&Account) -> bool,
    ) -> Account {
        let start = Instant::now();
        loop {
            let account = self.account(interface, direction);
            if is_wanted(&account) || start.elapsed() > PATIENCE {
                return account;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The heads that have come since the last call.
    pub(crate) fn heads(&mut self) -> Vec<(HeadMeta, Vec<u8>)> {
        let mut heads = Vec::new();
        self.plane.read_heads(usize::MAX, |meta, bytes| heads.push((*meta, bytes.to_vec())));
        heads
    }

    /// Flows, series and all that comes of a drain.
    pub(crate) fn drain(&mut self, each: impl FnMut(Event<'_>)) {
        self.plane.drain(each).expect("the maps can be read");
    }
}
