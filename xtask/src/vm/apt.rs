//! apt, on another Debian than the host's: it checks signatures and knows the user's proxies, but reads and writes
//! nothing of the system's own state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Error;
use super::index::Package;
use super::run;
use super::store::create_anew;

/// Keys of all Debian releases since 10.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt with one source.
#[derive(Debug)]
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Keeps its state in the folder, which it makes anew; the source is an archive and a suite.
    pub(crate) fn with_source(folder: PathBuf, source: &str) -> Result<Self, Error> {
        create_anew(&folder)?;
        for subfolder in ["lists/partial", "cache/archives/partial", "packages"] {
            create_anew(&folder.join(subfolder))?;
        }
        let source = format!(
            "deb [arch=amd64 target=Packages signed-by={KEYRING}] http://deb.debian.org/{source} main\n"
        );
        for (name, content) in [("sources.list", source.as_str()), ("status", "")] {
            let path = folder.join(name);
            fs::write(&path, content).map_err(|error| Error::File { path, error })?;
        }
        Ok(Self { folder })
    }

    /// The source's index of packages.
    pub(crate) fn index(&self) -> Result<String, Error> {
        run::output(self.get().arg("update"))?;
        let lists = files(&self.folder.join("lists"))?;
        let index = lists.iter().find(|path| path.to_string_lossy().ends_with("_Packages"));
        let path = index.ok_or(Error::NotInPackages { what: "index" })?;
        fs::read_to_string(path).map_err(|error| Error::File { path: path.clone(), error })
    }

    /// Downloads packages of the index, and gives their files.
    pub(crate) fn download(&self, packages: &[&Package]) -> Result<Vec<PathBuf>, Error> {
        let folder = self.folder.join("packages");
        let names = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        run::output(self.get().arg("download").args(names).current_dir(&folder))?;
        files(&folder)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        let paths = [
            ("Dir::State", ""),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::SourceList", "sources.list"),
        ];
        for (setting, path) in paths {
            command.arg("-o").arg(format!("{setting}={}", self.folder.join(path).display()));
        }
        for setting in [
            "Dir::Etc::SourceParts=/dev/null",
            "APT::Architecture=amd64",
            "APT::Update::Error-Mode=any",
            // The unprivileged user that apt would become has no access here.
            "APT::Sandbox::User=root",
            "Acquire::GzipIndexes=false",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
        ] {
            command.args(["-o", setting]);
        }
        command.arg("--quiet");
        command
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error| Error::File { path: folder.to_owned(), error };
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(unreadable)?.collect();
    Ok(entries
        .map_err(unreadable)?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect())
}
