//! What the demo says, and when.

use std::time::Instant;

/// Says what is happening now, with the time since the beginning.
pub(crate) struct Screen {
    begun: Instant,
}

impl Screen {
    /// Begins, with a picture of the network.
    pub(crate) fn begin() -> Self {
        println!("{PICTURE}");
        Self { begun: Instant::now() }
    }

    /// Something happens.
    pub(crate) fn say(&self, what: &str) {
        println!("[{:4.1} s] {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Something that inspector has written, as it stands.
    pub(crate) fn quote(text: &str) {
        for line in text.lines() {
            println!("         │ {line}");
        }
    }
}

const PICTURE: &str = "\
inspector finds two covert channels among ordinary traffic

    office              edge router          ┌─ wan ── server      10.77.2.2   ping, DNS, HTTP
    10.77.1.2 ── lan ── inspector watches ───┤
                                             └─ wan2 ─ accomplice  10.77.3.2   ends of two tunnels
";
