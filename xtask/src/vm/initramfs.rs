//! The file system that a guest starts in: its only program, the libraries of that, and the modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cpio::Archive;
use super::error::Error;
use super::run;

/// The archive for a program and modules, these in the order in which they load.
pub(crate) fn build(program: &Path, modules: &[PathBuf]) -> Result<Vec<u8>, Error> {
    let mut archive = Archive::default();
    archive.program("/init", &read(program)?);
    let libraries = run::output(Command::new("ldd").arg(program))?;
    for library in libraries_in(&String::from_utf8_lossy(&libraries)) {
        archive.program(library, &read(Path::new(library))?);
    }
    let mut order = String::new();
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        archive.file(&format!("/modules/{name}"), &read(module)?);
        order.push_str(&name);
        order.push('\n');
    }
    archive.file("/modules/order", order.as_bytes());
    Ok(archive.finish())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::File { path: path.to_owned(), error })
}

/// The paths in what `ldd` writes, the loader's among them: `name => path (address)` or `path (address)`. The
/// kernel's own library has no path.
fn libraries_in(listing: &str) -> impl Iterator<Item = &str> {
    listing.split_whitespace().filter(|word| word.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::libraries_in;

    #[test]
    fn libraries_and_their_loader_are_found() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffd3a5f2000)\n\
                       \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f0b6a400000)\n\
                       \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0b6a21f000)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x00007f0b6b0aa000)\n";
        assert_eq!(
            libraries_in(listing).collect::<Vec<_>>(),
            [
                "/lib/x86_64-linux-gnu/libgcc_s.so.1",
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert_eq!(libraries_in("\tstatically linked\n").count(), 0);
    }
}
