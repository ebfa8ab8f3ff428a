//! What the running loader costs while packets come in at a rate, and how large it gets.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use inspector_tests::lab::{Inspector, Network};

use crate::error::{Failed, Failure};
use crate::pace::Pace;
use crate::packets::{self, Packet};
use crate::place;
use crate::report::{Figure, Goal, Section, Unit};

/// Packets a second: a fifth of 10 GbE at the mix's mean length.
const RATE: u32 = 500_000;

/// Flows that are new, one packet each, before memory is looked at.
const NEW_FLOWS: u32 = 1_000_000;

/// DESIGN §4: resident memory under a million flows.
const MOST_RESIDENT: f64 = 64.0 * 1_048_576.0;

/// Lets `inspector run` watch a veth that gets the mix, and then a flood.
pub(crate) fn measure(mix: &[Packet], seconds: u32) -> Result<Vec<Figure>, Failure> {
    let network = Network::direct();
    let client = &network.client.namespace;
    client.ip("link add idle0 type veth peer name idle1");
    let out = index(&client.ip("-oneline link show dev eth0"))?;
    let inspector = Inspector::ready(&network.server.namespace, &["-i", "eth0", "--mode", "native"]);
    let id = inspector.process.id();

    let (idle, _) = share(id, || {
        sleep(Duration::from_secs(2));
        Ok(0)
    })?;
    let before = received(&inspector)?;
    let frames = packets::frames(mix);
    let (busy, elapsed) = share(id, || {
        place::alone(Some(client), || {
            let mut pace = Pace::emitter(out, "idle0")?;
            pace.fill(&frames, false)?;
            pace.emit(Some(RATE), RATE * seconds)
        })
    })?;
    let rate = (received(&inspector)? - before) as f64 / elapsed;

    let flood = packets::frames(&packets::flood());
    place::alone(Some(client), || {
        let mut pace = Pace::emitter(out, "idle0")?;
        pace.fill(&flood, true)?;
        pace.emit(None, NEW_FLOWS)
    })?;
    // A drain or two.
    sleep(Duration::from_secs(2));
    let resident = resident_bytes(id)?;
    inspector.stop();

    let figure = |name: &str, unit, value| Figure::exact(Section::Userspace, name, unit, value);
    Ok(vec![
        figure("loader on one CPU, no packets", Unit::Ratio, idle),
        figure(&format!("loader on one CPU, at {:.0} kpps of the mix", rate / 1e3), Unit::Ratio, busy),
        figure("loader's largest resident memory, 1 M flows", Unit::Bytes, resident)
            .held_against(Some(Goal::AtMost(MOST_RESIDENT))),
    ])
}

/// The share of a CPU that a process took while something was done, and how long that was in seconds.
fn share(id: u32, what: impl FnOnce() -> Result<u32, Failure>) -> Result<(f64, f64), Failure> {
    let (begun, before) = (Instant::now(), cpu_seconds(id)?);
    what()?;
    let elapsed = begun.elapsed().as_secs_f64();
    Ok(((cpu_seconds(id)? - before) / elapsed, elapsed))
}

/// CPU time of a process, user and system, by the kernel's ticks.
fn cpu_seconds(id: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).or_failed("reading the loader's CPU time")?;
    let ticks = ticks(&stat).or_failed("reading the loader's CPU time")?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Fields 14 and 15 of `/proc/PID/stat`; the second field, a name in parentheses, may have blanks in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn resident_bytes(id: u32) -> Result<f64, Failure> {
    let what = "reading the loader's memory";
    let status = fs::read_to_string(format!("/proc/{id}/status")).or_failed(what)?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = kibibytes.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    Ok(f64::from(kibibytes.or_failed(what)?) * 1_024.0)
}

fn received(inspector: &Inspector<'_>) -> Result<u64, Failure> {
    let packets = inspector
        .metrics()
        .value("inspector_packets_total", &[("interface", "eth0"), ("direction", "ingress")]);
    packets.or_failed("reading the metrics")
}

/// The index before the first colon of a line of `ip link`.
fn index(line: &str) -> Result<u32, Failure> {
    let index = line.split_once(':').and_then(|(index, _)| index.trim().parse().ok());
    index.or_failed("finding an interface")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_past_any_name() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 1 0 100 1000 10";
        assert_eq!(ticks(stat), Some(281));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn an_interface_has_a_number() {
        assert_eq!(index("12: eth0@if3: <BROADCAST> mtu 1500").unwrap(), 12);
        assert!(index("").is_err());
    }
}
