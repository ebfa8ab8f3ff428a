//! Work spread over threads, where a piece may panic or hang without holding up the rest.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

/// Why a piece of work has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It panicked; what it said, and where.
    Panicked(String),
    /// It was not done after this time.
    TimedOut(Duration),
}

thread_local! {
    /// What the panic under way says; `None` on threads whose panics are not ours to keep.
    static LAST_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

enum Event<R> {
    Begun(usize, Instant),
    Ended(usize, Result<R, Stopped>),
}

#[derive(Clone)]
enum State<R> {
    Waiting,
    Running(Instant),
    Done(Result<R, Stopped>),
}

/// Does `work` on each of `0..pieces`, on `workers` threads; the results are in that order.
///
/// A piece that takes longer than `limit` is given up: its thread is left to itself, and another takes its place.
pub(super) fn run<R, W>(pieces: usize, workers: usize, limit: Duration, work: W) -> Vec<Result<R, Stopped>>
where
    R: Clone + Send + 'static,
    W: Fn(usize) -> R + Send + Sync + 'static,
{
    keep_last_words();
    let (sender, events) = mpsc::channel();
    let next = Arc::new(AtomicUsize::new(0));
    let work = Arc::new(work);
    let start = || {
        let (sender, next, work) = (sender.clone(), Arc::clone(&next), Arc::clone(&work));
        thread::spawn(move || take(pieces, &next, work.as_ref(), &sender));
    };
    for _ in 0..workers.clamp(1, pieces.max(1)) {
        start();
    }

    let mut states: Vec<State<R>> = vec![State::Waiting; pieces];
    let mut left = pieces;
    while left > 0 {
        match events.recv_timeout(until_first_deadline(&states, limit)) {
            Ok(Event::Begun(piece, at)) => states[piece] = State::Running(at),
            Ok(Event::Ended(piece, result)) => {
                // One that was given up may end after all.
                if matches!(states[piece], State::Running(_)) {
                    states[piece] = State::Done(result);
                    left -= 1;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                for state in &mut states {
                    if matches!(state, State::Running(begun) if begun.elapsed() >= limit) {
                        *state = State::Done(Err(Stopped::TimedOut(limit)));
                        left -= 1;
                        start();
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("this function holds a sender itself"),
        }
    }
    let result = |state| match state {
        State::Done(result) => result,
        State::Waiting | State::Running(_) => unreachable!("none is left"),
    };
    states.into_iter().map(result).collect()
}

/// Takes one piece after the other until there are none.
fn take<R>(pieces: usize, next: &AtomicUsize, work: &impl Fn(usize) -> R, events: &Sender<Event<R>>) {
    LAST_WORDS.set(Some(String::new()));
    loop {
        let piece = next.fetch_add(1, Ordering::Relaxed);
        if piece >= pieces || events.send(Event::Begun(piece, Instant::now())).is_err() {
            return;
        }
        let result = panic::catch_unwind(AssertUnwindSafe(|| work(piece)));
        let result = result.map_err(|payload| {
            // The panic of another thread that was joined comes without words of its own here.
            let words = LAST_WORDS.replace(Some(String::new())).filter(|words| !words.is_empty());
            Stopped::Panicked(words.unwrap_or_else(|| said(payload.as_ref())))
        });
        if events.send(Event::Ended(piece, result)).is_err() {
            return;
        }
    }
}

/// How long to wait until the piece that runs longest is over its limit.
fn until_first_deadline<R>(states: &[State<R>], limit: Duration) -> Duration {
    let begun = states.iter().filter_map(|state| match state {
        State::Running(begun) => Some(*begun),
        State::Waiting | State::Done(_) => None,
    });
    begun.min().map_or(limit, |begun| limit.saturating_sub(begun.elapsed()))
}

/// Makes panics of workers speak to [`LAST_WORDS`] and not to stderr; those of other threads are left alone.
fn keep_last_words() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let is_worker = LAST_WORDS.with_borrow_mut(|words| {
                let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
                let text = said(info.payload()) + place.as_deref().unwrap_or_default();
                words.as_mut().map(|words| *words = text).is_some()
            });
            if !is_worker {
                former(info);
            }
        }));
    });
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn results_come_in_order_whatever_the_number_of_workers() {
        for (pieces, workers) in [(0, 3), (1, 4), (100, 1), (100, 7), (5, 0)] {
            let results = run(pieces, workers, LONG, |piece| piece * 2);
            assert_eq!(results, (0..pieces).map(|piece| Ok(piece * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_is_the_result_of_its_piece_alone() {
        let results = run(5, 2, LONG, |piece| {
            assert!(piece != 1, "piece {piece} is bad");
            let table = [10, 20, 30, 40];
            table[piece]
        });
        assert_eq!([&results[0], &results[2], &results[3]], [&Ok(10), &Ok(30), &Ok(40)]);
        let panicked = |result: &Result<i32, Stopped>| match result {
            Err(Stopped::Panicked(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert!(panicked(&results[1]).starts_with("piece 1 is bad at "), "{results:?}");
        let text = panicked(&results[4]);
        assert!(text.contains("index is 4") && text.contains("workers.rs:"), "{text}");
    }

    #[test]
    fn what_hangs_is_given_up_and_the_rest_is_done() {
        // Nothing is sent until the end: the piece that waits for it is over any limit, on any machine.
        let (sender, receiver) = channel::<()>();
        let receiver = Mutex::new(receiver);
        let limit = Duration::from_secs(2);
        let results = run(4, 1, limit, move |piece| {
            if piece == 1 {
                let _ = receiver.lock().unwrap().recv();
            }
            piece
        });
        assert_eq!(results, [Ok(0), Err(Stopped::TimedOut(limit)), Ok(2), Ok(3)]);
        drop(sender);
    }
}
