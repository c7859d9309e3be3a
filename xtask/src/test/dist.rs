//! What users install.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::{Context, Skipped};
use crate::commands::dist::{self, Dist};
use crate::process::output;
use crate::progress::Step;
use crate::scratch;
use crate::setup::probe::program;

/// What must be there once it is installed.
const FILES: [&str; 9] = [
    "usr/bin/migscope",
    "lib/systemd/system/migscope.service",
    "usr/share/man/man1/migscope.1.gz",
    "usr/share/man/man1/migscope-serve.1.gz",
    "usr/share/bash-completion/completions/migscope",
    "usr/share/zsh/vendor-completions/_migscope",
    "usr/share/fish/vendor_completions.d/migscope.fish",
    "usr/share/doc/migscope/copyright",
    "usr/share/doc/migscope/docs/monitoring/grafana.json",
];

/// Into a folder of its own, by dpkg itself, and out again.
pub(super) fn the_package_installs_and_goes_without_a_trace(context: &Context<'_>) -> Result<()> {
    if program("dpkg").is_none() {
        bail!(Skipped(
            "this machine has no dpkg, which would install it".into()
        ));
    }
    let dist = built(context)?;
    let workspace = &context.lab.setup.workspace;
    let root = Root(scratch::path(workspace, "installed"));
    root.prepare()?;
    root.dpkg(&["--install", &dist.package.display().to_string()])?;
    for file in FILES {
        ensure!(root.0.join(file).is_file(), "{file} was not installed");
    }
    let migscope = root.0.join("usr/bin/migscope");
    let version = output(Command::new(&migscope).arg("--version"))?;
    ensure!(version.starts_with("migscope "), "{version}");
    let page = root.0.join("usr/share/man/man1/migscope-serve.1.gz");
    let page = output(Command::new("gzip").arg("-dc").arg(page))?;
    ensure!(
        page.contains(".SH EXAMPLES"),
        "the manual page has no examples"
    );
    unit_is_sound(&root.0)?;
    root.dpkg(&["--purge", "migscope"])?;
    let left = root.files()?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    tarball_has_the_same(&dist.tarball)
}

/// What `cargo xtask dist` makes, once for all tests.
pub(super) fn built<'a>(context: &'a Context<'_>) -> Result<&'a Dist> {
    if let Some(dist) = context.dist.get() {
        return Ok(dist);
    }
    let dist = build(context)?;
    Ok(context.dist.get_or_init(|| dist))
}

/// Makes it of the program that is tested, whether or not it is there.
pub(super) fn build(context: &Context<'_>) -> Result<Dist> {
    let step = Step::begin("tarball, package and image".into());
    let migscope = &context.lab.programs.migscope;
    let program = dist::Program {
        arch: context.lab.setup.arch,
        migscope: migscope.clone(),
        writer: migscope.clone(),
    };
    let dist = dist::make(&context.lab.setup.workspace, &program, &step)?;
    step.done();
    Ok(dist)
}

/// What systemd takes from a unit with these, the program needs: the names of the kernel's
/// functions, and their addresses.
const TAKE_NAMES_AWAY: [&str; 2] = ["ProtectKernelTunables=yes", "ProtectKernelLogs=yes"];

/// As systemd itself judges it, where there is one.
fn unit_is_sound(root: &Path) -> Result<()> {
    let unit = root.join("lib/systemd/system/migscope.service");
    let unit = fs::read_to_string(&unit).with_context(|| format!("read {}", unit.display()))?;
    let mut taken = TAKE_NAMES_AWAY.to_vec();
    taken.retain(|setting| unit.lines().any(|line| line == *setting));
    ensure!(taken.is_empty(), "drivers have no names with {taken:?}");
    if program("systemd-analyze").is_none() {
        return Ok(());
    }
    let run = root.join("run");
    let folder = run.join("systemd/system");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for target in ["basic", "network", "shutdown", "sysinit"] {
        let file = folder.join(format!("{target}.target"));
        fs::write(&file, "[Unit]\n").with_context(|| format!("write {}", file.display()))?;
    }
    let mut verify = Command::new("systemd-analyze");
    verify
        .args(["verify", "--man=no"])
        .arg(format!("--root={}", root.display()))
        .arg("migscope.service");
    let finished = verify.output().context("start systemd-analyze")?;
    // What it does not know it only warns about.
    let said = String::from_utf8_lossy(&finished.stderr);
    ensure!(
        finished.status.success() && said.is_empty(),
        "the unit: {said}"
    );
    fs::remove_dir_all(&run).with_context(|| format!("remove {}", run.display()))
}

fn tarball_has_the_same(tarball: &Path) -> Result<()> {
    let listed = output(Command::new("tar").arg("-tzf").arg(tarball))?;
    let packed: BTreeSet<_> = listed
        .lines()
        .filter_map(|line| Some(line.split_once('/')?.1))
        .collect();
    for file in FILES.iter().filter(|file| !file.ends_with("copyright")) {
        // Only a package's pages are compressed.
        let file = file.trim_end_matches(".gz");
        ensure!(packed.contains(file), "{file} is not in the tarball");
    }
    Ok(())
}

/// A root in which nothing is installed.
struct Root(PathBuf);

impl Root {
    fn prepare(&self) -> Result<()> {
        let database = self.0.join("var/lib/dpkg");
        for folder in ["info", "updates", "triggers"] {
            let folder = database.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        }
        fs::write(database.join("status"), "").context("an empty database")
    }

    fn dpkg(&self, arguments: &[&str]) -> Result<()> {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.0.display()))
            .args(["--force-not-root", "--force-script-chrootless"])
            .arg(format!(
                "--log={}",
                self.0.join("var/lib/dpkg/log").display()
            ))
            .args(arguments);
        output(&mut dpkg).map(drop)
    }

    /// Everything that is not dpkg's own.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let listed = output(Command::new("find").arg(&self.0).args([
            "-type",
            "f",
            "-not",
            "-path",
            "*/var/lib/dpkg/*",
        ]))?;
        Ok(listed.lines().map(PathBuf::from).collect())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
