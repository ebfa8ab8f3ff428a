//! A running inspector, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::{Event, Metrics, Namespace, Process, Scratch, eve, until};
use serde_json::Value;

/// Where it serves its metrics by default: each namespace has a loopback of its own.
pub(super) const METRICS: &str = "http://127.0.0.1:9971";

/// For starting and stopping, which take well under a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The binary under test: the one that `INSPECTOR_BIN` names, else the one next to the running program, else
/// the one that cargo builds now, in the profile of the running test.
///
/// Cargo tells the path of a binary only to tests in the binary's own package, and these live in another one.
/// It has let go of its lock by the time tests run, so asking it again is safe, and fast when all is fresh.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let own = std::env::current_exe().expect("a program knows its path");
        let folder = own.parent().expect("a program lies in a folder");
        std::env::var_os("INSPECTOR_BIN").map_or_else(
            || if folder.ends_with("deps") { build(folder) } else { folder.join("inspector") },
            PathBuf::from,
        )
    })
}

/// A copy of the binary that everybody may run, with the folder that it goes away with: nobody but us may look
/// into the one where cargo has put the original.
pub fn public_binary() -> (Scratch, String) {
    let folder = Scratch::new();
    let copy = folder.path("inspector");
    fs::copy(binary(), &copy).expect("the binary can be copied");
    for path in [&copy, &folder.path("")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("they are ours");
    }
    (folder, copy)
}

/// `inspector run` in a namespace, with flags; not started yet.
pub fn run(namespace: &Namespace, flags: &[&str]) -> Command {
    let mut command = namespace.command(binary());
    command.arg("run").args(flags);
    command
}

fn build(deps: &Path) -> PathBuf {
    let folder = deps.parent().and_then(Path::file_name).expect("cargo's folders are named by profile");
    let profile = if folder == "debug" { "dev".into() } else { folder.to_string_lossy() };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // The same packages as in `cargo xtask test`, so that dependencies have the same features and are not
    // built anew.
    let output = Command::new(cargo)
        .args(["build", "--workspace", "--exclude", "inspector-ebpf", "--bin", "inspector"])
        .args(["--profile", &profile, "--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "inspector cannot be built");
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message.get("executable").and_then(Value::as_str).map(PathBuf::from));
    executable.expect("cargo names the binary that it has built")
}

/// An `inspector run` in a namespace, writing its findings into a file.
#[derive(Debug)]
pub struct Inspector<'a> {
    /// The process itself.
    pub process: Process,
    namespace: &'a Namespace,
    folder: Scratch,
}

impl<'a> Inspector<'a> {
    /// Starts it on interfaces and waits until it is ready.
    pub fn watch(namespace: &'a Namespace, interfaces: &[&str]) -> Self {
        let flags: Vec<&str> = interfaces.iter().flat_map(|name| ["-i", name]).collect();
        Self::ready(namespace, &flags)
    }

    /// Starts it with flags of `run` and waits until it is ready.
    pub fn ready(namespace: &'a Namespace, flags: &[&str]) -> Self {
        Self::start(namespace, flags).when_ready()
    }

    /// Waits until it is ready.
    #[must_use]
    pub fn when_ready(mut self) -> Self {
        until("inspector to be ready", PATIENCE, || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "inspector ended ({ended:?}): {}", self.process.stderr());
            self.get("/-/ready")
        });
        self
    }

    /// Starts it with flags of `run`; it is not ready yet.
    pub fn start(namespace: &'a Namespace, flags: &[&str]) -> Self {
        let folder = Scratch::new();
        let eve = folder.path("eve.json");
        let process = Process::spawn(run(namespace, flags).args(["--eve", &eve]));
        Self { process, namespace, folder }
    }

    /// The findings so far.
    pub fn events(&self) -> Vec<Event> {
        eve::parse(&String::from_utf8_lossy(&self.folder.read("eve.json")))
    }

    /// Waits for an alert of a detector.
    pub fn alert(&self, detector: &str, limit: Duration) -> Event {
        let what = format!("an alert of {detector} in {}", self.namespace.name());
        until(&what, limit, || {
            self.events().into_iter().find(|event| event.is_alert() && event.detector() == detector)
        })
    }

    /// What it serves at a path, if it does so with success.
    pub fn get(&self, path: &str) -> Option<String> {
        let url = format!("{METRICS}{path}");
        let mut curl = self.namespace.spawn(&["curl", "--silent", "--fail", "--max-time", "5", &url]);
        curl.wait(PATIENCE).success().then(|| curl.stdout())
    }

    /// Its metrics now.
    pub fn metrics(&self) -> Metrics {
        Metrics(self.get("/metrics").expect("the metrics can be read"))
    }

    /// Ends it as Ctrl-C does, and gives all it has found.
    pub fn stop(mut self) -> Vec<Event> {
        self.process.signal("INT");
        let status = self.process.wait(PATIENCE);
        assert!(status.success(), "inspector ended with {status}: {}", self.process.stderr());
        self.events()
    }
}
