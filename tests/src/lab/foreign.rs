//! Somebody else's XDP program.

use super::{Namespace, Scratch};

/// Attaches a program that passes every packet, as a load balancer's or a firewall's would be attached.
pub fn attach(namespace: &Namespace, interface: &str) {
    let folder = Scratch::new();
    let object = folder.write("pass.o", object());
    namespace.run(&["ip", "link", "set", "dev", interface, "xdp", "object", &object, "section", "xdp"]);
}

/// Of sections and symbols.
const NAMES: &str = "\0xdp\0license\0.symtab\0.strtab\0foreign\0";

/// The fields of a section's header that are not the same for all of them.
struct Section<'a> {
    name: u32,
    kind: u32,
    flags: u64,
    content: &'a [u8],
    links: [u32; 2],
    entry: u64,
}

/// An ELF object for BPF with one program, `return XDP_PASS`, written by hand so that no compiler is needed.
fn object() -> Vec<u8> {
    const HEADER_SIZE: u64 = 64;
    let program = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let null_symbol = [0; 24];
    // Global function in section 1, the whole of it.
    let symbol =
        [&name("foreign").to_le_bytes()[..], &[0x12, 0, 1, 0], &[0; 8], &16_u64.to_le_bytes()].concat();
    let symbols = [&null_symbol[..], &symbol].concat();
    // Link and info of the symbols: the section of their names, and the first that is global.
    let sections = [
        Section { name: name("xdp"), kind: 1, flags: 6, content: &program, links: [0, 0], entry: 0 },
        Section { name: name("license"), kind: 1, flags: 3, content: b"GPL\0", links: [0, 0], entry: 0 },
        Section { name: name(".symtab"), kind: 2, flags: 0, content: &symbols, links: [4, 1], entry: 24 },
        Section {
            name: name(".strtab"),
            kind: 3,
            flags: 0,
            content: NAMES.as_bytes(),
            links: [0, 0],
            entry: 0,
        },
    ];

    let mut table = vec![0; 64];
    let mut contents = Vec::new();
    for Section { name, kind, flags, content, links, entry } in sections {
        let size = content.len() as u64;
        let offset = HEADER_SIZE + contents.len() as u64;
        table.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
        table.extend([flags, 0, offset, size].map(u64::to_le_bytes).concat());
        table.extend(links.map(u32::to_le_bytes).concat());
        table.extend([8, entry].map(u64::to_le_bytes).concat());
        contents.extend(content);
        contents.resize(contents.len().next_multiple_of(8), 0);
    }
    let table_offset = HEADER_SIZE + contents.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // Relocatable, for BPF; five sections, the last with their names.
    file.extend([1_u16, 247].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([0, 0, table_offset].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 0, 0, 64, 5, 4].map(u16::to_le_bytes).concat());
    [file, contents, table].concat()
}

/// Where a name begins in [`NAMES`].
fn name(name: &str) -> u32 {
    let at = NAMES.find(&format!("\0{name}\0")).expect("the name is listed");
    u32::try_from(at + 1).expect("the list is short")
}
