//! Ordinary traffic that brings many names.

use super::*;

#[test]
fn antivirus_asks_for_hashes_of_files() {
    let mut bench = Bench::new();
    for _ in 0..3_600 {
        let name = format!("{}.reputation.av-vendor.com", bench.hex(40));
        bench.look_up(&name, A, &[(A, &[127, 0, 0, 3])]);
        bench.wait(1.0);
    }
    silent(&bench);
}

#[test]
fn antivirus_with_its_own_base32_is_silent_by_the_list() {
    let mut bench = Bench::of(DnsVolume::new(Thresholds::default()));
    for _ in 0..720 {
        let name = format!("{}.avqs.mcafee.com", bench.base32(26));
        bench.look_up(&name, A, &[(A, &[127, 0, 0, 3])]);
        bench.wait(5.0);
    }
    silent(&bench);
}

#[test]
fn mail_server_asks_block_lists_for_an_hour() {
    let mut bench = Bench::new();
    for i in 0..14_400_u64 {
        let [a, b, c, d] = [0; 4].map(|_: i32| bench.random(256));
        for zone in ["zen.blocklist.org", "bl.spamlist.net"] {
            let name = format!("{a}.{b}.{c}.{d}.{zone}");
            bench.look_up(&name, A, if i % 5 == 0 { &[(A, &[127, 0, 0, 4])] } else { &[] });
        }
        let name = format!("{a}.{b}.{c}.{d}.origin.asn-service.com");
        let text = txt(&format!("{} | {a}.{b}.0.0/16 | US | arin | 2014-03-14", bench.random(65_000)));
        bench.look_up(&name, TXT, &[(TXT, &text)]);
        bench.wait(0.25);
    }
    silent(&bench);
}

#[test]
fn keys_of_a_bulk_mailer_with_a_selector_for_each_customer() {
    let mut bench = Bench::new();
    for _ in 0..60 {
        let key = format!("v=DKIM1; k=rsa; p={}", bench.base32(390));
        let selector = format!("{}._domainkey.mailer.example.com", bench.base32(32));
        bench.look_up(&selector, TXT, &[(TXT, &txt(&key))]);
        bench.wait(20.0);
    }
    silent(&bench);
}

#[test]
fn a_mail_address_with_a_tag_is_looked_up_by_mistake() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        let name = format!("first:last+{}@mail.example.com", bench.base32(48));
        bench.look_up(&name, A, &[]);
        bench.wait(60.0);
    }
    silent(&bench);
}

#[test]
fn mail_server_checks_policies_and_keys() {
    let mut bench = Bench::new();
    for _ in 0..600 {
        let domain = format!("{}-{}.com", word(&mut bench), bench.random(2_000));
        bench.look_up(&domain, 15, &[(15, &[&[0, 10][..], &wire(&format!("mx1.{domain}"))].concat())]);
        bench.look_up(
            &domain,
            TXT,
            &[(TXT, &txt("v=spf1 include:_spf.mail-provider.com ip4:192.0.2.0/24 -all"))],
        );
        let key = format!("v=DKIM1; k=rsa; p={}", bench.base32(390));
        let selector = format!("s{}._domainkey.{domain}", bench.random(3));
        bench.look_up(&selector, TXT, &[(TXT, &txt(&key))]);
        bench.look_up(&format!("_dmarc.{domain}"), TXT, &[(TXT, &txt("v=DMARC1; p=none; rua=mailto:a@b.c"))]);
        bench.wait(6.0);
    }
    silent(&bench);
}

#[test]
fn busy_resolver_browses_delivery_networks() {
    let mut bench = Bench::new();
    for i in 0..200_000_u64 {
        // A tenth of the queries go to the ten largest, which name nodes and objects with short codes.
        let name = if i % 10 == 0 {
            let (provider, node) = (bench.random(10), bench.random(400));
            format!(
                "{}{}-{}.cdn{provider}.net",
                word(&mut bench),
                node % 20,
                bench.hex(6 + usize::from(i % 3 == 0))
            )
        } else {
            let site = bench.random(1_000_000).isqrt();
            format!("{}.{}site{site}.com", word(&mut bench), word(&mut bench))
        };
        bench.look_up(&name, if i % 3 == 0 { AAAA } else { A }, ADDRESS);
        bench.wait(0.01);
    }
    silent(&bench);
}

