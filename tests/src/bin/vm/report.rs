//! What the host is told.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use crate::line::Line;

/// The second serial port: the first is the kernel's, which may write in the middle of a line.
const PORT: &str = "/dev/ttyS1";

/// The host's ear.
#[derive(Debug)]
pub(crate) struct Report(File);

impl Report {
    /// Opens the port and says that the guest is up.
    pub(crate) fn open() -> Self {
        let mut report =
            Self(OpenOptions::new().write(true).open(PORT).expect("the guest has two serial ports"));
        report.say(&Line::Up { release: inspector::dataplane::kernel_release() });
        report
    }

    /// Tells the host.
    pub(crate) fn say(&mut self, line: &Line) {
        self.0.write_all(format!("{line}\n").as_bytes()).expect("the port can be written to");
    }
}
