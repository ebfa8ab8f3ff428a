//! Debian's indexes of packages, as far as kernels go: stanzas of `Field: value`, with an empty line between.

use super::kernel::Kernel;

/// A package of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Names of the packages it depends on, alternatives among them.
    depends: Vec<String>,
}

/// Every kernel package of an index, whole or in parts, for the cloud and with a signature.
pub(crate) fn kernel_packages(index: &str) -> Vec<Package> {
    index.split("\n\n").map(package).filter(|package| release(&package.name).is_some()).collect()
}

fn package(stanza: &str) -> Package {
    let mut package = Package::default();
    for line in stanza.lines() {
        match line.split_once(": ") {
            Some(("Package", name)) => name.clone_into(&mut package.name),
            Some(("Version", version)) => version.clone_into(&mut package.version),
            Some(("Depends", list)) => {
                let names = list.split([',', '|']).filter_map(|entry| entry.split_whitespace().next());
                package.depends = names.map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    package
}

/// The newest kernel of the line: its release, and the packages that hold it.
pub(crate) fn newest(packages: &[Package], kernel: Kernel) -> Option<(&str, Vec<&Package>)> {
    let images = packages.iter().filter_map(|package| {
        let release = release(&package.name).filter(|_| package.name.starts_with("linux-image-"))?;
        kernel.includes(release).then_some((release, package))
    });
    let (release, image) = images.max_by_key(|(_, package)| numbers(&package.version))?;
    // Since 7.x the image package is empty, and depends on one with the kernel and one with the modules.
    let parts =
        packages.iter().filter(|part| part.version == image.version && image.depends.contains(&part.name));
    Some((release, std::iter::once(image).chain(parts).collect()))
}

/// The kernel's release in a package's name, such as `6.12.118+deb13-cloud-amd64`. None for other packages, for
/// unsigned kernels and debugging symbols, and for names that only follow a line of kernels (`6.12-cloud-amd64`).
fn release(package: &str) -> Option<&str> {
    let prefixes = ["linux-image-", "linux-binary-", "linux-modules-"];
    let release = prefixes.iter().find_map(|prefix| package.strip_prefix(prefix))?;
    let version = release.strip_suffix("-cloud-amd64")?;
    (version.split('.').count() >= 3 && version.starts_with(|c: char| c.is_ascii_digit())).then_some(release)
}

/// What orders the versions within one suite.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in bookworm-security: two lines of kernels, unsigned ones, symbols, and a name that follows a line.
    const SECURITY: &str = "\
Package: linux-image-6.1.0-56-cloud-amd64-unsigned
Source: linux
Version: 6.1.192-2

Package: linux-image-6.12-cloud-amd64
Version: 6.12.117-1~deb12u1
Depends: linux-image-6.12.117+deb12-cloud-amd64 (= 6.12.117-1~deb12u1)

Package: linux-image-6.12.117+deb12-cloud-amd64
Version: 6.12.117-1~deb12u1
Depends: kmod, initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool

Package: linux-image-6.1.0-56-cloud-amd64
Source: linux-signed-amd64 (6.1.192+2)
Version: 6.1.192-2
Depends: kmod, linux-base (>= 4.3~)
Description: Linux 6.1 for x86-64 cloud (signed)
 Package: not a field

Package: linux-image-6.1.0-9-cloud-amd64
Version: 6.1.27-1

Package: linux-image-6.1.0-56-cloud-amd64-dbg
Version: 6.1.192-2

Package: linux-image-6.1.0-56-amd64
Version: 6.1.192-2
";

    const SPLIT: &str = "\
Package: linux-modules-7.2.13+deb14-cloud-amd64
Version: 7.2.13-1
Depends: kmod, linux-base-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)

Package: linux-binary-7.2.13+deb14-cloud-amd64
Version: 7.2.13-1

Package: linux-binary-7.2.9+deb14-cloud-amd64
Version: 7.2.9-1

Package: linux-image-7.2.13+deb14-cloud-amd64
Version: 7.2.13-1
Depends: dracut | initramfs-tools (>= 0.120+deb8u2), linux-binary-7.2.13+deb14-cloud-amd64 (= 7.2.13-1), linux-modules-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)
";

    fn names(index: &str, kernel: Kernel) -> Vec<String> {
        let packages = kernel_packages(index);
        let (_, parts) = newest(&packages, kernel).unwrap();
        parts.iter().map(|package| format!("{}={}", package.name, package.version)).collect()
    }

    #[test]
    fn the_newest_of_a_line_is_picked_by_version() {
        assert_eq!(names(SECURITY, Kernel::Bookworm), ["linux-image-6.1.0-56-cloud-amd64=6.1.192-2"]);
        assert_eq!(
            names(SECURITY, Kernel::Trixie),
            ["linux-image-6.12.117+deb12-cloud-amd64=6.12.117-1~deb12u1"]
        );
    }

    #[test]
    fn a_kernel_in_parts_is_fetched_with_its_parts() {
        let packages = kernel_packages(SPLIT);
        let (release, parts) = newest(&packages, Kernel::Sid).unwrap();
        assert_eq!(release, "7.2.13+deb14-cloud-amd64");
        let mut names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "linux-binary-7.2.13+deb14-cloud-amd64",
                "linux-image-7.2.13+deb14-cloud-amd64",
                "linux-modules-7.2.13+deb14-cloud-amd64"
            ]
        );
    }

    #[test]
    fn an_index_without_the_line_has_none() {
        assert_eq!(newest(&kernel_packages(SECURITY), Kernel::Bullseye), None);
        assert_eq!(newest(&kernel_packages(""), Kernel::Sid), None);
    }
}
