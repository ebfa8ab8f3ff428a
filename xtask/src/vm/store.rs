//! Kernels kept between runs, in `.tools/kernels`: of each the image and the modules that guests load.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apt::Apt;
use super::error::Error;
use super::index;
use super::kernel::Kernel;
use super::module::{self, Module};
use super::run;

/// A kernel on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) kernel: Kernel,
    /// As `uname -r` prints it.
    pub(crate) release: String,
    /// What qemu boots.
    pub(crate) image: PathBuf,
    /// Modules, in the order in which they load.
    pub(crate) modules: Vec<PathBuf>,
}

/// The kernel, fetched unless it is there. With `renew` the archive is asked for a newer one.
pub(crate) fn get(root: &Path, kernel: Kernel, renew: bool) -> Result<Stored, Error> {
    let folder = root.join(".tools/kernels").join(kernel.name());
    if !renew && let Some(stored) = open(&folder, kernel) {
        return Ok(stored);
    }
    eprintln!("fetching kernel {kernel}");
    let work = folder.with_file_name(format!("{kernel}.new"));
    let fetched = fetch(&folder, &work, kernel);
    let fetched = fetched
        .and(remove(&work))
        .and_then(|()| open(&folder, kernel).ok_or(Error::NotInPackages { what: "kernel" }));
    fetched.map_err(|source| Error::Fetch { kernel, source: Box::new(source) })
}

/// What the folder's `manifest` lists: the release, what was wanted, and what has to be loaded for it.
fn open(folder: &Path, kernel: Kernel) -> Option<Stored> {
    let manifest = fs::read_to_string(folder.join("manifest")).ok()?;
    let mut lines = manifest.lines();
    let (release, wanted) = (lines.next()?, lines.next()?);
    // Fetched for other checks than today's.
    if wanted != module::WANTED.join(" ") {
        return None;
    }
    let modules = lines.map(|name| folder.join(name)).collect();
    Some(Stored { kernel, release: release.to_owned(), image: folder.join("vmlinuz"), modules })
}

/// Works in one folder, which it leaves behind, and puts the kernel into the other.
fn fetch(folder: &Path, work: &Path, kernel: Kernel) -> Result<(), Error> {
    create_anew(work)?;
    let release = unpack(work, kernel)?;
    keep(work, &release)?;
    // Everything at once, so that a run that is stopped leaves no half of a kernel.
    remove(folder)?;
    fs::rename(work.join("kept"), folder).map_err(|error| Error::File { path: folder.to_owned(), error })
}

/// Leaves the packages' files in `unpacked`.
fn unpack(work: &Path, kernel: Kernel) -> Result<String, Error> {
    for source in kernel.sources() {
        let apt = Apt::with_source(work.join("apt"), source)?;
        let packages = index::kernel_packages(&apt.index()?);
        let Some((release, parts)) = index::newest(&packages, kernel) else { continue };
        for package in apt.download(&parts)? {
            run::output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(work.join("unpacked")))?;
        }
        return Ok(release.to_owned());
    }
    Err(Error::NoKernel { suites: kernel.sources().join(", ") })
}

/// Puts what is needed of `unpacked` into `kept`.
fn keep(work: &Path, release: &str) -> Result<(), Error> {
    let (unpacked, kept) = (work.join("unpacked"), work.join("kept"));
    let one_of = |candidates: [String; 2], what| {
        let mut paths = candidates.iter().map(|candidate| unpacked.join(candidate));
        paths.find(|path| path.exists()).ok_or(Error::NotInPackages { what })
    };
    let image =
        one_of([format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")], "kernel")?;
    let modules =
        one_of([format!("lib/modules/{release}"), format!("usr/lib/modules/{release}")], "modules")?;
    let modules = module::collect(&modules, &module::WANTED)?;

    create_anew(&kept)?;
    let image = fs::read(&image).map_err(|error| Error::File { path: image, error })?;
    write(kept.join("vmlinuz"), &image)?;
    let mut manifest = vec![release.to_owned(), module::WANTED.join(" ")];
    for Module { name, image } in modules {
        let file = format!("{name}.ko");
        write(kept.join(&file), &image)?;
        manifest.push(file);
    }
    write(kept.join("manifest"), manifest.join("\n").as_bytes())
}

fn write(path: PathBuf, content: &[u8]) -> Result<(), Error> {
    fs::write(&path, content).map_err(|error| Error::File { path, error })
}

/// An empty folder.
pub(crate) fn create_anew(folder: &Path) -> Result<(), Error> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(|error| Error::File { path: folder.to_owned(), error })
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { path: folder.to_owned(), error })
        }
        _ => Ok(()),
    }
}
