//! Interfaces that appear, vanish, change and return are noticed, whatever else goes on.

use std::fs;
use std::time::Duration;

use inspector::dataplane::watch::{LinkEvent, LinkState, Watcher};
use inspector::dataplane::{Interface, resolve};
use inspector_tests::lab::{Namespace, Scratch, missing};
use inspector_tests::skip;

/// For what takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test on a namespace, as a thread that is in it and has a runtime.
fn with_namespace(name: &str, test: impl AsyncFnOnce(&Namespace) + Send) {
    if let Some(reason) = missing(&[]) {
        return skip(name, &reason);
    }
    let namespace = Namespace::new("host");
    namespace.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap_or_else(|error| panic!("{error}")).block_on(test(&namespace));
    });
}

async fn watch(wanted: &[&str], watched: &[Interface]) -> Watcher {
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    Watcher::new(&wanted, watched).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn next(watcher: &mut Watcher) -> LinkEvent {
    let next = tokio::time::timeout(PATIENCE, watcher.next()).await;
    next.unwrap_or_else(|_| panic!("nothing happens: {watcher:?}")).unwrap_or_else(|error| panic!("{error}"))
}

/// The index of an interface that must have appeared now.
async fn appeared(watcher: &mut Watcher, name: &str) -> u32 {
    match next(watcher).await {
        LinkEvent::Appeared(interface) if interface.name == name => interface.index,
        other => panic!("{name} should have appeared, not {other:?}"),
    }
}

/// Panics unless an interface has vanished now.
async fn vanished(watcher: &mut Watcher, name: &str, index: u32) {
    assert_eq!(next(watcher).await, LinkEvent::Vanished { name: name.to_owned(), index });
}

/// What an interface, which must have changed now, was like and is like.
async fn changed(watcher: &mut Watcher, name: &str) -> (LinkState, LinkState) {
    match next(watcher).await {
        LinkEvent::Changed { name: its, before, after, .. } if its == name => (before, after),
        other => panic!("{name} should have changed, not {other:?}"),
    }
}

/// A pair of which one end is to be watched; the other is `NAME-peer`.
fn cable(namespace: &Namespace, name: &str) {
    namespace.ip(&format!("link add {name} type veth peer name {name}-peer"));
}

#[test]
fn an_interface_comes_changes_goes_and_returns() {
    with_namespace("an_interface_comes_changes_goes_and_returns", async |namespace| {
        let mut watcher = watch(&["wan?", "lan"], &[]).await;
        // Not asked for, and so not told of.
        cable(namespace, "other");
        cable(namespace, "wan0");
        let first = appeared(&mut watcher, "wan0").await;

        namespace.ip("link set wan0 mtu 1400");
        let (before, after) = changed(&mut watcher, "wan0").await;
        assert_eq!((before.mtu, after), (1500, LinkState { mtu: 1400, ..before }));
        namespace.ip("link set wan0 up");
        assert!(changed(&mut watcher, "wan0").await.1.is_up);
        namespace.ip("link set wan0-peer up");
        assert!(changed(&mut watcher, "wan0").await.1.has_carrier);

        namespace.ip("link del wan0");
        vanished(&mut watcher, "wan0", first).await;
        cable(namespace, "wan0");
        assert_ne!(appeared(&mut watcher, "wan0").await, first);
        assert_eq!(watcher.overruns(), 0);
    });
}

#[test]
fn a_quick_return_is_two_events() {
    with_namespace("a_quick_return_is_two_events", async |namespace| {
        cable(namespace, "wan0");
        let watched = resolve(&["wan0".to_owned()]).await.unwrap_or_else(|error| panic!("{error}"));
        let mut watcher = watch(&["wan0"], &watched).await;
        namespace.ip("link del wan0");
        cable(namespace, "wan0");
        vanished(&mut watcher, "wan0", watched[0].index).await;
        let index = appeared(&mut watcher, "wan0").await;

        // By way of another namespace it keeps its name and its index, but loses what was attached.
        let elsewhere = Namespace::new("elsewhere");
        namespace.ip(&format!("link set wan0 netns {}", elsewhere.name()));
        elsewhere.ip(&format!("link set wan0 netns {}", namespace.name()));
        vanished(&mut watcher, "wan0", index).await;
        assert_eq!(appeared(&mut watcher, "wan0").await, index);
    });
}

#[test]
fn a_renamed_interface_is_another_one() {
    with_namespace("a_renamed_interface_is_another_one", async |namespace| {
        cable(namespace, "wan0");
        let mut watcher = watch(&["wan*[0-9]"], &[]).await;
        let index = appeared(&mut watcher, "wan0").await;
        namespace.ip("link set wan0 name wan5");
        vanished(&mut watcher, "wan0", index).await;
        assert_eq!(appeared(&mut watcher, "wan5").await, index);
        namespace.ip("link set wan5 name lan");
        vanished(&mut watcher, "wan5", index).await;
    });
}

#[test]
fn what_auto_found_is_recognised_when_it_returns() {
    with_namespace("what_auto_found_is_recognised_when_it_returns", async |namespace| {
        cable(namespace, "uplink");
        namespace.ip("link set uplink up");
        namespace.ip("addr add 10.77.9.1/24 dev uplink");
        namespace.ip("route add default via 10.77.9.2");
        let watched = resolve(&["auto".to_owned()]).await.unwrap_or_else(|error| panic!("{error}"));
        let mut watcher = watch(&["auto"], &watched).await;
        namespace.ip("link del uplink");
        vanished(&mut watcher, "uplink", watched[0].index).await;
        cable(namespace, "uplink");
        appeared(&mut watcher, "uplink").await;
    });
}

#[test]
fn what_happens_before_it_begins_is_not_lost() {
    with_namespace("what_happens_before_it_begins_is_not_lost", async |namespace| {
        cable(namespace, "wan0");
        let watched = resolve(&["wan*0".to_owned()]).await.unwrap_or_else(|error| panic!("{error}"));
        namespace.ip("link del wan0");
        cable(namespace, "wan10");
        let mut watcher = watch(&["wan*0"], &watched).await;
        vanished(&mut watcher, "wan0", watched[0].index).await;
        appeared(&mut watcher, "wan10").await;
    });
}

#[test]
fn a_storm_that_overruns_it_loses_nothing() {
    with_namespace("a_storm_that_overruns_it_loses_nothing", async |namespace| {
        cable(namespace, "wan0");
        let watched = resolve(&["wan0".to_owned()]).await.unwrap_or_else(|error| panic!("{error}"));
        let mut watcher = watch(&["wan[0-9]"], &watched).await;
        // Nobody reads meanwhile, and a notification takes more than 1 KiB of the socket's buffer.
        let buffer = fs::read_to_string("/proc/sys/net/core/rmem_default").unwrap_or_default();
        let storm = buffer.trim().parse().unwrap_or(212_992) / 1024 + 100;
        let line = |i: u32| format!("link set wan0 mtu {}\n", 1300 + i % 2);
        let lines: String = (0..storm).map(line).chain(["link set wan0 mtu 1234\n".to_owned()]).collect();
        let folder = Scratch::new();
        namespace.ip(&format!("-batch {}", folder.write("storm", lines)));
        cable(namespace, "wan1");

        // Only what it all came to is told.
        let (before, after) = changed(&mut watcher, "wan0").await;
        assert_eq!((before.mtu, after.mtu), (1500, 1234));
        appeared(&mut watcher, "wan1").await;
        assert!(watcher.overruns() > 0, "the storm was none");
        // And it goes on watching.
        namespace.ip("link del wan0");
        vanished(&mut watcher, "wan0", watched[0].index).await;
    });
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    with_namespace("a_cancelled_wait_loses_nothing", async |namespace| {
        let mut watcher = watch(&["wan0"], &[]).await;
        cable(namespace, "wan0");
        // As in a select whose other branch is mostly ready first.
        let mut waits = 0;
        let event = loop {
            waits += 1;
            match tokio::time::timeout(Duration::from_millis(7), watcher.next()).await {
                Ok(event) => break event.unwrap_or_else(|error| panic!("{error}")),
                Err(_) => assert!(waits < 5_000, "nothing happens: {watcher:?}"),
            }
        };
        assert!(matches!(event, LinkEvent::Appeared(interface) if interface.name == "wan0"));
    });
}
