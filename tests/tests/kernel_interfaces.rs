//! Which interface a packet is counted under, as interfaces come and go.

use std::time::Duration;

use bytemuck::Zeroable as _;
use inspector::dataplane::{DataPlane, Hooks, Interface, Settings, resolve};
use inspector_common::{Account, Class, Direction, Tally};
use inspector_tests::lab::{Namespace, Network, foreign, missing, until};
use inspector_tests::skip;

const PINGS: u64 = 5;

/// For what takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test in a namespace, as a thread that is in it and has a runtime.
fn inside(namespace: &Namespace, test: impl AsyncFnOnce() + Send) {
    namespace.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap_or_else(|error| panic!("{error}")).block_on(test());
    });
}

async fn interfaces(names: &[&str]) -> Vec<Interface> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    resolve(&names).await.unwrap_or_else(|error| panic!("{error}"))
}

fn load() -> DataPlane {
    DataPlane::load(&Settings::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn account(plane: &DataPlane, interface: &str, direction: Direction) -> Account {
    let accounts = plane.accounts().read().unwrap_or_else(|error| panic!("{error}"));
    let here = accounts.iter().find(|a| a.interface == interface && a.direction == direction);
    here.map_or_else(Account::zeroed, |here| here.account)
}

/// Sends so many echo requests to the server, each of which is answered.
fn ping(network: &Network) {
    let count = PINGS.to_string();
    network.client.run(&["ping", "-q", "-c", &count, "-i", "0.05", "-w", "20", network.server.address]);
}

/// Echo requests that left by `wan`, by what became of them.
fn forwarded(plane: &DataPlane) -> [u64; 2] {
    let account = account(plane, "wan", Direction::Egress);
    assert!(account.is_consistent(), "{account:?}");
    let entered = account.tallied(Tally::FlowInserted) + account.tallied(Tally::FlowUpdated);
    // Whatever else leaves (neighbour discovery) is made here, and so not known yet.
    [account.tallied(Tally::SeenOnArrival), entered.min(account.packets_of(Class::IcmpEcho))]
}

#[test]
fn what_takes_the_index_of_a_vanished_interface_is_not_taken_for_it() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("what_takes_the_index_of_a_vanished_interface_is_not_taken_for_it", &reason);
    }
    let network = Network::routed();
    let router = network.router();
    inside(router, async || {
        let watched = interfaces(&["lan", "wan"]).await;
        let mut plane = load();
        plane.attach(&watched, Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
        ping(&network);
        assert_eq!(forwarded(&plane)[0], PINGS, "inspected on arrival");
        assert_eq!(account(&plane, "lan", Direction::Ingress).packets_of(Class::IcmpEcho), PINGS);

        router.ip("link del lan");
        plane.forget(watched[0].index).unwrap_or_else(|error| panic!("{error}"));
        network.reconnect_client("unwatched", Some(watched[0].index));
        assert_eq!(interfaces(&["unwatched"]).await[0].index, watched[0].index);
        ping(&network);
        let [known, entered] = forwarded(&plane);
        assert_eq!(known, PINGS, "nobody inspected the later ones");
        assert!(entered >= PINGS, "{entered} of {PINGS} were accounted to their flow where they left");
        // The counters of the one that is gone are still there.
        assert_eq!(account(&plane, "lan", Direction::Ingress).packets_of(Class::IcmpEcho), PINGS);
        // Its end of the cable was gone, and so was the program: other packets are those of the answers.
        assert_eq!(account(&plane, "wan", Direction::Ingress).packets_of(Class::IcmpEcho), 2 * PINGS);
    });
}

#[test]
fn what_comes_back_goes_on_counting() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("what_comes_back_goes_on_counting", &reason);
    }
    let network = Network::routed();
    let router = network.router();
    inside(router, async || {
        let watched = interfaces(&["lan", "wan"]).await;
        let mut plane = load();
        plane.attach(&watched, Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
        ping(&network);
        router.ip("link del lan");
        plane.forget(watched[0].index).unwrap_or_else(|error| panic!("{error}"));
        network.reconnect_client("lan", None);
        let returned = interfaces(&["lan"]).await;
        plane.attach(&returned, Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
        ping(&network);
        assert_eq!(account(&plane, "lan", Direction::Ingress).packets_of(Class::IcmpEcho), 2 * PINGS);
        assert_eq!(forwarded(&plane)[0], 2 * PINGS, "inspected on arrival, before and after");
    });
}

/// Packets of an interface that could not be attached to are not taken for inspected.
#[test]
fn a_refused_interface_does_not_count_as_watched() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("a_refused_interface_does_not_count_as_watched", &reason);
    }
    let network = Network::routed();
    let router = network.router();
    foreign::attach(router, "lan");
    inside(router, async || {
        let mut plane = load();
        let (lan, wan) = (interfaces(&["lan"]).await, interfaces(&["wan"]).await);
        plane.attach(&wan, Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
        let refused = plane.attach(&lan, Hooks::default()).await.map_err(|error| error.to_string());
        assert!(refused.is_err_and(|error| error.contains("lan is busy")));
        ping(&network);
        let [known, entered] = forwarded(&plane);
        assert_eq!(known, 0);
        assert!(entered >= PINGS, "{entered} of {PINGS} were accounted to their flow where they left");
    });
}

