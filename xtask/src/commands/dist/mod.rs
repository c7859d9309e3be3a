//! `cargo xtask dist`: what users install: a tarball, a Debian package, and a container image.
//!
//! The first two hold one static program, its manual pages and completions, the systemd unit, the
//! documentation and everybody's licences; the tarball a script that installs it, too. The image
//! has the program and the licences. The same commit makes the same files.

mod checksums;
mod image;
mod licences;
mod tar;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;

use crate::errors::unsupported;
use crate::lab::{PROGRAM_STEPS, build_own, build_programs, own_steps};
use crate::options::Options;
use crate::process::output;
use crate::progress::Step;
use crate::setup::kernel::Flavour;
use crate::setup::probe::program;
use crate::setup::{Needs, Setup};
use crate::workspace::Workspace;

/// After the programs: the files.
const PACKING_STEPS: usize = 1;
const VERSION: &str = env!("CARGO_PKG_VERSION");
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
];
/// How each shell's completions are called where it looks for them.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/migscope"),
    ("zsh", "usr/share/zsh/vendor-completions/_migscope"),
    ("fish", "usr/share/fish/vendor_completions.d/migscope.fish"),
];
const MAN: &str = "usr/share/man/man1";
const DOC: &str = "usr/share/doc/migscope";
const UNIT: &str = "lib/systemd/system/migscope.service";
const LICENCES: &str = "third-party-licences.txt";
/// What a tarball has besides: it installs the rest.
const INSTALL: &str = include_str!("install.sh");
const INSTALL_NAME: &str = "install.sh";

/// Files for users.
pub(crate) struct Dist {
    pub(crate) tarball: PathBuf,
    pub(crate) package: PathBuf,
    pub(crate) image: PathBuf,
    /// The list of the checksums of the others.
    pub(crate) checksums: PathBuf,
}

impl Dist {
    /// Those that there will be in a folder.
    fn within(folder: &Path, arch: Arch) -> Self {
        let name = format!("migscope-{VERSION}-{arch}");
        Self {
            tarball: folder.join(format!("{name}-linux.tar.gz")),
            package: folder.join(format!("migscope_{VERSION}_{}.deb", arch.debian())),
            image: folder.join(format!("{name}-image.tar")),
            checksums: folder.join(checksums::LIST),
        }
    }

    /// The files that are told by the list.
    fn names(&self) -> [&str; 3] {
        [&self.tarball, &self.package, &self.image].map(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.unwrap_or_default()
        })
    }
}

/// Builds them and says where they are.
pub(crate) fn run(options: Options) -> Result<()> {
    let setup = Setup::new(options, Flavour::Test)?;
    let needs = Needs {
        ebpf: true,
        programs: true,
        ..Needs::default()
    };
    let arch = setup.arch;
    let steps = PROGRAM_STEPS + own_steps(&setup) + PACKING_STEPS;
    let progress = setup.ensure(needs, steps)?;
    let programs = build_programs(&setup, arch, &progress)?;
    let built = Program {
        arch,
        writer: build_own(&setup, &programs, &progress)?,
        migscope: programs.migscope,
    };
    let step = progress.step("tarball, package and image");
    let dist = make(&setup.workspace, &built, &step)?;
    step.done();
    for file in [&dist.tarball, &dist.package, &dist.image, &dist.checksums] {
        println!("{}", file.display());
    }
    Ok(())
}

/// A program that has been built.
pub(crate) struct Program {
    pub(crate) arch: Arch,
    pub(crate) migscope: PathBuf,
    /// The same for this machine: it writes its manual pages and completions.
    pub(crate) writer: PathBuf,
}

