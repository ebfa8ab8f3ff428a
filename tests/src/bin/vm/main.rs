//! The first and only process of the guests that `cargo xtask vm-test` boots: tries the data plane on the guest's
//! kernel, reports line by line to the host, and switches the machine off.
#![expect(clippy::expect_used, reason = "a check panics, and its panic is what is reported")]

mod checks;
mod features;
mod lab;
#[path = "../../../../xtask/src/vm/line.rs"]
mod line;
mod log;
mod machine;
mod report;
mod watch;

use std::process::ExitCode;

use report::Report;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!("this runs as the first process of a virtual machine: `cargo xtask vm-test` sees to that");
        return ExitCode::FAILURE;
    }
    // A panic outside of a check ends the first process, and with it the guest: the host tells by the report's end
    // that is missing, and shows the console.
    machine::mount_all();
    let mut report = Report::open();
    log::collect();
    checks::run(&mut report);
    drop(report);
    machine::power_off()
}
