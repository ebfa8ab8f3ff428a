//! From what the machine has to what has to be done. Pure, so that it is tested without a bare machine.

use super::facts::{Bpf, Component, Distribution, Facts, Owner};
use super::needs::{Need, Source};
use super::step::Step;

const BPF_LINKER_VERSION: &str = "0.13.0";

/// The Rust that Debian builds its browsers with is new enough, and has a `core` for BPF.
const DEBIAN_COMPILER: [&str; 3] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];

const APT_UPDATE: &str = "apt-get update";

/// LLVM of that Rust in Debian 12 and 13 at present. Only a forecast, to install and to show everything in one go:
/// once the compiler is there it is asked.
const DEBIAN_LLVM_MAJOR: u32 = 22;

/// The steps from here to a machine where all works; none if it does.
pub(crate) fn plan(facts: &Facts) -> Vec<Step> {
    match &facts.distribution {
        Distribution::Debian(release) => {
            let mut steps = debian_packages(facts, *release);
            steps.extend(debian_linker(&facts.bpf));
            steps.extend(rustup_components(&facts.components));
            steps
        }
        Distribution::Other(name) => elsewhere(facts, name),
    }
}

fn debian_packages(facts: &Facts, release: u32) -> Vec<Step> {
    let mut install: Vec<String> = Vec::new();
    match &facts.bpf {
        Bpf::Ready | Bpf::NoLinker { has_llvm: true, .. } => {}
        Bpf::NoCompiler => {
            install.extend(DEBIAN_COMPILER.map(str::to_owned));
            install.push(format!("llvm-{DEBIAN_LLVM_MAJOR}-dev"));
        }
        Bpf::NoLinker { compiler, has_llvm: false } => {
            install.push(format!("llvm-{}-dev", compiler.llvm_major));
        }
    }
    install.extend(packages(&facts.missing, Source::Installed, release).into_iter().map(str::to_owned));
    let debian_owned = facts.components.iter().filter(|component| component.owner == Owner::Debian);
    install.extend(debian_owned.map(|component| debian_component(component.name)));
    let unpack = packages(&facts.missing, Source::Unpacked, release);

    let mut steps = Vec::new();
    if !install.is_empty() {
        let names = install.join(" ");
        steps.push(Step::as_root(
            &format!("Debian packages: {names}"),
            vec![
                APT_UPDATE.to_owned(),
                // --no-remove: rustc-web conflicts with Debian's rustc and rustup, and that is not for us to choose.
                format!("apt-get install --yes --no-install-recommends --no-remove {names}"),
            ],
        ));
    }
    if !unpack.is_empty() {
        steps.push(unpacked(facts, &unpack, release));
    }
    steps
}

/// Takes the commands out of their packages, since installing these would start services.
fn unpacked(facts: &Facts, packages: &[&str], release: u32) -> Step {
    let names = packages.join(" ");
    let mut lines = Vec::new();
    if facts.is_root {
        lines.push(APT_UPDATE.to_owned());
    }
    lines.push("mkdir -p .tools/debian && rm -f .tools/debian/*.deb".to_owned());
    lines.push(format!("(cd .tools/debian && apt-get download {names})"));
    for package in packages {
        let needs = facts.missing.iter().filter(|need| need.package(release) == *package);
        let files: Vec<String> = needs.map(|need| format!("'./usr/*bin/{}'", need.command)).collect();
        lines.push(format!(
            "dpkg-deb --fsys-tarfile .tools/debian/{package}_*.deb | tar -x -C .tools/debian --wildcards {}",
            files.join(" ")
        ));
    }
    lines.push("rm .tools/debian/*.deb".to_owned());
    Step::as_user(&format!("commands of {names}, unpacked into .tools/debian"), lines)
}

/// The distinct packages of the needs, in their order.
fn packages(needs: &[&'static Need], source: Source, release: u32) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for need in needs.iter().filter(|need| need.source == source) {
        let package = need.package(release);
        if !names.contains(&package) {
            names.push(package);
        }
    }
    names
}

