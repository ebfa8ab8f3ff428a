//! The kernel and the host build say the same of every Ethernet packet of the corpus.

use std::path::PathBuf;

use inspector::capture::{CaptureReader, LinkType};
use inspector_common::{Features, Sampler};
use inspector_tests::kernel::{self, PROGRAMS, Twin, frames};
use inspector_tests::{corpus, skip};

#[tokio::test]
async fn well_formed_frames_of_every_kind() {
    if let Some(reason) = kernel::missing() {
        return skip("well_formed_frames_of_every_kind", reason);
    }
    for program in PROGRAMS {
        let mut twin = Twin::load(program, Sampler::new(1, 0)).await;
        for (number, frame) in frames::well_formed().iter().enumerate() {
            twin.compare(frame, &format!("{program}, frame {number}")).await;
        }
    }
}

#[tokio::test]
async fn sampling_decides_alike() {
    if let Some(reason) = kernel::missing() {
        return skip("sampling_decides_alike", reason);
    }
    let mut twin = Twin::load("inspector_frags", Sampler::new(4, 99)).await;
    for (number, frame) in frames::well_formed().iter().enumerate() {
        for host in 0..16 {
            let mut frame = frame.clone();
            if let Some(byte) = frame.get_mut(29) {
                *byte ^= host;
            }
            twin.compare(&frame, &format!("frame {number}, host {host}")).await;
        }
    }
}

#[tokio::test]
async fn what_is_left_out_is_left_out_alike() {
    if let Some(reason) = kernel::missing() {
        return skip("what_is_left_out_is_left_out_alike", reason);
    }
    for left_out in [Features::HEADS, Features::SERIES, Features::INNER, Features::ALL] {
        for program in PROGRAMS {
            let features = Features::ALL.without(left_out);
            let mut twin = Twin::with(program, Sampler::new(1, 0), features).await;
            for (number, frame) in frames::well_formed().iter().enumerate() {
                twin.compare(frame, &format!("{program} without {left_out:?}, frame {number}")).await;
            }
        }
    }
}

#[tokio::test]
async fn every_ethernet_packet_of_the_corpus() {
    let name = "every_ethernet_packet_of_the_corpus";
    if let Some(reason) = kernel::missing() {
        return skip(name, reason);
    }
    let Some(captures) = corpus::shared() else {
        return skip(name, "the corpus of captures is not there");
    };
    let captures: Vec<PathBuf> = captures.into_iter().map(|capture| capture.file).collect();
    for program in PROGRAMS {
        let (captures, packets) = compare_all(program, &captures).await;
        println!("{program}: {packets} packets of {captures} captures");
        assert!(captures >= 50, "only {captures} captures with Ethernet packets");
    }
}

/// Compares what can be read of every capture; gives the captures and packets that were compared.
async fn compare_all(program: &'static str, paths: &[PathBuf]) -> (u32, u32) {
    let mut twin = Twin::load(program, Sampler::new(1, 0)).await;
    let (mut captures, mut packets) = (0, 0);
    for path in paths {
        // A capture that is damaged on purpose ends early.
        let Ok(mut capture) = CaptureReader::open(path) else { continue };
        let mut compared = 0;
        while let Ok(Some(packet)) = capture.next_packet() {
            if packet.link == LinkType::Ethernet && twin.takes(packet.data) {
                compared += 1;
                let data = packet.data.to_vec();
                twin.compare(&data, &format!("{program}, {}, packet {compared}", path.display())).await;
            }
        }
        captures += u32::from(compared > 0);
        packets += compared;
    }
    (captures, packets)
}
