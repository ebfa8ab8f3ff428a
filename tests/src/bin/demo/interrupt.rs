//! Ctrl-C leaves nothing behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, panic, process, thread};

use inspector_tests::lab::remove_all;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// Set once everything is being taken down: what fails from then on, fails for that reason.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of what SIGINT ends, by the shells' convention.
const INTERRUPT_CODE: i32 = 130;

/// Has interrupts clean up, and panics say only why. Gives the folder of all temporary files.
pub(crate) fn prepare() -> TempDir {
    let files = tempfile::tempdir().expect("a temporary folder can be made");
    tempfile::env::override_temp_dir(files.path()).expect("nobody has chosen a folder before");
    panic::set_hook(Box::new(|info| {
        while INTERRUPTED.load(Ordering::SeqCst) {
            thread::park();
        }
        let payload = info.payload();
        let formatted = payload.downcast_ref::<String>().map(String::as_str);
        let reason = formatted.or_else(|| payload.downcast_ref().copied()).unwrap_or("for no known reason");
        eprintln!("\ndemo: failed: {reason}");
    }));
    let folder = files.path().to_owned();
    thread::spawn(move || {
        wait().expect("signals can be waited for");
        INTERRUPTED.store(true, Ordering::SeqCst);
        remove_all();
        // Whatever is left of them, the system clears /tmp.
        let _ = std::fs::remove_dir_all(folder);
        eprintln!("\ndemo: interrupted; everything is cleaned up");
        process::exit(INTERRUPT_CODE);
    });
    files
}

fn wait() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        Ok(())
    })
}