fn debian_component(name: &str) -> String {
    if name == "rustfmt" { "rustfmt-web".to_owned() } else { format!("rust-web-{name}") }
}

fn debian_linker(bpf: &Bpf) -> Option<Step> {
    let (rustc, cargo, llvm_major) = match bpf {
        Bpf::Ready => return None,
        Bpf::NoCompiler => ("/usr/bin/rustc".into(), "/usr/bin/cargo".into(), DEBIAN_LLVM_MAJOR),
        Bpf::NoLinker { compiler, .. } => {
            (compiler.rustc.to_string_lossy(), compiler.cargo.to_string_lossy(), compiler.llvm_major)
        }
    };
    let line = format!(
        "RUSTC={rustc} LLVM_PREFIX=/usr/lib/llvm-{llvm_major} {cargo} {}",
        linker_arguments(llvm_major)
    );
    let what = format!("bpf-linker {BPF_LINKER_VERSION} for LLVM {llvm_major}, into .tools (takes a minute)");
    Some(Step::as_user(&what, vec![line]))
}

/// Without LLVM_PREFIX and with the default features it would link to whatever LLVM lies in /usr/lib64.
fn linker_arguments(llvm_major: u32) -> String {
    format!(
        "install bpf-linker --version {BPF_LINKER_VERSION} --locked --root .tools/llvm-{llvm_major} \
         --no-default-features --features llvm-{llvm_major}"
    )
}

fn rustup_components(components: &[Component]) -> Vec<Step> {
    let rustup_owned = components.iter().filter_map(|Component { name, owner }| match owner {
        Owner::Rustup(toolchain) => Some((name, toolchain)),
        Owner::Debian => None,
    });
    let step = |(name, toolchain): (&&str, &String)| {
        let line = format!("rustup component add {name} --toolchain {toolchain}");
        Step::as_user(&format!("{name} for {toolchain}"), vec![line])
    };
    rustup_owned.map(step).collect()
}

