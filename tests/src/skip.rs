//! Tests that cannot run here say so: nothing is skipped silently.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Notes that `test` did not run, and why: on stderr, and in the file that `INSPECTOR_SKIP_LOG` names, from which
/// `cargo xtask test` prints and counts the skips.
#[expect(clippy::print_stderr, reason = "a test that runs alone says it there")]
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("INSPECTOR_SKIP_LOG") {
        let log = OpenOptions::new().create(true).append(true).open(path);
        log.and_then(|mut log| log.write_all(line.as_bytes())).expect("the log of skips can be written");
    }
}
