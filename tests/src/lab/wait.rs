//! Waiting for a condition, never for a time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(40);

/// Looks until there is something, and panics once `limit` has passed.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        // The last look comes after the end, since a busy machine may have slept through it.
        let is_last = Instant::now() >= end;
        if let Some(found) = look() {
            return found;
        }
        assert!(!is_last, "waited {} s in vain: {what}", limit.as_secs_f64());
        sleep(POLL);
    }
}
