//! The kernels that are tried, and where Debian has them.

use std::fmt;

use clap::ValueEnum;

/// A line of kernels, of which Debian has one current release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernel {
    /// Debian 11's; the oldest that inspector runs on.
    #[value(name = "5.10")]
    Bullseye,
    /// Debian 12's.
    #[value(name = "6.1")]
    Bookworm,
    /// Debian 13's.
    #[value(name = "6.12")]
    Trixie,
    /// The newest.
    #[value(name = "sid")]
    Sid,
}

impl Kernel {
    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "5.10",
            Self::Bookworm => "6.1",
            Self::Trixie => "6.12",
            Self::Sid => "sid",
        }
    }

    /// Where to look for it, in this order, as in a line of apt's sources: archive and suite. The security archives'
    /// indexes are a twentieth of the main ones', and have a kernel as a rule.
    pub(crate) const fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Bullseye => &["debian-security bullseye-security", "debian bullseye"],
            Self::Bookworm => &["debian-security bookworm-security", "debian bookworm"],
            Self::Trixie => &["debian-security trixie-security", "debian trixie"],
            Self::Sid => &["debian sid"],
        }
    }

    /// Whether a release such as `6.1.0-56-cloud-amd64` belongs to the line. A suite may hold other lines too, such
    /// as the next Debian's.
    pub(crate) fn includes(self, release: &str) -> bool {
        let rest = release.strip_prefix(self.name());
        self == Self::Sid || rest.is_some_and(|rest| rest.starts_with('.'))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert!(Kernel::Bookworm.includes("6.1.0-56-cloud-amd64"));
        assert!(!Kernel::Bookworm.includes("6.12.118+deb13-cloud-amd64"));
        assert!(Kernel::Trixie.includes("6.12.118+deb13-cloud-amd64"));
        assert!(!Kernel::Bullseye.includes("6.1.0-0.deb11.52-cloud-amd64"));
        assert!(Kernel::Sid.includes("7.2.13+deb14-cloud-amd64"));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for kernel in Kernel::value_variants() {
            assert_eq!(Kernel::from_str(kernel.name(), false), Ok(*kernel));
        }
    }
}
