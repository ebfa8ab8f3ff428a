//! What applications say: first bytes as their protocols want them, ciphertext where they have it.

use super::dice::Dice;
use super::talk::Say;
use super::wire::{Way, be16};
use super::{MILLISECOND, SECOND};

use Way::{Back, There};

/// A name to look up or to visit.
pub(crate) fn name(dice: &mut Dice) -> String {
    let first = dice.pick(&["www", "api", "cdn", "mail", "static", "login"]);
    let letters = dice.between(4, 13);
    let middle: String = (0..letters).map(|_| char::from(b'a' + dice.pick(&LETTERS))).collect();
    format!("{first}.{middle}.{}", dice.pick(&["com", "net", "org", "io", "co.uk"]))
}

const LETTERS: [u8; 26] = {
    let mut letters = [0; 26];
    let mut letter = 0;
    while letter < 26 {
        letters[letter as usize] = letter;
        letter += 1;
    }
    letters
};

/// A page fetched over HTTP/1.1.
pub(crate) fn http(dice: &mut Dice) -> Vec<Say> {
    let host = name(dice);
    let request = format!(
        "GET /{} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n",
        &host[..6]
    );
    let size = dice.pick(&[180, 640, 1_300, 2_700, 4_100]);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {size}\r\n\r\n");
    let body = b"<li>a line of text like any other on a page</li>\n".iter().copied().cycle().take(size);
    let answer = head.into_bytes().into_iter().chain(body).collect();
    vec![Say::now(There, request.into_bytes()), Say { way: Back, after_ns: dice.wait_ms(15.0), data: answer }]
}

/// A TLS 1.3 connection in which the client sends `up` bytes and gets `down`.
pub(crate) fn tls(dice: &mut Dice, up: usize, down: usize) -> Vec<Say> {
    let hello = client_hello(dice);
    let mut answer = server_hello(dice);
    let certificate = dice.between(1_900, 3_300);
    answer.extend(records(dice, certificate));
    let mut finished = CHANGE_CIPHER.to_vec();
    finished.extend(records(dice, 69));
    vec![
        Say::now(There, hello),
        Say { way: Back, after_ns: MILLISECOND, data: answer },
        Say::now(There, finished),
        Say::now(There, records(dice, up)),
        Say { way: Back, after_ns: dice.wait_ms(15.0), data: records(dice, down) },
    ]
}

const CHANGE_CIPHER: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// A handshake record around a message.
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = be16(body.len());
    [&[22, 3, 1][..], &be16(body.len() + 4), &[kind, 0, high, low], body].concat()
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &be16(body.len()), body].concat()
}

fn client_hello(dice: &mut Dice) -> Vec<u8> {
    let server = name(dice).into_bytes();
    let server_name = [&be16(server.len() + 3)[..], &[0], &be16(server.len()), &server].concat();
    let key_share = [&[0, 36, 0, 0x1d, 0, 32][..], &dice.array::<32>()].concat();
    let padding = vec![0; dice.between(20, 180)];
    let extensions = [
        extension(0, &server_name),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(10, &[0, 4, 0, 0x1d, 0, 0x17]),
        extension(13, &[0, 4, 4, 3, 8, 4]),
        extension(16, b"\0\x0c\x02h2\x08http/1.1"),
        extension(51, &key_share),
        extension(21, &padding),
    ]
    .concat();
    let body = [
        &[3, 3][..],
        &dice.array::<32>(),
        &[32],
        &dice.array::<32>(),
        &[0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0],
        &be16(extensions.len()),
        &extensions,
    ]
    .concat();
    handshake(1, &body)
}

fn server_hello(dice: &mut Dice) -> Vec<u8> {
    let key_share = [&[0, 0x1d, 0, 32][..], &dice.array::<32>()].concat();
    let extensions = [extension(43, &[3, 4]), extension(51, &key_share)].concat();
    let body = [
        &[3, 3][..],
        &dice.array::<32>(),
        &[32],
        &dice.array::<32>(),
        &[0x13, 1, 0],
        &be16(extensions.len()),
        &extensions,
    ]
    .concat();
    [handshake(2, &body), CHANGE_CIPHER.to_vec()].concat()
}

/// Ciphertext in records of at most 16 KiB.
pub(crate) fn records(dice: &mut Dice, size: usize) -> Vec<u8> {
    let mut records = Vec::with_capacity(size + size / 1_000 + 8);
    let mut left = size;
    while left > 0 {
        let part = left.min(16_384);
        records.extend([23, 3, 3]);
        records.extend(be16(part));
        records.extend(dice.bytes(part));
        left -= part;
    }
    records
}

