//! A network namespace that goes away with its owner, and everything in it.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use super::{Process, until};

/// Before the number of the process that made it, in the name of each namespace.
const PREFIX: &str = "inspector-lab-";

/// For tools that end by themselves: all of them are told to take less.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network namespace. Dropping it kills the processes in it and deletes it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new namespace with nothing but loopback, up.
    pub fn new(role: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(remove_orphans);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self { name: format!("{}{number}-{role}", own_prefix()) };
        // The first `ip netns add` since boot mounts a folder, and several at once disturb each other.
        let what = format!("adding the namespace {}", namespace.name);
        until(&what, Duration::from_secs(5), || {
            succeeds("ip", &["netns", "add", &namespace.name]).then_some(())
        });
        namespace.ip("link set lo up");
        namespace
    }

    /// Its name, for `ip -n`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes its name away, as somebody else's `ip netns del` does. Nothing can enter it by the name any more.
    pub fn delete_name(&self) {
        assert!(succeeds("ip", &["netns", "del", &self.name]), "{} has no name", self.name);
    }

    /// A command that runs in the namespace and dies with the thread that started it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &self.name]).arg(program);
        command
    }

    /// Starts a program in the namespace.
    pub fn spawn(&self, words: &[&str]) -> Process {
        let (program, arguments) = words.split_first().expect("a command has a name");
        Process::spawn(self.command(program).args(arguments))
    }

    /// Runs a program to its end, in which it must succeed; gives its standard output.
    pub fn run(&self, words: &[&str]) -> String {
        let mut process = self.spawn(words);
        let status = process.wait(PATIENCE);
        assert!(status.success(), "{words:?} in {}: {status}\n{}", self.name, process.stderr());
        process.stdout()
    }

    /// Whether a program, run to its end, succeeds.
    pub fn succeeds(&self, words: &[&str]) -> bool {
        self.spawn(words).wait(PATIENCE).success()
    }

    /// Runs a function on a thread that is in the namespace.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            let namespace = File::open(Path::new("/run/netns").join(&self.name)).expect("it is there");
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("root can enter it");
            work()
        };
        let result = thread::scope(|scope| scope.spawn(enter).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs `ip` on the namespace's own interfaces.
    pub fn ip(&self, arguments: &str) -> String {
        let words = ["ip", "-n", &self.name].into_iter().chain(arguments.split_whitespace());
        let words: Vec<&str> = words.collect();
        let output = Command::new(words[0]).args(&words[1..]).output().expect("ip can be run");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Number of an interface.
    pub fn index(&self, interface: &str) -> u32 {
        let links: Value = serde_json::from_str(&self.ip(&format!("-json link show dev {interface}")))
            .expect("ip writes JSON");
        let index = links.pointer("/0/ifindex").and_then(Value::as_u64);
        index.and_then(|index| index.try_into().ok()).expect("an interface has a number")
    }

    /// Number of the XDP program attached to an interface, in whatever mode.
    pub fn xdp_program(&self, interface: &str) -> Option<u64> {
        let links: Value =
            serde_json::from_str(&self.ip(&format!("-json -details link show dev {interface}")))
                .expect("ip writes JSON");
        links.pointer("/0/xdp/prog/id").and_then(Value::as_u64)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// Removes every namespace that this process has made, for ends that drop nothing.
pub fn remove_all() {
    names().iter().filter(|name| name.starts_with(&own_prefix())).for_each(|name| remove(name));
}

/// Removes what a killed process has left behind.
fn remove_orphans() {
    for name in names() {
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            remove(&name);
        }
    }
}

fn names() -> Vec<String> {
    let output = Command::new("ip").args(["netns", "list"]).output().expect("ip can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Nothing here may panic: it runs while a failed test unwinds.
fn remove(name: &str) {
    if let Ok(output) = Command::new("ip").args(["netns", "pids", name]).output() {
        let ids = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        succeeds("sh", &["-c", "kill -s KILL $0", &ids]);
    }
    succeeds("ip", &["netns", "del", name]);
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}
