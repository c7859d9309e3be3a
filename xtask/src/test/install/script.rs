//! The tarball's script, run as users run it: it installs what is whole, or nothing.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};

use crate::process::output;
use crate::setup::programs::{Programs, SHELLCHECK};
use crate::test::Context;
use crate::test::dist::built;

const SCRIPT: &str = "xtask/src/commands/dist/install.sh";
/// What must be below the prefix.
const FILES: [&str; 6] = [
    "bin/migscope",
    "lib/systemd/system/migscope.service",
    "share/man/man1/migscope-serve.1",
    "share/zsh/site-functions/_migscope",
    "share/doc/migscope/docs/monitoring/compose.yml",
    "share/doc/migscope/third-party-licences.txt",
];
const UNIT: &str = "lib/systemd/system/migscope.service";
/// The user and group that own nothing.
const NOBODY: u32 = 65534;

pub(in crate::test) fn the_script_checks_before_it_writes(context: &Context<'_>) -> Result<()> {
    let dist = built(context)?;
    let folder = dist.checksums.parent().context("the folder of the files")?;
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict"]).arg(&dist.checksums);
    let checked = output(check.current_dir(folder))?;
    ensure!(checked.lines().count() == 3, "it has {checked}");
    let site = Site::unpack(&dist.tarball)?;
    site.installs_replaces_and_removes()
        .context("a good tarball")?;
    site.refuses_what_was_changed()
        .context("a changed tarball")?;
    site.refuses_another_machine().context("another machine")?;
    site.refuses_without_permission().context("no permission")?;
    site.leaves_what_is_of_others().context("others' files")?;
    let shellcheck = Programs::fetched(&context.lab.setup.cache, SHELLCHECK)?;
    let script = context.lab.setup.workspace.file(SCRIPT)?;
    output(shellcheck.command("usr/bin/shellcheck").arg(script)).map(drop)
}

/// An unpacked tarball, and a prefix beside it where nothing is yet. Others than root come there.
struct Site {
    root: PathBuf,
    unpacked: PathBuf,
    prefix: PathBuf,
}

impl Site {
    fn unpack(tarball: &Path) -> Result<Self> {
        let root = env::temp_dir().join(format!("migscope-install-{}", std::process::id()));
        fs::create_dir(&root).with_context(|| format!("create {}", root.display()))?;
        let version = env!("CARGO_PKG_VERSION");
        let site = Self {
            unpacked: root.join(format!("migscope-{version}")),
            prefix: root.join("prefix"),
            root,
        };
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--no-same-owner", "--file"])
            .arg(tarball);
        output(tar.arg("--directory").arg(&site.root))?;
        Ok(site)
    }

    fn script(&self, words: &[&str]) -> Command {
        let mut script = Command::new(self.unpacked.join("install.sh"));
        script.args(words).arg("--prefix").arg(&self.prefix);
        script
    }

    fn installs_replaces_and_removes(&self) -> Result<()> {
        // The second time as if it were a newer version.
        for _ in 0..2 {
            output(&mut self.script(&[]))?;
            self.has_all()?;
        }
        let mine = self.prefix.join("share/mine");
        fs::write(&mine, "mine").context("a file of the user's")?;
        let installed = self.prefix.join("share/migscope/install.sh");
        let mut uninstall = Command::new(&installed);
        uninstall.arg("--uninstall").arg("--prefix");
        output(uninstall.arg(&self.prefix))?;
        let left = output(Command::new("find").arg(&self.prefix).args(["-type", "f"]))?;
        ensure!(
            left.trim() == mine.display().to_string(),
            "left behind: {left}"
        );
        fs::remove_dir_all(&self.prefix).context("remove the prefix")?;
        output(&mut self.script(&[]))?;
        output(&mut self.script(&["--uninstall"]))?;
        ensure!(!self.prefix.exists(), "the prefix was made, and is left");
        let said = refusal(&mut self.script(&["--uninstall"]))?;
        ensure!(said.contains("nothing of this script's"), "it says: {said}");
        Ok(())
    }

    fn has_all(&self) -> Result<()> {
        for file in FILES {
            ensure!(self.prefix.join(file).is_file(), "{file} was not installed");
        }
        let version = output(Command::new(self.prefix.join("bin/migscope")).arg("--version"))?;
        ensure!(version.starts_with("migscope "), "{version}");
        let unit = fs::read_to_string(self.prefix.join(UNIT)).context("read the unit")?;
        let start = format!("ExecStart={}/bin/migscope serve ", self.prefix.display());
        ensure!(unit.contains(&start), "the unit starts another: {unit}");
        Ok(())
    }

    fn refuses_what_was_changed(&self) -> Result<()> {
        let page = self.unpacked.join("usr/share/man/man1/migscope.1");
        let whole = fs::read(&page).context("read a manual page")?;
        let mut changed = whole.clone();
        changed[0] ^= 1;
        for content in [Some(changed), None] {
            match content {
                Some(changed) => fs::write(&page, changed).context("change a manual page")?,
                None => fs::remove_file(&page).context("remove a manual page")?,
            }
            let said = refusal(&mut self.script(&[]))?;
            ensure!(said.contains("migscope.1: FAILED"), "it says: {said}");
            ensure!(!self.prefix.exists(), "something was written");
        }
        fs::write(&page, whole).context("mend the manual page")
    }

    /// As 32-bit x86 the machine calls itself by another name.
    fn refuses_another_machine(&self) -> Result<()> {
        let script = self.script(&[]);
        let mut other = Command::new("setarch");
        other
            .arg("i686")
            .arg(script.get_program())
            .args(script.get_args());
        let said = refusal(&mut other)?;
        ensure!(said.contains("this machine is i686"), "it says: {said}");
        ensure!(!self.prefix.exists(), "something was written");
        Ok(())
    }

    fn refuses_without_permission(&self) -> Result<()> {
        fs::create_dir(&self.prefix).context("create the prefix")?;
        fs::set_permissions(&self.prefix, fs::Permissions::from_mode(0o555))
            .context("close the prefix")?;
        let mut script = self.script(&[]);
        if rustix::process::geteuid().is_root() {
            script.uid(NOBODY).gid(NOBODY);
        }
        let said = refusal(&mut script)?;
        ensure!(said.contains("nothing can be written"), "it says: {said}");
        // It is removed only if it is empty.
        fs::remove_dir(&self.prefix).context("something was written")
    }

    fn leaves_what_is_of_others(&self) -> Result<()> {
        let theirs = self.prefix.join("bin/migscope");
        fs::create_dir_all(self.prefix.join("bin")).context("create the prefix")?;
        fs::write(&theirs, "theirs").context("a program of others")?;
        let said = refusal(&mut self.script(&[]))?;
        ensure!(said.contains("not by this script"), "it says: {said}");
        let left = fs::read_to_string(&theirs).context("read the program of others")?;
        ensure!(left == "theirs", "it was replaced");
        let files = output(Command::new("find").arg(&self.prefix).args(["-type", "f"]))?;
        ensure!(files.lines().count() == 1, "it wrote {files}");
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// What a program says that does not do it.
fn refusal(command: &mut Command) -> Result<String> {
    let Output { status, stderr, .. } = command.output().context("start the script")?;
    ensure!(status.code() == Some(1), "it ended with {status}");
    Ok(String::from_utf8_lossy(&stderr).into_owned())
}
