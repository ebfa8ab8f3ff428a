//! Parts of messages that nobody uses: covert and alike.

use super::*;

fn bytes(bench: &mut Bench, len: usize) -> Vec<u8> {
    (0..len).map(|_| u8::try_from(bench.random(256)).unwrap()).collect()
}

/// A message with one question, of a type and class, and what follows it.
fn message(flags: u16, counts: [u16; 4], kind: u16, class: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    bytes.extend(flags.to_be_bytes());
    bytes.extend(counts.map(u16::to_be_bytes).concat());
    bytes.extend(wire("www.zone.net"));
    bytes.extend([kind, class].map(u16::to_be_bytes).concat());
    bytes.extend(rest);
    bytes
}

/// An address record of a name.
fn host(owner: &[u8], address: [u8; 4]) -> Vec<u8> {
    [owner, &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &address].concat()
}

#[test]
fn further_questions_classes_types_and_strangers_alert() {
    for case in 0..4 {
        let mut bench = Bench::new();
        for _ in 0..200 {
            let any = u16::try_from(bench.random(30_000)).unwrap() + 300;
            let code = bench.base32(40);
            let (to_server, message) = match case {
                0 => {
                    let more = [wire(&format!("{code}.zone.net")), vec![0, 1, 0, 1]].concat();
                    (true, message(0x0100, [2, 0, 0, 0], A, 1, &more))
                }
                1 => (true, message(0x0100, [1, 0, 0, 0], A, any, &[])),
                2 => (true, message(0x0100, [1, 0, 0, 0], any, 1, &[])),
                _ => {
                    let answer = host(&[0xc0, 12], [192, 0, 2, 1]);
                    let more = host(&wire(&format!("{code}.other.net")), [192, 0, 2, 2]);
                    (false, message(0x8180, [1, 1, 0, 1], A, 1, &[answer, more].concat()))
                }
            };
            bench.packet(to_server, 17, &message);
            bench.wait(2.0);
        }
        raised(&bench, None);
    }
}

#[test]
fn glue_updates_and_classes_in_use_are_silent() {
    let mut bench = Bench::new();
    for i in 0..300_u16 {
        let code = bench.base32(20);
        // A zone's name server, and its address; a service, and its host's.
        let server = wire(&format!("ns-{}.zone.net", i % 4));
        let len = u16::try_from(server.len()).unwrap().to_be_bytes();
        let authority = [&[0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60][..], &len, &server].concat();
        let glue = host(&server, [192, 0, 2, 1]);
        bench.packet(false, 17, &message(0x8180, [1, 0, 1, 1], A, 1, &[authority, glue].concat()));
        // An update by a server of DHCP: a zone, and a host in it.
        let update = host(&wire(&format!("host-{code}.zone.net")), [10, 0, 0, 1]);
        bench.packet(true, 17, &message(0x2800, [1, 0, 1, 0], 6, 1, &update));
        bench.packet(true, 17, &message(0x0100, [1, 0, 0, 0], if i % 2 == 0 { 65 } else { 64 }, 3, &[]));
        bench.wait(3.0);
    }
    silent(&bench);
}

#[test]
fn cookies_that_were_never_given_alert_and_those_that_were_do_not() {
    for is_covert in [true, false] {
        let mut bench = Bench::new();
        let mut server = bytes(&mut bench, 16);
        for i in 0..60 {
            let client = bytes(&mut bench, 8);
            if is_covert {
                server = bytes(&mut bench, 32);
            }
            // Without a server's at first, as of programs that run once.
            let cookie = if i == 0 { client.clone() } else { [&client[..], &server].concat() };
            bench.ask_with_option("www.zone.net", 10, &cookie);
            server = bytes(&mut bench, 16);
            let option = [&[0, 10, 0, 24][..], &client, &server].concat();
            let edns = [&[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 28][..], &option].concat();
            bench.packet(false, 17, &message(0x8180, [1, 0, 0, 1], A, 1, &edns));
            bench.wait(5.0);
        }
        assert_eq!(bench.alerts().is_empty(), !is_covert, "{:?}", bench.summary());
    }
}

#[test]
fn names_in_answers_about_addresses_alert_where_no_address_is_in_them() {
    for is_covert in [true, false] {
        let mut bench = Bench::of(DnsVolume::new(Thresholds::default()));
        for _ in 0..60 {
            let octets = bytes(&mut bench, 4);
            let asked = format!("{}.{}.{}.{}.in-addr.arpa", octets[0], octets[1], octets[2], octets[3]);
            let code = bench.hex(32);
            let name = if is_covert {
                format!("{}.{}.zone.net", bench.base32(50), bench.base32(50))
            } else {
                format!("2a02-{code}.dyn.isp.net")
            };
            bench.look_up(&asked, 12, &[(12, &wire(&name))]);
            bench.wait(5.0);
        }
        assert_eq!(bench.alerts().is_empty(), !is_covert, "{:?}", bench.summary());
    }
}

/// A query with this header, for a name that is asked for again and again.
fn ask_with_header(bench: &mut Bench, id: u16, flags: u16, tail: [u16; 2]) {
    let mut query = [id, flags, 1, 0, 0, 0].map(u16::to_be_bytes).concat();
    query.extend(wire("www.example.net"));
    query.extend(tail.map(u16::to_be_bytes).concat());
    bench.packet(true, 17, &query);
    bench.wait(0.5);
}

const SECRET: &[u8] = b"the key is under the third stone on the left, and the door has no lock at all";

#[test]
fn fields_of_queries_that_carry_data_alert() {
    let letter = |i: usize| u16::from(SECRET[i]);
    let pair = |i: usize| letter(i) << 8 | letter(i + 1);
    let alerts = |query: &dyn Fn(&mut Bench, usize, u16)| {
        let mut bench = Bench::new();
        for i in 0..SECRET.len() - 1 {
            let id = u16::try_from(bench.random(65_536)).unwrap();
            query(&mut bench, i, id);
        }
        bench.alerts().len()
    };
    assert!(
        alerts(&|bench, i, id| ask_with_header(bench, id, 0x0100 | (letter(i) & 7) << 4, [A, 1])) > 0,
        "Z"
    );
    assert!(alerts(&|bench, i, _| ask_with_header(bench, letter(i), 0x0100, [A, 1])) > 0, "a letter");
    assert!(alerts(&|bench, i, _| ask_with_header(bench, pair(i), 0x0100, [A, 1])) > 0, "two letters");
    assert!(alerts(&|bench, i, id| ask_with_header(bench, id, 0x0100, [A, pair(i)])) > 0, "class");
    assert!(alerts(&|bench, i, id| ask_with_header(bench, id, 0x0100, [pair(i), 1])) > 0, "type");
}

#[test]
fn headers_of_resolvers_and_scanners_of_types_are_silent() {
    let mut bench = Bench::new();
    for i in 0..600_u16 {
        let id = u16::try_from(bench.random(65_536)).unwrap();
        // Authentic data and checking disabled, by program.
        ask_with_header(&mut bench, id, [0x0100, 0x0120, 0x0110][usize::from(i % 3)], [A, 1]);
    }
    // A device that counts its queries, and one that has one number.
    for i in 0..200 {
        ask_with_header(&mut bench, i, 0x0100, [A, 1]);
        ask_with_header(&mut bench, 0, 0x0100, [A, 1]);
    }
    for kind in 1..=260 {
        let id = u16::try_from(bench.random(65_536)).unwrap();
        ask_with_header(&mut bench, id, 0x0100, [kind, 1]);
    }
    assert_eq!(bench.alerts().len(), 0, "{:?}", bench.summary());
}