#[test]
fn one_host_browses_for_a_day() {
    let mut bench = Bench::new();
    for i in 0..8_640_u64 {
        let site = bench.random(40);
        let name = match i % 4 {
            0 => format!(
                "rr{}---sn-{}.videohost.com",
                bench.random(9),
                ["4g5edndz", "h0jeened", "4g5lznes"][usize::try_from(i % 3).unwrap()]
            ),
            1 => format!("{}{}.site{site}.com", word(&mut bench), bench.random(10)),
            _ => format!("{}.site{site}.com", word(&mut bench)),
        };
        bench.look_up(&name, if i % 2 == 0 { A } else { AAAA }, ADDRESS);
        bench.wait(10.0);
    }
    silent(&bench);
}

#[test]
fn reverse_sweep_and_nsec_walk() {
    let mut bench = Bench::of(DnsVolume::new(Thresholds::default()));
    for i in 0..65_536_u64 {
        bench.look_up(&format!("{}.{}.0.10.in-addr.arpa", i & 255, i >> 8), 12, &[]);
        bench.wait(0.01);
    }
    for i in 0..2_000 {
        let name = format!("{}-{}{}.zone.example", word(&mut bench), word(&mut bench), i % 7);
        bench.look_up(&name, 47, &[(47, &wire("next.zone.example"))]);
        bench.wait(0.5);
    }
    silent(&bench);
}

#[test]
fn resolver_mixes_cases_of_the_same_names() {
    let mut bench = Bench::new();
    for _ in 0..5_000 {
        let name = format!("{}.{}.corp.example", word(&mut bench), word(&mut bench));
        let mixed: String =
            name.chars().map(|c| if bench.random(2) == 0 { c } else { c.to_ascii_uppercase() }).collect();
        bench.look_up(&mixed, A, ADDRESS);
        bench.wait(0.5);
    }
    silent(&bench);
}

#[test]
fn browser_probes_and_search_suffixes() {
    let mut bench = Bench::new();
    for i in 0..2_000_u64 {
        if i % 100 == 0 {
            for _ in 0..3 {
                let len = 7 + usize::try_from(bench.random(9)).unwrap();
                let probe = bench.code("abcdefghijklmnopqrstuvwxyz", len);
                bench.look_up(&probe, A, &[]);
                bench.look_up(&format!("{probe}.corp.example"), A, &[]);
            }
        }
        let name = format!("{}.{}{}.com", word(&mut bench), word(&mut bench), bench.hex(4));
        for suffix in ["", ".eu.corp.example", ".corp.example"] {
            bench.look_up(&format!("{name}{suffix}"), A, &[]);
        }
        bench.wait(3.0);
    }
    silent(&bench);
}

#[test]
fn service_discovery_and_cloud_names() {
    let mut bench = Bench::new();
    let guid = "8c1f6a53-7f1e-4b7e-9a43-0c8a5c1f2d3e";
    for i in 0..3_600_u64 {
        let zone = i % 3;
        bench.look_up(&format!("_ldap._tcp.site{zone}._sites.dc._msdcs.ad.example"), 33, &[]);
        bench.look_up(&format!("_ldap._tcp.{guid}.domains._msdcs.ad.example"), 33, &[]);
        bench.look_up(&format!("ip-10-0-{}-{}.eu-west-1.cloud.example", i % 7, i % 30), A, ADDRESS);
        let service = word(&mut bench);
        bench.look_up(&format!("_http._tcp.{service}.service.consul"), 33, &[]);
        bench.wait(2.0);
    }
    silent(&bench);
}

