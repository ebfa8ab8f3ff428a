//! Watching interfaces with the data plane, and waiting for its counters.

use std::time::{Duration, Instant};

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, Interface, Mode, Settings, resolve};
use inspector_common::{Account, Direction, HeadGroup};

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
    pub(crate) interfaces: Vec<Interface>,
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
