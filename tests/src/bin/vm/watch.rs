//! Watching interfaces with the data plane, and waiting for its counters.

use std::time::{Duration, Instant};

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, Interface, Mode, Settings, resolve};
use inspector_common::{Account, Direction, FlowKey, FlowRecord, HeadGroup, HeadMeta};

/// How long packets may take. Emulated machines are slow, and their hosts busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every head is let through, so that all can be looked at.
pub(crate) fn settings() -> Settings {
    Settings { head_limits: [u32::MAX; HeadGroup::SLOTS], ..Settings::default() }
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
    pub(crate) async fn on(names: &[&str], mode: Mode) -> Self {
        let mut plane = DataPlane::load(&settings()).unwrap_or_else(|error| panic!("{error}"));
        let interfaces = interfaces(names).await;
        plane.attach(&interfaces, mode).await.unwrap_or_else(|error| panic!("{error}"));
        Self { plane, interfaces }
    }

    /// The mode in which packets that come in at an interface are seen.
    pub(crate) fn mode(&self, interface: &str) -> &'static str {
        let mut attachments = self.plane.attachments().into_iter();
        let ingress = attachments.find(|attachment| {
            attachment.interface == interface && attachment.direction == Direction::Ingress
        });
        ingress.map_or("not attached", |attachment| attachment.mode)
    }

    /// The flows of what came in at an interface.
    pub(crate) fn flows(&mut self, interface: &str) -> Vec<(FlowKey, FlowRecord)> {
        let index = self.index(interface);
        let mut flows = Vec::new();
        let each = |key: &FlowKey, record: &FlowRecord| {
            if is_ingress(key, index) {
                flows.push((*key, *record));
            }
        };
        self.plane.drain_flows(each).expect("the flow map can be read");
        flows
    }

    /// The heads of what came in at an interface; others are dropped.
    pub(crate) fn heads(&mut self, interface: &str) -> Vec<(HeadMeta, Vec<u8>)> {
        let index = self.index(interface);
        let mut heads = Vec::new();
        self.plane.read_heads(usize::MAX, |meta, bytes| {
            if is_ingress(&meta.key, index) {
                heads.push((*meta, bytes.to_vec()));
            }
        });
        heads
    }

    /// Number of an interface that is watched.
    pub(crate) fn index(&self, name: &str) -> u32 {
        let interface = self.interfaces.iter().find(|interface| interface.name == name);
        interface.expect("it is watched").index
    }

    /// The counters of what came in at an interface.
    pub(crate) fn account(&self, interface: &str) -> Account {
        let accounts = self.plane.accounts().read().expect("the counters can be read");
        let ingress = accounts
            .iter()
            .find(|account| account.interface == interface && account.direction == Direction::Ingress);
        ingress.map_or_else(Account::zeroed, |ingress| ingress.account)
    }

    /// The counters once they are as wanted, or as they are when patience ends.
    pub(crate) async fn account_once(&self, interface: &str, is_there: impl Fn(&Account) -> bool) -> Account {
        let start = Instant::now();
        loop {
            let account = self.account(interface);
            if is_there(&account) || start.elapsed() > PATIENCE {
                return account;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn is_ingress(key: &FlowKey, interface: u32) -> bool {
    key.ifindex == interface && key.flags & FlowKey::EGRESS == 0
}
