//! What these tests need of a machine.

use std::env;
use std::sync::OnceLock;

use super::Namespace;

/// Tools without which nothing works here.
const ALWAYS: [&str; 4] = ["ip", "setpriv", "sh", "curl"];

/// Why a test that needs these tools cannot run here, if it can't.
pub fn missing(tools: &[&str]) -> Option<String> {
    static MACHINE: OnceLock<Option<String>> = OnceLock::new();
    if let Some(tool) = ALWAYS.iter().chain(tools).find(|tool| !is_installed(tool)) {
        return Some(format!("{tool} is not installed"));
    }
    MACHINE.get_or_init(|| crate::kernel::missing().map(str::to_owned).or_else(no_namespaces)).clone()
}

fn is_installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// Containers have root at times, but neither namespaces nor links of their own.
fn no_namespaces() -> Option<String> {
    let attempt = std::panic::catch_unwind(|| {
        let namespace = Namespace::new("probe");
        namespace.ip("link add left type veth peer name right");
    });
    attempt.is_err().then(|| "network namespaces with veth pairs cannot be made".to_owned())
}