#[test]
fn long_hours_of_polling_and_rotating_addresses() {
    let mut bench = Bench::new();
    for i in 0..5_000_u32 {
        let [_, a, b, c] = i.wrapping_mul(2_654_435_761).to_be_bytes();
        // Volunteers' servers, of which each answer has four.
        let four = [[192, a, b, c], [100, b, c, a], [80, c, a, b], [150, a, c, b]];
        bench.look_up("pool.time.example", A, &[(A, &four[0]), (A, &four[1]), (A, &four[2]), (A, &four[3])]);
        bench.look_up("version.update.example", TXT, &[(TXT, &txt(&format!("0.103.8:62:{}:1700", i / 120)))]);
        bench.wait(30.0);
    }
    silent(&bench);
}

#[test]
fn caches_count_down_and_take_turns() {
    for caches in [1_u64, 8, 40] {
        let mut bench = Bench::new();
        let start = bench.now_ns / 1_000_000_000;
        for _ in 0..2_000 {
            let cache = bench.random(caches);
            let elapsed = bench.now_ns / 1_000_000_000 - start;
            let ttl = 300 - (elapsed + cache * 7) % 300;
            bench.answer_for("www.corp.example", A, ADDRESS, u32::try_from(ttl).unwrap());
            bench.wait(0.7);
        }
        silent(&bench);
    }
    let mut bench = Bench::new();
    for _ in 0..1_000 {
        let ttl = u32::try_from(bench.random(300)).unwrap();
        bench.answer_for("polled.every.ten.minutes.example.org", A, ADDRESS, ttl);
        bench.wait(600.0);
    }
    silent(&bench);
}

#[test]
fn types_are_enumerated_and_trust_anchors_told() {
    let mut bench = Bench::new();
    for kind in 0..=258 {
        bench.look_up("www.corp.example", kind, &[]);
    }
    for tag in ["_ta-4f66", "_ta-4f66-9728", "_ta-9728", "_ta-0001", "_ta-0002", "_ta-0003"] {
        bench.look_up(tag, 10, &[]);
    }
    silent(&bench);
}

#[test]
fn floods_and_damaged_packets() {
    let mut bench = Bench::new();
    for _ in 0..5_000 {
        bench.packet(true, 17, &[0; 64]);
    }
    silent(&bench);
    let mut bench = Bench::new();
    for i in 0..2_000_usize {
        let name = format!("{}.corp.example", word(&mut bench));
        let damaged: Vec<u8> = (0..40).map(|_| u8::try_from(bench.random(256)).unwrap()).collect();
        if i % 40 < 2 {
            bench.packet(i % 2 == 0, 17, &damaged);
        } else {
            bench.look_up(&name, A, ADDRESS);
        }
        bench.wait(1.0);
    }
    silent(&bench);
}

#[test]
fn scans_of_port_53_and_forwarders_that_tag() {
    let mut bench = Bench::new();
    for i in 0..200_u8 {
        bench.packet(true, 17, &[i; 40]);
        bench.answer("a.example", A, &[]);
        bench.ask_with_option("www.corp.example", 65_001, &[2, 0, 0, 0, 0, i % 20]);
        bench.ask_with_option("www.corp.example", 10, &[i; 8]);
        bench.wait(1.0);
    }
    silent(&bench);
}

#[test]
fn contents_that_were_taken_out_and_protocols_that_say_what_they_are_are_silent() {
    let mut bench = Bench::new();
    for i in 0..400_usize {
        bench.packet(i % 2 == 0, if i < 200 { 17 } else { 6 }, &vec![0; 20 + i % 90]);
        bench.wait(0.1);
    }
    silent(&bench);
    let hello = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99], &[7; 99][..]].concat();
    let mut bench = Bench::new();
    for i in 0..100_u8 {
        let record = vec![23, 0xfe, 0xfd, i, i, i, i, i, i, i, i, 0, 2, i, 9];
        bench.packet(i % 2 == 0, 17, if i == 0 { &hello } else { &record });
    }
    silent(&bench);
    assert_eq!(bench.findings.last().and_then(|finding| finding.tool), Some("DTLS"));
}
