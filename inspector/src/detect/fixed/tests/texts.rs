//! TFTP, syslog, and what SNMP and SSDP have besides names.

use super::*;

/// Makes a block and its acknowledgement.
type Pair<'a> = &'a dyn Fn(u16) -> [Vec<u8>; 2];

/// A transfer of 150 blocks that a request begins; `pair` makes a block and its acknowledgement.
fn transfer(pair: impl Fn(u16) -> [Vec<u8>; 2]) -> Wire<FixedFormat> {
    let mut wire = wire();
    wire.udp(true, 41_000, 69, b"\0\x01firmware.bin\0octet\0");
    for i in 1..=150 {
        let [block, acknowledgement] = pair(i);
        wire.wait(10);
        wire.udp(false, 41_000, 52_000, &block);
        wire.wait(10);
        wire.udp(true, 41_000, 52_000, &acknowledgement);
    }
    wire
}

fn block(number: u16, len: usize) -> Vec<u8> {
    [&[0, 3][..], &number.to_be_bytes(), &noise(number.into(), len)].concat()
}

fn acknowledgement(number: u16, excess: &[u8]) -> Vec<u8> {
    [&[0, 4][..], &number.to_be_bytes(), excess].concat()
}

fn drawn(i: u64) -> u32 {
    random(u32::try_from(i).unwrap())
}

fn number(i: u16) -> u16 {
    u16::try_from(random(i.into()) >> 16).unwrap()
}

