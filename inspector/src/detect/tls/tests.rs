use super::*;
use crate::detect::wire::{self, Wire, noise};
use crate::dissect::tls::tests::{hello, record};

fn bench() -> Wire<Tls> {
    Wire::to(443, Tls::new(Thresholds::default()))
}

fn hex(len: usize, seed: u64) -> String {
    wire::hex(&noise(seed, len))
}

#[test]
fn names_that_carry_data_alert_and_those_of_services_do_not() {
    let mut covert = bench();
    for seed in 0..8 {
        covert.connect();
        covert.send(true, &hello(&format!("{}.example.com", hex(28, seed))));
    }
    assert_eq!(covert.alerts(), 1, "{:?}", covert.findings);
    let mut ordinary = bench();
    for seed in 0..40 {
        for name in [
            format!("r{seed}---sn-4g5e6nz7.googlevideo.com"),
            format!("d{}.cloudfront.net", hex(6, seed)),
            format!("192-168-1-{seed}.{}.plex.direct", hex(16, 1)),
            format!("{}.blob.core.windows.net", hex(12, seed)),
        ] {
            ordinary.connect();
            ordinary.send(true, &hello(&name));
        }
    }
    assert_eq!(ordinary.findings, []);
}

#[test]
fn certificates_that_are_new_every_time_alert_and_those_of_a_farm_do_not() {
    let handshake = |seed: u64| {
        let certificate = [&[0x30, 0x82, 3, 0][..], &noise(seed, 300)].concat();
        let len = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
        let entry = [&len(certificate.len())[1..], &certificate].concat();
        let list = [&len(entry.len())[1..], &entry].concat();
        [record(2, &[1; 70]), record(11, &list)].concat()
    };
    let (mut covert, mut farm) = (bench(), bench());
    for n in 0..40 {
        for (bench, seed) in [(&mut covert, n), (&mut farm, n % 12)] {
            bench.connect();
            bench.send(true, &hello("www.example.com"));
            bench.send(false, &handshake(seed));
        }
    }
    assert_eq!(covert.alerts(), 1);
    // A delivery network, or a proxy on the way to many sites.
    let mut shared = bench();
    for n in 0..40 {
        shared.connect();
        shared.send(true, &hello(&format!("www{n}.example.com")));
        shared.send(false, &handshake(n));
    }
    assert_eq!(shared.alerts(), 0);
    // A farm of 12 that is met in turn can't be told in its first round.
    assert!(farm.alerts() <= 1);
}

#[test]
fn resolvers_are_observed() {
    let mut bench = bench();
    bench.connect();
    bench.send(true, &hello("mozilla.cloudflare-dns.com"));
    assert_eq!(bench.severity(), Some(Severity::Info));
    let mut other = self::bench();
    other.connect();
    other.send(true, &hello("notdns.google.example.com"));
    assert_eq!(other.findings, []);
}