/// Makes all of it.
pub(crate) fn make(workspace: &Workspace, built: &Program, step: &Step) -> Result<Dist> {
    for tool in ["dpkg-deb", "tar", "gzip", "sha256sum"] {
        if program(tool).is_none() {
            return Err(unsupported(format!(
                "the program {tool} is missing, which Debian has"
            )));
        }
    }
    let folder = workspace.target("xtask/dist");
    // What an earlier run left would be packed.
    let _ = fs::remove_dir_all(&folder);
    let stage = Stage {
        workspace,
        built,
        root: folder.join("root"),
    };
    let dist = Dist::within(&folder, built.arch);
    step.detail("files");
    stage.fill()?;
    step.detail("image");
    stage.image(&folder.join("image"), &dist.image)?;
    step.detail("tarball");
    stage.tar(&folder.join("tarball"), &dist.tarball)?;
    step.detail("package");
    stage.package(&dist.package)?;
    checksums::write(&folder, &dist.names())?;
    Ok(dist)
}

/// A folder with everything where a package puts it.
struct Stage<'a> {
    workspace: &'a Workspace,
    built: &'a Program,
    root: PathBuf,
}

impl Stage<'_> {
    fn fill(&self) -> Result<()> {
        let program = fs::read(&self.built.migscope).context("read migscope")?;
        self.file("usr/bin/migscope", &program)?;
        self.mode("usr/bin/migscope", 0o755)?;
        for (shell, path) in COMPLETIONS {
            let script = output(Command::new(&self.built.writer).args(["completions", shell]))?;
            self.file(path, script.as_bytes())?;
        }
        let man = self.root.join(MAN);
        output(
            Command::new(&self.built.writer)
                .args(["man", "-o"])
                .arg(&man),
        )?;
        let unit = self.workspace.file("docs/monitoring/migscope.service")?;
        self.copy(&unit, UNIT)?;
        for name in DOCUMENTS {
            self.copy(&self.workspace.file(name)?, &format!("{DOC}/{name}"))?;
        }
        self.copy_all(&self.workspace.file("docs")?, &format!("{DOC}/docs"))?;
        self.file(
            &format!("{DOC}/{LICENCES}"),
            licences::all(self.workspace)?.as_bytes(),
        )
    }

    /// The same files, with the list of their checksums and the script that installs them.
    fn tar(&self, folder: &Path, tarball: &Path) -> Result<()> {
        let unpacked = Stage {
            root: folder.to_owned(),
            ..*self
        };
        unpacked.copy_all(&self.root, "")?;
        unpacked.mode("usr/bin/migscope", 0o755)?;
        checksums::write_all(folder)?;
        let install = INSTALL.replace("@MACHINE@", self.built.arch.name());
        unpacked.file(INSTALL_NAME, install.as_bytes())?;
        unpacked.mode(INSTALL_NAME, 0o755)?;
        let tar = tar::Tar::new(folder, &self.commit_time()).compressed();
        tar.below(&format!("migscope-{VERSION}")).write(tarball)
    }

    /// The program and the licences, and nothing that they would need: it is a static program.
    fn image(&self, folder: &Path, image: &Path) -> Result<()> {
        let inside = Stage {
            root: folder.join("root"),
            ..*self
        };
        let licences = DOCUMENTS.iter().filter(|name| name.starts_with("LICENSE"));
        for name in licences.chain([&LICENCES]) {
            let name = format!("{DOC}/{name}");
            inside.copy(&self.root.join(&name), &name)?;
        }
        inside.copy(&self.built.migscope, "usr/bin/migscope")?;
        inside.mode("usr/bin/migscope", 0o755)?;
        let (time, date, commit) = (self.commit_time(), self.commit_date()?, self.commit());
        let image_of = image::Image {
            arch: self.built.arch,
            root: &inside.root,
            time: &time,
            date: &date,
            commit: commit.as_deref(),
        };
        image_of.write(&folder.join("layout"), image)
    }

    fn package(&self, package: &Path) -> Result<()> {
        let pages = fs::read_dir(self.root.join(MAN)).context("the manual pages")?;
        let pages: Vec<_> = pages.flatten().map(|page| page.path()).collect();
        output(Command::new("gzip").args(["-n", "-9"]).args(&pages))?;
        self.file(&format!("{DOC}/copyright"), COPYRIGHT.as_bytes())?;
        self.file(
            "DEBIAN/control",
            control(self.built.arch, self.installed_kib()?).as_bytes(),
        )?;
        for (name, text) in SCRIPTS {
            let path = format!("DEBIAN/{name}");
            self.file(&path, text.as_bytes())?;
            self.mode(&path, 0o755)?;
        }
        let mut build = Command::new("dpkg-deb");
        build
            .args(["--build", "--root-owner-group"])
            .arg(&self.root)
            .arg(package)
            .env("SOURCE_DATE_EPOCH", self.commit_time());
        output(&mut build).map(drop)
    }

    /// Seconds since 1970; without git, the beginning of that year.
    fn commit_time(&self) -> String {
        self.of_commit("%ct").unwrap_or_else(|| "0".to_owned())
    }

    /// The same as people write it.
    fn commit_date(&self) -> Result<String> {
        let mut date = Command::new("date");
        date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "--date"])
            .arg(format!("@{}", self.commit_time()));
        Ok(output(&mut date)?.trim().to_owned())
    }

    fn commit(&self) -> Option<String> {
        self.of_commit("%H")
    }

    fn of_commit(&self, format: &str) -> Option<String> {
        let mut git = Command::new("git");
        git.args(["log", "-1", &format!("--format={format}")])
            .current_dir(self.workspace.root());
        Some(output(&mut git).ok()?.trim().to_owned())
    }

    fn installed_kib(&self) -> Result<u64> {
        let listed = output(
            Command::new("du")
                .args(["--summarize", "--apparent-size", "-k"])
                .arg(&self.root),
        )?;
        let size = listed
            .split_whitespace()
            .next()
            .and_then(|size| size.parse().ok());
        size.context("du tells no size")
    }

    fn copy_all(&self, from: &Path, to: &str) -> Result<()> {
        for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
            let path = entry
                .with_context(|| format!("read {}", from.display()))?
                .path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let to = Path::new(to).join(&*name).display().to_string();
            if path.is_dir() {
                self.copy_all(&path, &to)?;
            } else {
                self.copy(&path, &to)?;
            }
        }
        Ok(())
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let bytes = fs::read(from).with_context(|| format!("read {}", from.display()))?;
        self.file(to, &bytes)
    }

    fn file(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = self.root.join(path);
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(&self.root))?;
            fs::write(&file, bytes)
        };
        write().with_context(|| format!("write {}", file.display()))?;
        self.mode(path, 0o644)
    }

    fn mode(&self, path: &str, mode: u32) -> Result<()> {
        let file = self.root.join(path);
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&file, permissions)
            .with_context(|| format!("change {}", file.display()))
    }
}

fn control(arch: Arch, installed_kib: u64) -> String {
    format!(
        "Package: migscope
Version: {VERSION}
Architecture: {}
Maintainer: the authors of migscope <migscope@localhost>
Installed-Size: {installed_kib}
Section: admin
Priority: optional
Description: shows migrations of memory between the CPU and devices
 GPUs and accelerators share the address space of a process: the kernel moves
 pages to device memory and back. migscope shows every such migration: how long
 each step took, where each page went, and what was wasted. It works for every
 driver, and serves its figures to Prometheus and OpenTelemetry.
",
        arch.debian()
    )
}

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: migscope

Files: *
Copyright: the authors of migscope
License: MIT or Apache-2.0
Comment: LICENSE-MIT and LICENSE-APACHE are in this folder, third-party-licences.txt
 has those of the libraries in the program. What runs in the kernel is MIT or GPL-2.
";

/// The service is installed and not started: whoever wants it says `systemctl enable --now
/// migscope`.
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", RELOAD),
    (
        "prerm",
        "#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now migscope.service || true
fi
",
    ),
    ("postrm", RELOAD),
];
const RELOAD: &str = "#!/bin/sh
set -e
if [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
";
