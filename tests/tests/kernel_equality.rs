//! The kernel and the host build say the same of every Ethernet packet of the corpus.

use inspector::capture::{CaptureReader, LinkType};
use inspector_common::Sampler;
use inspector_tests::kernel::{self, Twin, frames};
use inspector_tests::{corpus, skip};

const PROGRAMS: [&str; 2] = ["inspector_frags", "inspector_plain"];

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
async fn every_ethernet_packet_of_the_corpus() {
    let name = "every_ethernet_packet_of_the_corpus";
    if let Some(reason) = kernel::missing() {
        return skip(name, reason);
    }
    let Some(captures) = corpus::captures() else {
        return skip(name, "the corpus of captures is not there");
    };
    let mut twin = Twin::load("inspector_frags", Sampler::new(1, 0)).await;
    let mut compared = (0, 0);
    for path in &captures {
        // A capture that is damaged on purpose ends early.
        let Ok(mut capture) = CaptureReader::open(path) else { continue };
        let before = compared.1;
        while let Ok(Some(packet)) = capture.next_packet() {
            if packet.link == LinkType::Ethernet && twin.takes(packet.data) {
                let number = compared.1 - before + 1;
                let data = packet.data.to_vec();
                twin.compare(&data, &format!("{}, packet {number}", path.display())).await;
                compared.1 += 1;
            }
        }
        compared.0 += u32::from(compared.1 > before);
    }
    println!("{} packets of {} captures", compared.1, compared.0);
    assert!(compared.0 >= 50, "only {} captures with Ethernet packets", compared.0);
}
