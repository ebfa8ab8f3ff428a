//! `inspector run`.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inspector_common::{Control, Direction, Tally};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

use super::outputs::Outputs;
use super::stats::RunStats;
use super::summary::Summary;
use super::{complain, fail};
use crate::cli::{Format, RunArgs};
use crate::config::{Config, ConfigError, Run};
use crate::dataplane::watch::{LinkEvent, Watcher};
use crate::dataplane::{self, DataPlane, DataplaneError, Hooks, Part, Settings};
use crate::engine::Engine;
use crate::metrics::server::BindError;
use crate::metrics::{self, Attachment, InterfaceAccount};
use crate::observation::Event;
use crate::sampling::{AdaptiveSampling, Load};
use crate::sinks::{Context, SinkError};
use crate::state::StateFile;

/// How often the ring of heads is looked at; the kernel only wakes us when much has piled up.
const POLL: Duration = Duration::from_millis(100);

/// How often the flow map is drained.
const DRAIN: Duration = Duration::from_secs(1);

/// How often what takes long to learn is written down.
const SAVE: Duration = Duration::from_secs(60);

/// Heads taken before anything else gets its turn.
const HEADS_AT_ONCE: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("no interface to watch; name one with --interface, or in `run.interfaces` of the configuration")]
    NoInterface,
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
    let config = args.settings.over_config()?;
    let Config { run, web, .. } = &config;
    if run.interfaces.is_empty() {
        return Err(RunError::NoInterface);
    }
    let sampling = AdaptiveSampling::new(run.sample, run.sample_seed);
    let listener = metrics::bind(&web.listen_address)?;
    let interfaces = dataplane::resolve(&run.interfaces).await?;
    let features = Part::all_but(&args.without);
    let control = Control { sampler: sampling.sampler(), features, ..Control::default() };
    let settings = Settings { control, egress: run.egress, ..Settings::default() };
    let plane = DataPlane::load(&settings)?;

    let context = Context {
        wall_offset_ns: dataplane::wall_offset_ns(),
        interfaces: interfaces.iter().map(|i| (i.index, i.name.clone())).collect(),
        sampling_ratio: sampling.ratio(),
    };
    let outputs = Outputs::open(run.eve.as_deref(), Format::Text, context)?;
    let stats = Arc::new(RunStats::new(sampling.ratio()));
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, Arc::clone(&stats), web.telemetry_path.clone(), stopped));

    let hooks = Hooks { mode: run.mode, egress: run.egress };
    let mut engine = config.engine();
    let state = run.state.as_deref().map(StateFile::new);
    if let Some(Err(error)) =
        state.as_ref().map(|state| state.restore(&mut engine, dataplane::wall_offset_ns()))
    {
        complain(&error);
    }
    let mut watch = Watch { plane, engine, state, outputs, stats, hooks, sampling, refused: 0 };
    let mut signals = Signals::new()?;
    watch.plane.attach(&interfaces, hooks).await?;
    watch.stats.attached(watch.plane.accounts(), watch.plane.attachments());
    watch.plane.drop_privileges();
    announce(run, &watch.plane.attachments(), &format!("http://{address}{}", web.telemetry_path));

    let mut links = Watcher::new(&run.interfaces, &interfaces).await?;
    watch.until_stopped(&mut signals, &mut links, args.duration).await?;
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
fn announce(run: &Run, attachments: &[Attachment], metrics: &str) {
    for Attachment { interface, direction, mode, program_id } in attachments {
        match direction {
            Direction::Ingress => eprintln!("watching  {interface} ({mode} XDP, program {program_id})"),
            Direction::Egress => eprintln!("          and what leaves it ({mode}, program {program_id})"),
        }
    }
    eprintln!("metrics   {metrics}");
    match &run.eve {
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

/// Packets and heads that the flow map and the ring had no room for.
fn refused(accounts: &[InterfaceAccount]) -> u64 {
    let full = [Tally::FlowMapFull, Tally::HeadRingFull];
    accounts.iter().flat_map(|of| full.map(|tally| of.account.tallied(tally))).sum()
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
    state: Option<StateFile>,
    outputs: Outputs,
    stats: Arc<RunStats>,
    hooks: Hooks,
    sampling: AdaptiveSampling,
    /// What the maps had refused at the last drain.
    refused: u64,
}

impl Watch {
    async fn until_stopped(
        &mut self,
        signals: &mut Signals,
        links: &mut Watcher,
        limit: Option<Duration>,
    ) -> io::Result<()> {
        let mut poll = interval(POLL);
        let mut drain = interval(DRAIN);
        let mut save = interval(SAVE);
        poll.set_missed_tick_behavior(MissedTickBehavior::Skip);
        drain.set_missed_tick_behavior(MissedTickBehavior::Skip);
        save.set_missed_tick_behavior(MissedTickBehavior::Skip);
        save.reset();
        let timeout = sleep(limit.unwrap_or(Duration::MAX));
        tokio::pin!(timeout);
        while !self.outputs.is_closed() {
            tokio::select! {
                _ = signals.interrupt.recv() => break,
                _ = signals.terminate.recv() => break,
                () = &mut timeout, if limit.is_some() => break,
                _ = signals.hang_up.recv() => self.outputs.reopen(),
                _ = drain.tick() => self.drain(),
                _ = save.tick() => self.save(),
                event = links.next() => match event {
                    Ok(event) => self.link(event).await,
                    Err(error) => warn!("{error}"),
                },
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

    /// Follows the interfaces: those that come, those that go, those that change.
    async fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Appeared(interface) => {
                info!("{} appeared", interface.name);
                self.outputs.context.interfaces.insert(interface.index, interface.name.clone());
                if let Err(error) = self.plane.attach(&[interface], self.hooks).await {
                    warn!("{error}");
                }
            }
            LinkEvent::Vanished { name, index } => {
                warn!("{name} is gone; it is watched again when it returns");
                if let Err(error) = self.plane.forget(index) {
                    error!("{error}");
                }
            }
            LinkEvent::Changed { name, before, after, .. } => {
                if before.mtu != after.mtu {
                    info!("{name}: its MTU is {} now, it was {}", after.mtu, before.mtu);
                }
                if before.is_up != after.is_up {
                    info!("{name} is {} now", if after.is_up { "up" } else { "down" });
                }
            }
        }
        self.stats.attached(self.plane.accounts(), self.plane.attachments());
    }

    /// Looks at fewer flows while the maps or the drain cannot keep up, and at more again later.
    fn adapt(&mut self, drain: Duration, flows: u64) {
        let refused = self.plane.accounts().read().map_or(self.refused, |accounts| refused(&accounts));
        let capacity = u64::from(self.plane.flow_capacity());
        let load = Load { drain, flows, capacity, refused: refused.saturating_sub(self.refused) };
        self.refused = refused;
        if !self.sampling.observe(&load) {
            return;
        }
        let one_in = self.sampling.one_in();
        match self.plane.set_sampler(self.sampling.sampler()) {
            Ok(()) => warn!(
                "looking at one flow in {one_in} now ({flows} flows of {capacity}, drain {drain:?}, {} refused)",
                load.refused
            ),
            Err(error) => error!("{error}"),
        }
        self.stats.sampled(self.sampling.ratio());
        self.outputs.context.sampling_ratio = self.sampling.ratio();
    }

    /// Reads the flow map, lets time pass, and brings the numbers up to date.
    fn drain(&mut self) {
        let begun = Instant::now();
        self.outputs.context.wall_offset_ns = dataplane::wall_offset_ns();
        let Self { plane, engine, outputs, .. } = self;
        match plane.drain(|event| engine.take(event, |report| outputs.write(&report))) {
            Ok(drained) => {
                let (took, capacity) = (begun.elapsed(), u64::from(self.plane.flow_capacity()));
                self.stats.drained(took, drained.flows, capacity);
                self.adapt(took, drained.flows);
            }
            Err(error) => error!("cannot read the flow map ({error})"),
        }
        self.stats.engine(&self.engine, self.outputs.lost());
    }

    /// Writes down what takes long to learn.
    fn save(&self) {
        if let Some(Err(error)) =
            self.state.as_ref().map(|state| state.save(&self.engine, dataplane::wall_offset_ns()))
        {
            error!("{error}");
        }
    }

    /// Detaches, then takes what is left in the maps.
    fn finish(&mut self) {
        self.plane.detach();
        while self.heads(HEADS_AT_ONCE) > 0 {}
        self.drain();
        self.save();
        let Self { engine, outputs, .. } = self;
        engine.finish(|report| outputs.write(&report));
        self.stats.engine(&self.engine, self.outputs.lost());
        info!("detached");
        match self.plane.accounts().read() {
            Ok(accounts) => summarize(&accounts),
            Err(error) => error!("{error}"),
        }
    }
}
