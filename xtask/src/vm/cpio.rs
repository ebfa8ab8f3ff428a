//! The archive format that the kernel unpacks as its first file system: cpio, "newc". Described in the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst.

use std::collections::BTreeSet;
use std::path::Path;

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

/// Name of the entry after the last.
const TRAILER: &str = "TRAILER!!!";

/// An archive under construction. Everything in it belongs to root and is as old as the epoch, so that the same
/// files give the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    /// Adds a file of less than 4 GiB, at an absolute path, and the folders above it.
    pub(crate) fn file(&mut self, path: &str, content: &[u8]) {
        self.folders_above(path);
        self.entry(path, FILE, content);
    }

    /// The same, for a file that can be run.
    pub(crate) fn program(&mut self, path: &str, content: &[u8]) {
        self.folders_above(path);
        self.entry(path, PROGRAM, content);
    }

    /// The bytes of the whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn folders_above(&mut self, path: &str) {
        let above: Vec<&Path> = Path::new(path).ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter_map(Path::to_str).filter(|folder| *folder != "/") {
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, &[]);
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        // The root itself has no entry, and paths begin below it.
        let name = path.trim_start_matches('/');
        let (number, links, owner, time, device, check) = (self.entries, 1, 0, 0, 0, 0);
        let name_size = name.len() + 1;
        let header = format!(
            "070701{number:08x}{mode:08x}{owner:08x}{owner:08x}{links:08x}{time:08x}{:08x}\
             {device:08x}{device:08x}{device:08x}{device:08x}{name_size:08x}{check:08x}{name}\0",
            content.len()
        );
        self.bytes.extend(header.as_bytes());
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    /// Headers and contents begin at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    /// Name, mode and content of each entry, by the format's description.
    fn entries(mut bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(&bytes[..6], b"070701");
            let field = |i: usize| {
                let digits = std::str::from_utf8(&bytes[6 + 8 * i..14 + 8 * i]).unwrap();
                u32::from_str_radix(digits, 16).unwrap()
            };
            let (mode, size, name_size) = (field(1), field(6) as usize, field(11) as usize);
            let name = &bytes[110..110 + name_size];
            assert_eq!(name.last(), Some(&0));
            let content = (110 + name_size).next_multiple_of(4);
            let name = String::from_utf8(name[..name_size - 1].to_vec()).unwrap();
            found.push((name, mode, bytes[content..content + size].to_vec()));
            bytes = &bytes[(content + size).next_multiple_of(4)..];
        }
        found
    }

    #[test]
    fn folders_come_once_and_before_what_is_in_them() {
        let mut archive = Archive::default();
        archive.program("/init", b"#!");
        archive.file("/lib/modules/a.ko", b"12345");
        archive.file("/lib/modules/b.ko", b"");
        let entries = entries(&archive.finish());
        let entry = |name: &str, mode, content: &[u8]| (name.to_owned(), mode, content.to_vec());
        assert_eq!(
            entries,
            [
                entry("init", 0o100_755, b"#!"),
                entry("lib", 0o040_755, b""),
                entry("lib/modules", 0o040_755, b""),
                entry("lib/modules/a.ko", 0o100_644, b"12345"),
                entry("lib/modules/b.ko", 0o100_644, b""),
                entry("TRAILER!!!", 0, b""),
            ]
        );
    }

    #[test]
    fn a_header_is_laid_out_as_documented() {
        let mut archive = Archive::default();
        archive.file("/a", b"xyz");
        let bytes = archive.finish();
        let header = "070701\
                      00000001000081a40000000000000000000000010000000000000003\
                      00000000000000000000000000000000\
                      0000000200000000a\0";
        assert_eq!(std::str::from_utf8(&bytes[..header.len()]), Ok(header));
        assert_eq!(&bytes[112..116], b"xyz\0");
    }
}
