//! What the loader logs: kept for the checks, and shown on the console.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// From now on keeps what the loader logs, refusals of programs included.
pub(crate) fn collect() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("warn,inspector=debug"))
        .without_time()
        .with_ansi(false)
        .with_writer(|| Tee)
        .init();
}

/// The lines since the last call.
pub(crate) fn take() -> Vec<String> {
    let kept = std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&kept).lines().map(|line| line.trim().to_owned()).collect()
}

struct Tee;

impl io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