/// What is watched is not held on to: everything in the namespace goes, and the program with it.
#[test]
fn a_namespace_is_deleted_while_attached() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("a_namespace_is_deleted_while_attached", &reason);
    }
    let Network { client, server, .. } = Network::direct();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    let mut plane = server.namespace.inside(|| {
        runtime.block_on(async {
            let mut plane = load();
            let watched = interfaces(&["eth0"]).await;
            plane.attach(&watched, Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
            plane
        })
    });
    let count = PINGS.to_string();
    client.run(&["ping", "-q", "-c", &count, "-i", "0.05", "-w", "20", server.address]);
    drop(server);
    until("the namespace to go", PATIENCE, || {
        // Whatever asked for interfaces has its socket there until it gets its turn.
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        (!client.namespace.succeeds(&["ip", "link", "show", "dev", "eth0"])).then_some(())
    });
    assert_eq!(account(&plane, "eth0", Direction::Ingress).packets_of(Class::IcmpEcho), PINGS);
    let _runtime = runtime.enter();
    let drained = plane.drain(|_| ()).unwrap_or_else(|error| panic!("{error}"));
    assert!(drained.flows > 0);
    plane.detach();
    assert!(plane.attachments().is_empty());
}

/// More names in a row than there are slots, as containers' interfaces have them.
#[test]
fn slots_of_interfaces_that_never_come_back_are_used_again() {
    if let Some(reason) = missing(&["ping"]) {
        return skip("slots_of_interfaces_that_never_come_back_are_used_again", &reason);
    }
    let network = Network::direct();
    inside(&network.server.namespace, async || {
        let eth0 = interfaces(&["eth0"]).await.remove(0);
        let mut plane = load();
        // By other names, since making hundreds of interfaces takes long.
        for number in 0..130 {
            let named = Interface { name: format!("veth{number}"), ..eth0.clone() };
            plane.attach(&[named], Hooks::default()).await.unwrap_or_else(|error| panic!("{error}"));
            if number % 40 == 0 {
                ping(&network);
                let account = account(&plane, &format!("veth{number}"), Direction::Ingress);
                assert_eq!(account.packets_of(Class::IcmpEcho), PINGS, "veth{number} has another's counts");
                assert!(account.is_consistent(), "{account:?}");
            }
            plane.forget(eth0.index).unwrap_or_else(|error| panic!("{error}"));
            // Another test may be starting a process, which holds on to all descriptors for a moment.
            until("the program to go", PATIENCE, || {
                network.server.namespace.xdp_program("eth0").is_none().then_some(())
            });
        }
    });
}