/// What to do on a system whose packages we don't know: never run, always shown.
fn elsewhere(facts: &Facts, system: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    if facts.bpf == Bpf::NoCompiler {
        let line = "rustup toolchain install nightly --component rust-src --component clippy";
        steps.push(Step::by_hand("a Rust that compiles for BPF", vec![line.to_owned()]));
    }
    match &facts.bpf {
        Bpf::Ready => {}
        Bpf::NoCompiler => steps.push(Step::by_hand(
            "bpf-linker, once the compiler is there",
            vec!["cargo xtask setup".to_owned()],
        )),
        Bpf::NoLinker { compiler, .. } => steps.push(Step::by_hand(
            &format!(
                "bpf-linker for LLVM {}; LLVM_PREFIX is where {system} has its LLVM",
                compiler.llvm_major
            ),
            vec![format!(
                "LLVM_PREFIX=/usr/lib/llvm-{} cargo {}",
                compiler.llvm_major,
                linker_arguments(compiler.llvm_major)
            )],
        )),
    }
    if !facts.missing.is_empty() {
        let line =
            |need: &&Need| format!("# {} (in Debian's {}): {}", need.command, need.package(13), need.reason);
        steps.push(Step::by_hand(
            &format!("these commands in PATH, from the packages of {system}"),
            facts.missing.iter().map(line).collect(),
        ));
    }
    steps.extend(rustup_components(&facts.components));
    steps
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::needs::TESTS;
    use super::*;
    use crate::bpf::compiler::{Compiler, Origin};

    fn bare() -> Facts {
        Facts {
            distribution: Distribution::Debian(12),
            is_root: true,
            bpf: Bpf::NoCompiler,
            missing: Vec::new(),
            components: Vec::new(),
        }
    }

    fn nightly(llvm_major: u32) -> Compiler {
        let bin = PathBuf::from("/rustup/nightly/bin");
        Compiler { origin: Origin::Nightly, rustc: bin.join("rustc"), cargo: bin.join("cargo"), llvm_major }
    }

    fn lines(facts: &Facts) -> Vec<String> {
        plan(facts).into_iter().flat_map(|step| step.lines).collect()
    }

    #[test]
    fn a_complete_machine_has_nothing_to_do() {
        assert_eq!(plan(&Facts { bpf: Bpf::Ready, ..bare() }), []);
    }

    #[test]
    fn a_bare_debian_takes_debians_compiler() {
        assert_eq!(
            lines(&bare()),
            [
                "apt-get update",
                "apt-get install --yes --no-install-recommends --no-remove \
                 rustc-web cargo-web libstd-rust-web-dev-bpf llvm-22-dev",
                "RUSTC=/usr/bin/rustc LLVM_PREFIX=/usr/lib/llvm-22 /usr/bin/cargo install bpf-linker --version 0.13.0 \
                 --locked --root .tools/llvm-22 --no-default-features --features llvm-22",
            ]
        );
    }

    #[test]
    fn a_nightly_gets_the_linker_of_its_own_llvm() {
        let bpf = Bpf::NoLinker { compiler: nightly(23), has_llvm: false };
        let lines = lines(&Facts { bpf, ..bare() });
        assert!(lines[1].ends_with("--no-remove llvm-23-dev"), "{lines:?}");
        assert!(
            lines[2].starts_with("RUSTC=/rustup/nightly/bin/rustc LLVM_PREFIX=/usr/lib/llvm-23 "),
            "{lines:?}"
        );
    }

    #[test]
    fn only_the_linker_needs_no_root() {
        let bpf = Bpf::NoLinker { compiler: nightly(22), has_llvm: true };
        let steps = plan(&Facts { bpf, is_root: false, ..bare() });
        assert_eq!(steps.len(), 1);
        assert!(!steps[0].needs_root);
    }

    #[test]
    fn packages_with_services_are_unpacked_each_once() {
        let missing =
            TESTS.iter().filter(|need| need.command.starts_with("iodine") || need.command == "dig").collect();
        let lines = lines(&Facts { bpf: Bpf::Ready, missing, ..bare() });
        assert!(lines[1].ends_with(" bind9-dnsutils"), "{lines:?}");
        assert_eq!(
            lines[2..5],
            [
                "apt-get update",
                "mkdir -p .tools/debian && rm -f .tools/debian/*.deb",
                "(cd .tools/debian && apt-get download iodine)"
            ]
        );
        assert!(lines[5].ends_with("--wildcards './usr/*bin/iodine' './usr/*bin/iodined'"), "{lines:?}");
    }

    #[test]
    fn promtool_has_a_package_of_its_own_since_debian_13() {
        let missing: Vec<_> = TESTS.iter().filter(|need| need.command == "promtool").collect();
        for (release, download) in [(12, "apt-get download prometheus)"), (13, "apt-get download promtool)")]
        {
            let distribution = Distribution::Debian(release);
            let lines = lines(&Facts { distribution, bpf: Bpf::Ready, missing: missing.clone(), ..bare() });
            assert!(lines[2].ends_with(download), "{lines:?}");
        }
    }

    #[test]
    fn components_come_from_whom_the_cargo_comes_from() {
        let components = vec![
            Component { name: "rustfmt", owner: Owner::Debian },
            Component { name: "clippy", owner: Owner::Rustup("stable".to_owned()) },
        ];
        let lines = lines(&Facts { bpf: Bpf::Ready, components, ..bare() });
        assert!(lines[1].ends_with(" rustfmt-web"), "{lines:?}");
        assert_eq!(lines[2], "rustup component add clippy --toolchain stable");
    }

    #[test]
    fn on_an_unknown_system_nothing_is_run() {
        let distribution = Distribution::Other("Fedora Linux 44".to_owned());
        let steps = plan(&Facts { distribution, missing: TESTS.iter().collect(), ..bare() });
        assert!(!steps.is_empty());
        assert!(steps.iter().all(|step| !step.can_run(true)), "{steps:?}");
    }
}
