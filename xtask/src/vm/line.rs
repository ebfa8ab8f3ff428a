//! The lines in which a guest tells the host how it fares: a word for the event, then its particulars, free text
//! last. The guest (`tests/src/bin/vm`) includes this file by path, so that both ends agree. Hence nothing but
//! `std` here.

use std::fmt;
use std::str::FromStr;

/// One event in a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The guest is up, on a kernel of this release.
    Up { release: String },
    /// The kernel took a program, and went through so many instructions, if it tells.
    Program { name: String, verified: Option<u32> },
    /// The kernel refused a program.
    Refused { name: String },
    /// Whether the kernel has something that not every kernel has.
    Feature { name: String, is_present: bool },
    /// A program is attached.
    Attached { interface: String, direction: String, mode: String },
    /// A check passed.
    Passed { check: String },
    /// A check failed.
    Failed { check: String, why: String },
    /// The guest has run so many checks, and nothing follows.
    End { checks: usize },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { release } => write!(f, "up {release}"),
            Self::Program { name, verified: Some(verified) } => write!(f, "program {name} {verified}"),
            Self::Program { name, verified: None } => write!(f, "program {name} -"),
            Self::Refused { name } => write!(f, "refused {name}"),
            Self::Feature { name, is_present } => {
                write!(f, "feature {} {name}", if *is_present { "present" } else { "missing" })
            }
            Self::Attached { interface, direction, mode } => {
                write!(f, "attached {interface} {direction} {mode}")
            }
            Self::Passed { check } => write!(f, "passed {check}"),
            Self::Failed { check, why } => {
                write!(f, "failed {check} {}", why.lines().map(str::trim).collect::<Vec<_>>().join("; "))
            }
            Self::End { checks } => write!(f, "end {checks}"),
        }
    }
}

/// The line is none of a guest's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoLine;

impl FromStr for Line {
    type Err = NoLine;

    fn from_str(text: &str) -> Result<Self, NoLine> {
        let (event, rest) = text.trim_end().split_once(' ').ok_or(NoLine)?;
        if let ("failed" | "feature", Some((word, text))) = (event, rest.split_once(' ')) {
            let text = text.to_owned();
            return match (event, word) {
                ("failed", check) => Ok(Self::Failed { check: check.to_owned(), why: text }),
                (_, "present") => Ok(Self::Feature { name: text, is_present: true }),
                (_, "missing") => Ok(Self::Feature { name: text, is_present: false }),
                _ => Err(NoLine),
            };
        }
        let words: Vec<&str> = rest.split(' ').collect();
        match (event, &words[..]) {
            ("up", [release]) => Ok(Self::Up { release: (*release).to_owned() }),
            ("program", [name, verified]) => {
                let verified = match *verified {
                    "-" => None,
                    number => Some(number.parse().map_err(|_| NoLine)?),
                };
                Ok(Self::Program { name: (*name).to_owned(), verified })
            }
            ("refused", [name]) => Ok(Self::Refused { name: (*name).to_owned() }),
            ("attached", [interface, direction, mode]) => {
                let [interface, direction, mode] =
                    [interface, direction, mode].map(|word| (*word).to_owned());
                Ok(Self::Attached { interface, direction, mode })
            }
            ("passed", [check]) => Ok(Self::Passed { check: (*check).to_owned() }),
            ("end", [checks]) => Ok(Self::End { checks: checks.parse().map_err(|_| NoLine)? }),
            _ => Err(NoLine),
        }
    }
}
