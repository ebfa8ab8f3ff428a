//! What goes through a veth pair while nothing, an empty program, or inspector is attached to the receiving end.

use std::time::Duration;

use inspector_tests::lab::{Inspector, Network, until};
use serde_json::Value;

use crate::error::{Failed, Failure};
use crate::pace::PassAll;
use crate::place;
use crate::report::{Figure, Goal, Section, Unit};
use crate::statistics::Spread;

/// DESIGN §4: within 3 % of an empty program in the same mode.
const GOAL: Goal = Goal::AtLeast(-0.03);

/// Bytes of a UDP datagram: small, since packets are counted and not bytes.
const DATAGRAM: &str = "64";

const NOTHING: usize = 0;
const EMPTY: usize = 1;
const INSPECTOR: usize = 2;
const SETUPS: [&str; 3] = ["no program", "empty program, native", "inspector, native"];

/// Measurements by setup.
#[derive(Default)]
struct Rates([Vec<f64>; 3]);

/// Sends TCP and UDP through the pair, in rounds in which each setup has its turn.
pub(crate) fn measure(rounds: usize, seconds: u32) -> Result<Vec<Figure>, Failure> {
    let network = Network::direct();
    let (mut tcp, mut udp) = (Rates::default(), Rates::default());
    for round in 0..rounds {
        let order = if round % 2 == 0 { [NOTHING, EMPTY, INSPECTOR] } else { [INSPECTOR, EMPTY, NOTHING] };
        for setup in order {
            let (bits, packets) = match setup {
                EMPTY => {
                    let attach = || PassAll::attach("eth0");
                    let _attached = place::alone(Some(&network.server.namespace), attach)?;
                    send(&network, seconds)?
                }
                INSPECTOR => {
                    let flags = ["-i", "eth0", "--mode", "native"];
                    let inspector = Inspector::ready(&network.server.namespace, &flags);
                    let rates = send(&network, seconds)?;
                    inspector.stop();
                    rates
                }
                _ => send(&network, seconds)?,
            };
            tcp.0[setup].push(bits);
            udp.0[setup].push(packets);
        }
    }
    let mut figures = tcp.figures("TCP", Unit::BitsPerSecond)?;
    figures.extend(udp.figures("UDP, 64 bytes", Unit::PacketsPerSecond)?);
    Ok(figures)
}

impl Rates {
    fn figures(&self, protocol: &str, unit: Unit) -> Result<Vec<Figure>, Failure> {
        let mut figures = Vec::new();
        for (setup, samples) in SETUPS.iter().zip(&self.0) {
            let value = Spread::of(samples).or_failed("sending through a veth pair")?;
            figures.push(Figure::new(Section::Throughput, format!("{protocol}: {setup}"), unit, value));
        }
        let changes: Vec<f64> =
            self.0[INSPECTOR].iter().zip(&self.0[EMPTY]).map(|(a, b)| a / b - 1.0).collect();
        let value = Spread::of(&changes).or_failed("sending through a veth pair")?;
        let name = format!("{protocol}: inspector against the empty program");
        let figure = Figure::new(Section::Throughput, name, Unit::Ratio, value);
        figures.push(figure.held_against(Some(GOAL)));
        Ok(figures)
    }
}

/// TCP in bits a second, and UDP in packets a second that arrived.
fn send(network: &Network, seconds: u32) -> Result<(f64, f64), Failure> {
    let tcp = iperf(network, seconds, &[])?;
    let bits = tcp.pointer("/end/sum_received/bits_per_second").and_then(Value::as_f64);
    let udp = iperf(network, seconds, &["--udp", "--bitrate", "0", "--length", DATAGRAM])?;
    let number = |field: &str| udp.pointer(&format!("/end/sum/{field}")).and_then(Value::as_f64);
    let packets = || Some((number("packets")? - number("lost_packets")?) / number("seconds")?);
    let what = "reading what iperf3 says";
    Ok((bits.or_failed(what)?, packets().or_failed(what)?))
}

fn iperf(network: &Network, seconds: u32, flags: &[&str]) -> Result<Value, Failure> {
    let words = ["iperf3", "--server", "--one-off", "--forceflush"];
    let mut server = network.server.namespace.spawn(&words);
    server.wait_for_output("listening", Duration::from_secs(10));
    let seconds = seconds.to_string();
    let mut words = vec!["iperf3", "--client", network.server.address, "--time", &seconds, "--json"];
    words.extend(flags);
    // Either end on a CPU of its own.
    let ends = match place::cpus()[..] {
        [first, second, ..] => format!("{first},{second}"),
        _ => String::new(),
    };
    if !ends.is_empty() {
        words.extend(["--affinity", &ends]);
    }
    let output = network.client.run(&words);
    until("the server's end", Duration::from_secs(10), || server.ended());
    serde_json::from_str(&output).or_failed("reading what iperf3 says")
}
