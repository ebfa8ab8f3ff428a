//! Names of the local network.

use super::*;

fn name(labels: &[&[u8]]) -> Vec<u8> {
    let label = |label: &&[u8]| [&[u8::try_from(label.len()).unwrap()], *label].concat();
    [labels.iter().flat_map(label).collect(), vec![0]].concat()
}

fn question(id: u64, name: &[u8], kind: u8) -> Vec<u8> {
    [&[0, u8::try_from(id).unwrap(), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, kind, 0, 1]].concat()
}

fn text(owner: &[u8], text: &[u8]) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap();
    let record = [&[0, 16, 0x80, 1, 0, 0, 0, 120, 0, len + 1, len][..], text].concat();
    [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], owner, &record].concat()
}

fn netbios(bytes: &[u8]) -> Vec<u8> {
    let half = |byte: &u8| [b'A' + (byte >> 4), b'A' + (byte & 15)];
    name(&[&bytes.iter().flat_map(half).collect::<Vec<_>>()])
}

fn padded(name: &[u8], kind: u8) -> Vec<u8> {
    let mut bytes = [name, &[b' '; 15]].concat();
    bytes.truncate(15);
    bytes.push(kind);
    bytes
}

fn traffic(port: u16, message: impl Fn(u64) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 1..=64 {
        wire.wait(1500);
        wire.udp(true, port, port, &message(i));
    }
    wire
}

#[test]
fn names_and_texts_that_are_data_alert() {
    let local = b"local";
    let code = |i, len| hex(&noise(i, len)).into_bytes();
    let covert: [(u16, Make<'_>); 7] = [
        (5353, &|i| question(i, &name(&[&code(i, 24), local]), 1)),
        (5353, &|i| question(i, &name(&[&code(i, 10), &code(i + 99, 10), b"_http", b"_tcp", local]), 12)),
        (5353, &|i| text(&name(&[b"printer", b"_http", b"_tcp", local]), &noise(i, 64))),
        (5355, &|i| question(i, &name(&[&code(i, 24)]), 1)),
        (5355, &|i| question(i, &name(&[&noise(i, 30)]), 1)),
        (137, &|i| question(i, &netbios(&noise(i, 16)), 32)),
        (137, &|i| question(i, &netbios(&padded(&code(i, 7), 0)), 32)),
    ];
    for (n, (port, message)) in covert.iter().enumerate() {
        assert!(traffic(*port, message).severity().is_some_and(Severity::is_alert), "{n}");
    }
    let kinds = traffic(137, |i| question(i, &netbios(&padded(b"WORKSTATION", noise(i, 1)[0])), 32));
    assert!(kinds.severity().is_some_and(Severity::is_alert));
}

#[test]
fn services_hosts_and_their_identifiers_are_silent() {
    let wire = traffic(5353, |i| {
        let code = hex(&noise(i, 16));
        let upper = code.to_uppercase();
        let local = b"local";
        match i % 5 {
            0 => question(
                i,
                &name(&[format!("Nest-Mini-{code}").as_bytes(), b"_googlecast", b"_tcp", local]),
                1,
            ),
            1 => {
                let operational = format!("{}-{}", &upper[..16], &upper[16..]);
                question(i, &name(&[operational.as_bytes(), b"_matter", b"_tcp", local]), 33)
            }
            2 => {
                question(i, &name(&["José’s MacBook Pro".as_bytes(), b"_companion-link", b"_tcp", local]), 12)
            }
            3 => question(
                i,
                &name(&[format!("{}-1234-4abc-8def-{}", &code[..8], &code[8..20]).as_bytes(), local]),
                1,
            ),
            _ => text(
                &name(&[b"Mac", b"_companion-link", b"_tcp", local]),
                format!("rpAD={}", &code[..12]).as_bytes(),
            ),
        }
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    let wire = traffic(137, |i| {
        let code = hex(&noise(i, 8)).to_uppercase();
        match i % 5 {
            0 => question(i, &netbios(&padded(format!("DESKTOP-{}", &code[..7]).as_bytes(), 0x20)), 32),
            1 => question(i, &netbios(&padded(b"\x01\x02__MSBROWSE__\x02", 1)), 32),
            2 => question(i, &netbios(&[&b"*"[..], &[0; 15]].concat()), 33),
            3 => question(i, &netbios(&padded(format!("5CG{:07}", i * 131_071).as_bytes(), 0)), 32),
            _ => question(i, &netbios(&padded(b"WORKGROUP", 0x1e)), 32),
        }
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // Names that browsers make up to see who answers anything.
    let wire = traffic(5355, |i| {
        let letters: Vec<u8> = noise(i, 12).iter().map(|byte| b'a' + byte % 26).collect();
        question(i, &name(&[&letters]), 1)
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}
