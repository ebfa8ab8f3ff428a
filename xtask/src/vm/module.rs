//! The modules that a guest loads: found among a kernel's, unpacked, and put in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Error;
use super::run;

/// What the checks need besides the kernel itself: pairs of interfaces, VLAN devices, and filters on what leaves
/// (before TCX, Linux 6.6).
pub(crate) const WANTED: [&str; 4] = ["veth", "8021q", "sch_ingress", "cls_bpf"];

/// A module in the kernel's own format.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) image: Vec<u8>,
}

/// The wanted modules below a folder and those that they depend on, each after its own dependencies.
pub(crate) fn collect(folder: &Path, wanted: &[&str]) -> Result<Vec<Module>, Error> {
    let mut files = BTreeMap::new();
    find(folder, &mut files)?;
    let mut loaded = Vec::new();
    for name in wanted {
        add(name, &files, &mut loaded)?;
    }
    Ok(loaded)
}

/// Module files by name. Names have no hyphens, files may.
fn find(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<(), Error> {
    let unreadable = |error| Error::File { path: folder.to_owned(), error };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && let Some((name, "" | ".xz")) = name.split_once(".ko")
        {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn add(name: &str, files: &BTreeMap<String, PathBuf>, loaded: &mut Vec<Module>) -> Result<(), Error> {
    if loaded.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let path = files.get(name).ok_or_else(|| Error::NoModule { name: name.to_owned() })?;
    let image = if path.extension().is_some_and(|extension| extension == "xz") {
        run::output(Command::new("xz").args(["--decompress", "--stdout"]).arg(path))?
    } else {
        fs::read(path).map_err(|error| Error::File { path: path.clone(), error })?
    };
    for dependency in depends(&image) {
        add(&dependency, files, loaded)?;
    }
    loaded.push(Module { name: name.to_owned(), image });
    Ok(())
}

/// What a module says it depends on: `depends=a,b` among the zero-terminated texts of its section `.modinfo`.
fn depends(image: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = image.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let list = image[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = list.split(|byte| *byte == b',').filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use super::{add, collect, depends};

    fn image(depends: &str) -> Vec<u8> {
        format!("\x7fELF...\0license=GPL\0depends={depends}\0name=x\0").into_bytes()
    }

    #[test]
    fn dependencies_are_read_from_the_module() {
        assert_eq!(depends(&image("stp,nf-core")), ["stp", "nf_core"]);
        assert_eq!(depends(&image("")), [""; 0]);
        assert_eq!(depends(b"\x7fELF"), [""; 0]);
    }

    #[test]
    fn each_module_comes_once_and_after_what_it_depends_on() {
        let folder = std::env::temp_dir().join(format!("inspector-xtask-modules-{}", std::process::id()));
        fs::create_dir_all(folder.join("net/802")).unwrap();
        for (file, depends) in
            [("net/8021q.ko", "garp,mrp"), ("net/802/garp.ko", "stp"), ("net/802/mrp.ko", ""), ("stp.ko", "")]
        {
            fs::write(folder.join(file), image(depends)).unwrap();
        }
        let modules = collect(&folder, &["8021q", "stp"]);
        let missing = collect(&folder, &["veth"]);
        fs::remove_dir_all(&folder).unwrap();
        let names: Vec<String> = modules.unwrap().into_iter().map(|module| module.name).collect();
        assert_eq!(names, ["stp", "garp", "mrp", "8021q"]);
        assert!(missing.unwrap_err().to_string().contains("veth"));
    }

    #[test]
    fn a_module_that_is_already_there_is_not_read_again() {
        let files = BTreeMap::from([("veth".to_owned(), PathBuf::from("/nonexistent"))]);
        let mut loaded = vec![super::Module { name: "veth".to_owned(), image: Vec::new() }];
        add("veth", &files, &mut loaded).unwrap();
        assert_eq!(loaded.len(), 1);
    }
}
