//! The checks, each by itself: one that fails leaves the others to run.

mod attach;
mod devices;
mod frames;
mod programs;
mod sockets;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use futures_util::future::LocalBoxFuture;

use crate::line::Line;
use crate::report::Report;
use crate::{log, machine};

type Check = for<'a> fn(&'a mut Report) -> LocalBoxFuture<'a, ()>;

/// Every check by its name, a word. They panic, as tests do.
const CHECKS: [(&str, Check); 11] = [
    ("modules", |_| Box::pin(async { machine::load_modules() })),
    ("programs", |report| Box::pin(async { programs::load_within_budget(report) })),
    ("test-runs", |_| Box::pin(programs::count_test_runs())),
    ("attach", |report| Box::pin(attach::by_the_best_way(report))),
    ("detach", |_| Box::pin(attach::leaves_nothing_behind())),
    ("native", |_| Box::pin(frames::native_is_as_on_the_host())),
    ("generic", |_| Box::pin(frames::generic_is_as_on_the_host())),
    ("egress", |_| Box::pin(frames::egress_is_as_on_the_host())),
    ("sockets", |_| Box::pin(sockets::packets_of_the_stack_are_counted())),
    ("jumbo", |_| Box::pin(devices::jumbo_frames_are_counted())),
    ("vlan", |_| Box::pin(devices::vlan_device_is_watched())),
];

/// What the last panic said, and where.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs every check and reports each.
pub(crate) fn run(report: &mut Report) {
    panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
    for (name, check) in CHECKS {
        eprintln!("check {name}");
        log::take();
        let passed = catch_unwind(AssertUnwindSafe(|| runtime.block_on(check(report)))).is_ok();
        let check = name.to_owned();
        let why = std::mem::take(&mut *PANIC.lock().unwrap_or_else(PoisonError::into_inner));
        report.say(&if passed { Line::Passed { check } } else { Line::Failed { check, why } });
    }
    report.say(&Line::End { checks: CHECKS.len() });
}
