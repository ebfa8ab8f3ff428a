//! `inspector run`.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inspector_common::{Control, Direction, Sampler};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info};

use super::fail;
use super::outputs::Outputs;
use super::stats::RunStats;
use super::summary::Summary;
use crate::cli::{Format, RunArgs};
use crate::dataplane::{self, DataPlane, DataplaneError, Hooks, Settings};
use crate::engine::Engine;
use crate::metrics::server::BindError;
use crate::metrics::{self, Attachment, InterfaceAccount};
use crate::observation::Event;
use crate::sinks::{Context, SinkError};

/// How often the ring of heads is looked at; the kernel only wakes us when much has piled up.
const POLL: Duration = Duration::from_millis(100);

/// How often the flow map is drained.
const DRAIN: Duration = Duration::from_secs(1);

/// Heads taken before anything else gets its turn.
const HEADS_AT_ONCE: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("cannot set up timers and signals ({0}); raise `ulimit -n`")]
    Runtime(#[from] io::Error),
}

/// Runs the command.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    // One thread: the work of a drain is small, and privileges are given up for each thread apart.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(RunError::Runtime).and_then(|runtime| runtime.block_on(watch(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Sets everything up, consumers first and the programs last, watches, and takes it down again.
async fn watch(args: &RunArgs) -> Result<(), RunError> {
    let sampling_ratio = 1.0 / f64::from(args.sample);
    let listener = metrics::bind(&args.listen_address)?;
    let interfaces = dataplane::resolve(&args.interfaces).await?;
    let sampler = Sampler::new(args.sample, args.sample_seed);
    let settings = Settings { control: Control { sampler, ..Control::default() }, ..Settings::default() };
    let plane = DataPlane::load(&settings)?;

    let context = Context {
        wall_offset_ns: dataplane::wall_offset_ns(),
        interfaces: interfaces.iter().map(|i| (i.index, i.name.clone())).collect(),
        sampling_ratio,
    };
    let outputs = Outputs::open(args.eve.as_deref(), Format::Text, context)?;
    let stats = Arc::new(RunStats::new(sampling_ratio));
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, Arc::clone(&stats), args.telemetry_path.clone(), stopped));

    let mut watch = Watch { plane, engine: Engine::new(), outputs, stats };
    let mut signals = Signals::new()?;
    let hooks = Hooks { mode: args.mode, egress: args.egress };
    watch.plane.attach(&interfaces, hooks).await?;
    watch.stats.attached(watch.plane.accounts(), watch.plane.attachments());
    watch.plane.drop_privileges();
    announce(args, &watch.plane.attachments(), &format!("http://{address}{}", args.telemetry_path));

    watch.until_stopped(&mut signals, args.duration).await?;
    watch.finish();
    // Ends the server; it is gone already if the receiver is.
    let _ = stop.send(());
    let _ = server.await;
    Ok(())
}

async fn serve(
    listener: std::net::TcpListener,
    stats: Arc<RunStats>,
    path: String,
    stopped: oneshot::Receiver<()>,
) {
    let shutdown = async {
        // Either way it is time to stop.
        let _ = stopped.await;
    };
    if let Err(error) = metrics::serve(listener, stats, &path, shutdown).await {
        error!("cannot serve metrics ({error})");
    }
}

/// Says on stderr what is watched how, and where to look.
#[expect(clippy::print_stderr, reason = "this is for the person who started the command")]
fn announce(args: &RunArgs, attachments: &[Attachment], metrics: &str) {
    for Attachment { interface, direction, mode, program_id } in attachments {
        match direction {
            Direction::Ingress => eprintln!("watching  {interface} ({mode} XDP, program {program_id})"),
            Direction::Egress => eprintln!("          and what leaves it ({mode}, program {program_id})"),
        }
    }
    eprintln!("metrics   {metrics}");
    match &args.eve {
        Some(path) if path.as_os_str() == "-" => eprintln!("findings  here on stdout, as EVE JSON"),
        Some(path) => eprintln!("findings  here, and in {} as EVE JSON", path.display()),
        None => eprintln!("findings  here (add --eve FILE for EVE JSON)"),
    }
    eprintln!("Ctrl-C detaches and ends.");
}

/// Says on stderr what each interface has seen.
#[expect(clippy::print_stderr, reason = "this is for the person who ends the command")]
fn summarize(accounts: &[InterfaceAccount]) {
    for account in accounts {
        eprintln!("{}", Summary { name: &account.interface, account: &account.account, flows: None });
    }
}

/// What ends a run, or has it reopen its files.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

struct Watch {
    plane: DataPlane,
    engine: Engine,
    outputs: Outputs,
    stats: Arc<RunStats>,
}

impl Watch {
    async fn until_stopped(&mut self, signals: &mut Signals, limit: Option<Duration>) -> io::Result<()> {
        let mut poll = interval(POLL);
        let mut drain = interval(DRAIN);
        poll.set_missed_tick_behavior(MissedTickBehavior::Skip);
        drain.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let timeout = sleep(limit.unwrap_or(Duration::MAX));
        tokio::pin!(timeout);
        while !self.outputs.is_closed() {
            tokio::select! {
                _ = signals.interrupt.recv() => break,
                _ = signals.terminate.recv() => break,
                () = &mut timeout, if limit.is_some() => break,
                _ = signals.hang_up.recv() => self.outputs.reopen(),
                _ = drain.tick() => self.drain(),
                _ = poll.tick() => { self.heads(HEADS_AT_ONCE); }
                ready = self.plane.heads_piled_up() => {
                    ready?;
                    self.heads(HEADS_AT_ONCE);
                }
            }
        }
        Ok(())
    }

    /// Has the engine look at the heads that wait in the ring.
    fn heads(&mut self, limit: usize) -> usize {
        let Self { plane, engine, outputs, .. } = self;
        plane.read_heads(limit, |meta, bytes| {
            engine.take(Event::Head(meta, bytes), |report| outputs.write(&report));
        })
    }

    /// Reads the flow map, lets time pass, and brings the numbers up to date.
    fn drain(&mut self) {
        let begun = Instant::now();
        self.outputs.context.wall_offset_ns = dataplane::wall_offset_ns();
        let Self { plane, engine, outputs, .. } = self;
        match plane.drain(|event| engine.take(event, |report| outputs.write(&report))) {
            Ok(drained) => {
                let capacity = u64::from(self.plane.flow_capacity());
                self.stats.drained(begun.elapsed(), drained.flows, capacity);
            }
            Err(error) => error!("cannot read the flow map ({error})"),
        }
        self.stats.engine(&self.engine, self.outputs.lost());
    }

    /// Detaches, then takes what is left in the maps.
    fn finish(&mut self) {
        self.plane.detach();
        while self.heads(HEADS_AT_ONCE) > 0 {}
        self.drain();
        info!("detached");
        match self.plane.accounts().read() {
            Ok(accounts) => summarize(&accounts),
            Err(error) => error!("{error}"),
        }
    }
}