/// Somebody types at a remote shell.
pub(crate) fn ssh(dice: &mut Dice) -> Vec<Say> {
    let mut script = vec![
        Say::now(There, b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Say::now(Back, b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n".to_vec()),
        Say::now(There, dice.bytes(1_400)),
        Say::now(Back, dice.bytes(1_080)),
    ];
    for _ in 0..dice.between(10, 30) {
        script.push(Say { way: There, after_ns: dice.wait_ms(250.0), data: dice.bytes(36) });
        let size = dice.pick(&[36, 36, 36, 100, 300]);
        script.push(Say { way: Back, after_ns: 2 * MILLISECOND, data: dice.bytes(size) });
    }
    script
}

/// A DNS look-up and its answer.
pub(crate) fn dns(dice: &mut Dice) -> Vec<Say> {
    let (query, question) = dns_query(dice);
    let kind = [question[question.len() - 4], question[question.len() - 3]];
    let data = match kind {
        [0, 1] => dice.bytes(4),
        [0, 28] => [&[0x20, 0x01, 0x0d, 0xb8][..], &dice.array::<12>()].concat(),
        _ => b"\0\x01\0\0\x01\0\x03\x02h2".to_vec(),
    };
    let count = dice.pick(&[1, 1, 2, 4]);
    let record = [&[0xc0, 12][..], &kind, &[0, 1, 0, 0, 1, 44], &be16(data.len()), &data].concat();
    let head = [&query[..2], &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 1]].concat();
    let answer = [&head[..], &question, &record.repeat(usize::from(count)), &EDNS].concat();
    vec![Say::now(There, query), Say { way: Back, after_ns: dice.wait_ms(20.0), data: answer }]
}

const EDNS: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

/// A DNS query, and the question in it.
pub(crate) fn dns_query(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let mut question = Vec::new();
    for label in name(dice).split('.') {
        question.extend(u8::try_from(label.len()));
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, dice.pick(&[1, 1, 28, 65]), 0, 1]);
    let head = [&dice.array::<2>()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]].concat();
    ([&head[..], &question, &EDNS].concat(), question)
}

/// A QUIC connection, mostly downwards.
pub(crate) fn quic(dice: &mut Dice) -> Vec<Say> {
    let (client, server) = (dice.array::<8>(), dice.array::<8>());
    let mut long = |kind: u8, to: &[u8], from: &[u8]| {
        let head = [&[kind, 0, 0, 0, 1, 8][..], to, &[8], from, &[0, 0x44, 0x92]].concat();
        let body = dice.bytes(1_200 - head.len());
        [head, body].concat()
    };
    let mut script = vec![
        Say::now(There, long(0xc3, &client, &server)),
        Say { way: Back, after_ns: 30 * MILLISECOND, data: long(0xc3, &server, &client) },
        Say::now(Back, long(0xe3, &server, &client)),
        Say { way: There, after_ns: 10 * MILLISECOND, data: long(0xc3, &client, &server) },
    ];
    for _ in 0..dice.between(4, 28) {
        let (way, size) = if dice.happens(62) {
            (Back, dice.pick(&[1_220, 1_220, 600, 120]))
        } else {
            (There, dice.pick(&[25, 33, 40, 280]))
        };
        let [id, _] = way.reversed().order([client, server]);
        let first = 0x40 | dice.array::<1>()[0] & 0x3f;
        let data = [&[first][..], &id, &dice.bytes(size)].concat();
        script.push(Say { way, after_ns: dice.wait_ms(5.0), data });
    }
    script
}

/// A clock is asked.
pub(crate) fn ntp(dice: &mut Dice) -> Vec<Say> {
    let request = [&[0x23, 0, 6, 32][..], &[0; 36], &dice.array::<8>()].concat();
    let reply = [&[0x24, 2, 6, 0xe8][..], &dice.array::<44>()].concat();
    vec![Say::now(There, request), Say { way: Back, after_ns: 20 * MILLISECOND, data: reply }]
}

/// A telephone call, in RTP packets of 20 ms.
pub(crate) fn call(dice: &mut Dice) -> Vec<Say> {
    let mut sequence = [dice.half_word(), dice.half_word()];
    let sources = [dice.array::<4>(), dice.array::<4>()];
    let mut script = Vec::new();
    for packet in 0..dice.between(20, 60) {
        for (way, after_ns) in [(There, 13 * MILLISECOND), (Back, 7 * MILLISECOND)] {
            let sequence = &mut sequence[way as usize];
            *sequence = sequence.wrapping_add(1);
            let time = u32::try_from(packet * 160).unwrap_or(0);
            let head = [&[0x80, 0][..], &sequence.to_be_bytes(), &time.to_be_bytes(), &sources[way as usize]];
            script.push(Say { way, after_ns, data: [&head.concat()[..], &dice.bytes(160)].concat() });
        }
    }
    script
}

/// A device is looked for on the link.
pub(crate) fn mdns() -> Vec<Say> {
    let question = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x0b_googlecast\x04_tcp\x05local\0\0\x0c\0\x01";
    vec![Say { way: There, after_ns: SECOND, data: question.to_vec() }]
}
