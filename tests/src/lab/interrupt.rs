//! Ctrl-C leaves nothing behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, panic, process, thread};

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::remove_all;

/// Set once everything is being taken down: what fails from then on, fails for that reason.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of what SIGINT ends, by the shells' convention.
const INTERRUPT_CODE: i32 = 130;

/// Has interrupts clean up, and panics say only why, in the name of a program. Gives the folder of all temporary
/// files.
///
/// # Errors
/// Where no temporary folder can be made.
#[expect(clippy::print_stderr, reason = "it is for programs that somebody watches")]
pub fn prepare(program: &'static str) -> io::Result<TempDir> {
    let files = tempfile::tempdir()?;
    // Fails only where somebody else has chosen a folder, and nobody has.
    let _ = tempfile::env::override_temp_dir(files.path());
    panic::set_hook(Box::new(move |info| {
        while INTERRUPTED.load(Ordering::SeqCst) {
            thread::park();
        }
        let payload = info.payload();
        let formatted = payload.downcast_ref::<String>().map(String::as_str);
        let reason = formatted.or_else(|| payload.downcast_ref().copied()).unwrap_or("for no known reason");
        eprintln!("\n{program}: failed: {reason}");
    }));
    let folder = files.path().to_owned();
    thread::spawn(move || {
        if let Err(error) = wait() {
            eprintln!("{program}: Ctrl-C will not clean up ({error})");
            return;
        }
        INTERRUPTED.store(true, Ordering::SeqCst);
        remove_all();
        // Whatever is left of them, the system clears /tmp.
        let _ = std::fs::remove_dir_all(folder);
        eprintln!("\n{program}: interrupted; everything is cleaned up");
        process::exit(INTERRUPT_CODE);
    });
    Ok(files)
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