#[test]
fn blocks_that_belong_to_no_file_alert() {
    let covert: [(&str, Pair<'_>); 4] = [
        ("block_number_jumps", &|i| [block(number(i), 512), acknowledgement(number(i), b"")]),
        ("block_number_jumps", &|i| [block(i, 512), acknowledgement(number(i), b"")]),
        ("block_size_changes", &|i| [block(i, 200 + usize::from(number(i) & 0xff)), acknowledgement(i, b"")]),
        ("acknowledgements_with_data", &|i| [block(i, 512), acknowledgement(i, &noise(i.into(), 8))]),
    ];
    for (name, pair) in covert {
        let wire = transfer(pair);
        assert_eq!(wire.severity(), Some(Severity::Medium), "{name}");
        assert_eq!(wire.findings[0].evidence[0].name, name);
    }
}

#[test]
fn files_are_silent() {
    // Of blocks of 1,428 bytes, one of them twice, with a short one at the end; then another file by the same port.
    let wire = transfer(|i| {
        let file = i / 100;
        let block_number = i % 100 + 1 - u16::from(i % 100 > 50);
        let len = if i == 99 { 17 } else { 1428 };
        [block(block_number + file, len), acknowledgement(block_number + file, &[0, 0])]
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // Numbers begin anew after the greatest.
    let wire =
        transfer(|i| [block(i.wrapping_add(65_500), 512), acknowledgement(i.wrapping_add(65_500), b"")]);
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

/// Twelve requests, each answered by an error.
fn requests(
    port: u16,
    request: impl Fn(u64) -> Vec<u8>,
    error: impl Fn(u64) -> Vec<u8>,
) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 1..=12 {
        wire.wait(2000);
        wire.udp(true, port + u16::try_from(i).unwrap(), 69, &request(i));
        wire.udp(false, port + u16::try_from(i).unwrap(), 52_000, &error(i));
    }
    wire
}

#[test]
fn requests_and_errors_with_data_alert_and_clients_that_boot_do_not() {
    let not_found = |_: u64| b"\0\x05\0\x01File not found\0".to_vec();
    let code = |i| hex(&noise(i + 3, 24));
    let covert: [Make<'_>; 4] = [
        &|i| format!("\0\x01boot\0octet\0note\0{}\0", code(i)).into_bytes(),
        &|i| format!("\0\x01boot\0octet{}\0", code(i)).into_bytes(),
        &|i| format!("\0\x01boot\0octet\0blksize\0{}\0", 512 + drawn(i) % 60_000).into_bytes(),
        &|i| format!("\0\x01boot\0octet\0tsize\0{}\0", drawn(i)).into_bytes(),
    ];
    for request in covert {
        let wire = requests(42_000, request, not_found);
        assert!(
            wire.severity().is_some_and(Severity::is_alert),
            "{:?}",
            String::from_utf8_lossy(&request(1))
        );
    }
    let boot =
        |i| format!("\0\x01pxelinux.cfg/C0A8{i:04X}\0octet\0blksize\x001468\0tsize\x000\0").into_bytes();
    let wire = requests(42_000, boot, |i| format!("\0\x05\0\x01{}\0", code(i)).into_bytes());
    assert!(wire.severity().is_some_and(Severity::is_alert));
    assert!(requests(42_000, boot, not_found).findings.is_empty());
}

/// Eighty lines to a collector.
fn log(new_port: bool, line: impl Fn(u64) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 1..=300 {
        wire.wait(1000);
        let port = if new_port { 40_000 + u16::try_from(i).unwrap() } else { 514 };
        wire.udp(true, port, 514, &line(i));
    }
    wire
}

#[test]
fn lines_that_are_codes_alert() {
    for new_port in [false, true] {
        let covert: [Make<'_>; 4] = [
            &|i| format!("<13>Nov 14 22:13:20 host app: {}", hex(&noise(i, 90))).into_bytes(),
            &|i| format!("<165>1 2023-11-14T22:13:20Z host app 1 - - {}", hex(&noise(i, 90))).into_bytes(),
            &|i| [b"<13>", &noise(i, 120)[..]].concat(),
            &|i| format!("<13>Nov 14 22:13:20 {} app: all is well", hex(&noise(i, 20))).into_bytes(),
        ];
        for (n, line) in covert.iter().enumerate() {
            assert!(log(new_port, line).severity().is_some_and(Severity::is_alert), "{n}");
        }
    }
}

#[test]
fn logs_with_hashes_tokens_and_command_lines_are_silent() {
    let wire = log(true, |i| {
        let code = hex(&noise(i, 32));
        let command =
            hex(format!("/usr/bin/find\0/home/user-{i}\0-name\0*.conf\0-exec\0cat\0{{}}\0;").as_bytes());
        match i % 4 {
            0 => format!("<30>Nov 14 22:13:20 node dockerd: level=info msg=\"pulled\" id={code}"),
            1 => format!("<86>Nov 14 22:13:20 gate sshd[{i}]: Accepted publickey for bob: SHA256:{code}"),
            2 => format!("<13>audit: type=PROCTITLE msg=audit(1364481363.243:24287): proctitle={command}"),
            _ => format!("<134>1 2023-11-14T22:13:20Z web-{} nginx - - - GET /api?token={code} 200", i % 40),
        }
        .into_bytes()
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    let wire = log(true, |i| [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0][..], &noise(i, 150)].concat());
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
}

fn variables(all: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let each = all.iter().map(|(object, value)| element(0x30, &[element(6, object), value.clone()].concat()));
    element(0x30, &each.collect::<Vec<_>>().concat())
}

fn version_2(kind: u8, all: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let pdu = element(kind, &[&[2, 1, 7, 2, 1, 0, 2, 1, 0][..], &variables(all)].concat());
    element(0x30, &[&[2, 1, 1][..], &element(4, b"public"), &pdu].concat())
}

fn version_3(engine: &[u8], user: &[u8]) -> Vec<u8> {
    let header = element(0x30, &[2, 1, 7, 2, 2, 5, 0xdc, 4, 1, 4, 2, 1, 3]);
    let security = [element(4, engine), vec![2, 1, 0, 2, 1, 0], element(4, user), vec![4, 0, 4, 0]].concat();
    element(
        0x30,
        &[vec![2, 1, 3], header, element(4, &element(0x30, &security)), vec![0x30, 4, 4, 0, 4, 0]].concat(),
    )
}

/// An object below one of an enterprise, by more numbers.
fn object(numbers: &[u8]) -> Vec<u8> {
    let number = |n: &u8| if *n < 128 { vec![*n] } else { vec![0x81, n & 0x7f] };
    [vec![0x2b, 6, 1, 4, 1, 0x89, 0x17], numbers.iter().flat_map(number).collect()].concat()
}

fn polls(port: u16, message: impl Fn(u64) -> Vec<u8>) -> Wire<FixedFormat> {
    let mut wire = wire();
    for i in 1..=40 {
        wire.wait(2000);
        wire.udp(true, 40_000, port, &message(i));
    }
    wire
}

const UPTIME: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 3, 0];
const NAME: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 5, 0];

#[test]
fn objects_later_variables_traps_and_version_3_are_looked_at() {
    let engine = [&[0x80, 0, 0x1f, 0x88, 5][..], &noise(7, 8)].concat();
    let covert: [(u16, Make<'_>); 6] = [
        (161, &|i| version_2(0xa0, &[(&object(&noise(i, 32)), vec![5, 0])])),
        (161, &|i| version_2(0xa3, &[(UPTIME, vec![5, 0]), (NAME, element(4, &noise(i, 40)))])),
        (162, &|i| version_2(0xa7, &[(&object(&[1, u8::try_from(i).unwrap()]), element(4, &noise(i, 40)))])),
        (162, &|i| {
            let start =
                [element(6, UPTIME), vec![0x40, 4, 192, 0, 2, 1, 2, 1, 6, 2, 1, 0, 0x43, 1, 9]].concat();
            let pdu = element(0xa4, &[start, variables(&[(NAME, element(4, &noise(i, 40)))])].concat());
            element(0x30, &[vec![2, 1, 0], element(4, b"public"), pdu].concat())
        }),
        (161, &|i| version_3(&engine, hex(&noise(i, 16)).as_bytes())),
        (161, &|i| version_3(&noise(i, 30), b"admin")),
    ];
    for (n, (port, message)) in covert.iter().enumerate() {
        assert!(polls(*port, message).severity().is_some_and(Severity::is_alert), "{n}");
    }
}

#[test]
fn walks_over_addresses_alarms_with_hashes_and_engines_are_silent() {
    // Connections by their addresses: kind, length, and 16 bytes of either end.
    let wire = polls(161, |i| {
        let end = [&[2, 16, 0x2a, 2, 1, 7][..], &noise(i, 12)].concat();
        version_2(0xa1, &[(&object(&[&end[..], &[80], &end].concat()), vec![5, 0])])
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    let wire = polls(162, |i| {
        version_2(
            0xa7,
            &[(NAME, element(4, hex(&noise(i, 20)).as_bytes())), (UPTIME, element(4, &noise(i, 32)))],
        )
    });
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
    // A collector's side of forty agents behind one address.
    let wire = polls(162, |i| version_3(&[&[0x80, 0, 0x1f, 0x88, 5][..], &noise(i, 8)].concat(), b"traps"));
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}

fn uuid(seed: u64) -> String {
    let code = hex(&noise(seed, 16));
    [&code[..8], &code[8..12], &code[12..16], &code[16..20], &code[20..]].join("-")
}

fn notify(location: u64, device: &str) -> Vec<u8> {
    let lines = format!("LOCATION: http://192.0.2.10/{location}.xml\r\nNTS: ssdp:alive");
    format!("NOTIFY * HTTP/1.1\r\n{lines}\r\nUSN: uuid:{device}::upnp:rootdevice\r\n\r\n").into_bytes()
}

#[test]
fn devices_that_are_others_each_time_alert_and_bridges_of_many_do_not() {
    let wire = polls(1900, |i| notify(1, &uuid(i)));
    assert!(wire.severity().is_some_and(Severity::is_alert));
    let search =
        |i| format!("M-SEARCH * HTTP/1.1\r\nST: urn:some-org:service:{}:1\r\n\r\n", hex(&noise(i, 8)));
    let wire = polls(1900, |i| search(i).into_bytes());
    assert!(wire.severity().is_some_and(Severity::is_alert));
    // Each of its lamps has a description and an identifier of its own.
    let wire = polls(1900, |i| notify(i, &uuid(i)));
    assert!(wire.findings.is_empty(), "{:?}", wire.findings);
}
