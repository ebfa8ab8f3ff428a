//! Addresses, short names, many domains, other ports, and what goes behind messages: covert and alike.

use super::*;
use crate::detect::dns::fixture::query;

fn address(bench: &mut Bench) -> [u8; 4] {
    let mut byte = || u8::try_from(bench.random(220)).unwrap() + 1;
    [byte(), byte(), byte(), byte()]
}

#[test]
fn addresses_all_over_the_place_carry_data() {
    // One name that is polled, and a download by counted names.
    for is_counted in [false, true] {
        let mut bench = Bench::new();
        for i in 0..80 {
            let name = if is_counted { format!("{i:03x}.stage.zone.net") } else { "www.zone.net".to_owned() };
            let address = address(&mut bench);
            bench.look_up(&name, A, &[(A, &address)]);
            bench.wait(7.0);
        }
        assert!(!bench.alerts().is_empty(), "{is_counted}");
    }
    let mut bench = Bench::new();
    for i in 0..80 {
        let mut address = [0x20; 16];
        for byte in &mut address[2..] {
            *byte = u8::try_from(bench.random(256)).unwrap();
        }
        bench.look_up(&format!("{i}.zone.net"), AAAA, &[(AAAA, &address)]);
        bench.wait(7.0);
    }
    assert_eq!(bench.alerts()[0].evidence[0].name, "far_addresses");
}

#[test]
fn hosts_of_several_places_are_silent() {
    let mut bench = Bench::new();
    // 30 offices with lines of as many providers, watched by name; a service that moves among 5 places and is
    // answered with addresses near each other; a site behind three delivery networks.
    for round in 0..40_u8 {
        for office in 0..30_u8 {
            let address = [11 + office, office, 3, 4];
            bench.look_up(&format!("office-{office}.corp.net"), A, &[(A, &address)]);
        }
        let at = [20 + round % 5, 7, round, 1];
        let near = [at[0], 7, round, 2];
        bench.look_up("app.service.net", A, &[(A, &at), (A, &near)]);
        let cdn = [100 + round % 3, u8::try_from(bench.random(4)).unwrap(), round, 9];
        bench.look_up("www.site.net", A, &[(A, &cdn)]);
        bench.wait(60.0);
    }
    silent(&bench);
}

#[test]
fn a_byte_a_second_in_short_names_shows_within_an_hour() {
    for raw in [false, true] {
        let mut bench = Bench::new();
        for _ in 0..720 {
            let data = if raw {
                bench.code("\u{1}\u{2}\u{3}\u{4}!#$&'()*+;<=>?@[]^`{|}~", 9)
            } else {
                bench.base32(8)
            };
            bench.look_up(&format!("{data}.zone.net"), A, ADDRESS);
            bench.wait(5.0);
        }
        assert!(!bench.alerts().is_empty(), "{raw}");
    }
}

#[test]
fn data_spread_over_domains_adds_up() {
    for domains in [10, 50] {
        let mut bench = Bench::new();
        for i in 0..300 {
            let name = format!("{}.domain{}.com", bench.base32(32), i % domains);
            bench.look_up(&name, A, ADDRESS);
            bench.wait(12.0);
        }
        assert!(!bench.alerts().is_empty(), "{domains}");
    }
    // Each in a domain made up for it, and under a top-level domain of letters.
    let mut bench = Bench::new();
    for _ in 0..100 {
        let name = format!("{}.com", bench.base32(32));
        bench.look_up(&name, A, &[]);
        bench.wait(10.0);
    }
    assert!(!bench.alerts().is_empty());
    let mut bench = Bench::new();
    for _ in 0..100 {
        let name = format!("x.{}", bench.code("bcdfghjkmpqvwxyz", 20));
        bench.look_up(&name, TXT, &[]);
        bench.wait(2.0);
    }
    assert!(!bench.alerts().is_empty());
}

#[test]
fn private_top_level_domains_and_codes_now_and_then_are_silent() {
    let mut bench = Bench::new();
    for i in 0..400 {
        for domain in ["corp", "lan", "localdomain", "workgroup", "fritzbox"] {
            let name = format!("{}{}.{domain}", word(&mut bench), bench.random(50));
            bench.look_up(&name, A, ADDRESS);
        }
        // A page with a host named by a code, every five minutes.
        if i % 10 == 0 {
            let name = format!("{}.objects{}.com", bench.base32(26), i % 70);
            bench.look_up(&name, A, ADDRESS);
        }
        bench.wait(30.0);
    }
    silent(&bench);
}

#[test]
fn data_behind_messages_and_in_broken_options_alerts() {
    let mut bench = Bench::new();
    for _ in 0..20 {
        let code = bench.base32(32);
        let message = [query("www.example.com"), code.into_bytes()].concat();
        bench.packet(true, 17, &message);
        bench.wait(2.0);
    }
    assert!(!bench.alerts().is_empty());
    for code in [3, 8, 15] {
        let mut bench = Bench::new();
        for _ in 0..20 {
            let data = bench.base32(32);
            bench.ask_with_option("www.example.com", code, data.as_bytes());
            bench.wait(2.0);
        }
        assert!(!bench.alerts().is_empty(), "option {code}");
    }
}

#[test]
fn options_as_their_standards_have_them_and_zeros_behind_are_silent() {
    let mut bench = Bench::new();
    for i in 0..200_u8 {
        let cookie = bench.hex(24);
        bench.ask_with_option("www.example.com", 10, cookie.as_bytes());
        bench.ask_with_option("www.example.com", 8, &[0, 1, 24, 0, i, 7, 9]);
        bench.ask_with_option("www.example.com", 12, &[0; 60]);
        let message = [query("www.example.com"), vec![0; 20]].concat();
        bench.packet(true, 17, &message);
        bench.wait(2.0);
    }
    silent(&bench);
}
