//! What modules for Debian's kernels are built with: their headers, and the programs of their
//! build.
//!
//! These are made for the machine that the kernel is of, with a newer C library and a newer
//! compiler than this one may have. So programs are started through a loader of their own with
//! libraries of their own, and the compiler is told what it does not know in words that it does.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::StockFlavour;
use crate::cache::{Cache, Entry, Key, write_whole};
use crate::progress::Step;
use crate::setup::apt::{ALL, Apt, Candidate};

/// What the programs of the build need. Their packages want no more of it than what these bring
/// along.
const LIBRARIES: [&str; 2] = ["libelf1t64", "libssl3t64"];
const LOADER: &str = "ld-linux-x86-64.so.2";
/// How the packages for all machines end.
const COMMON: &str = "-common";
/// Some programs only look for the one that does the work, which lies beside them.
const WORKERS: [&str; 2] = [".real-x86", ".real-lsb-64"];
/// What a program is called behind the script that has taken its name.
const WRAPPED: &str = ".program";
/// A gcc, `CC`, for flags of gcc 13 and later.
const COMPILER: &str = r#"#!/bin/sh
for flag; do
    shift
    case $flag in
        -fmin-function-alignment=*) flag=-falign-functions=${flag#*=} ;;
    esac
    set -- "$@" "$flag"
done
exec CC "$@"
"#;

/// The headers of one kernel.
#[derive(Clone, Debug)]
pub(crate) struct Headers {
    release: String,
    flavour: StockFlavour,
    entry: Entry,
}

impl Headers {
    /// Those of this release, from the cache or from Debian; `None` where Debian has them no more.
    pub(super) fn of(
        release: &str,
        flavour: StockFlavour,
        cache: &Cache,
        step: &Step,
    ) -> Result<Option<Self>> {
        let compiler = COMPILER.replace("CC", flavour.arch.gcc());
        let headers = Headers {
            release: release.to_owned(),
            flavour,
            entry: cache.entry(
                &format!("stock-headers-{release}"),
                &Key::new().with(&compiler),
            ),
        };
        let _lock = cache.lock("apt", step)?;
        if headers.entry.is_finished() {
            return Ok(Some(headers));
        }
        let apt = Apt::update_for(flavour.arch, cache, ALL, step)?;
        // The programs of the build run here, whatever they build for.
        let own = Apt::update(cache, ALL, step)?;
        let Some(packages) = headers.packages(&apt, &own)? else {
            return Ok(None);
        };
        headers.unpack(&packages, &own, step)?;
        headers.wrap_programs()?;
        write_script(&headers.compiler(), &compiler)?;
        headers.entry.finish()?;
        Ok(Some(headers))
    }

    /// Tells them from those of another release, or made in another way.
    pub(crate) fn id(&self) -> String {
        self.entry.name()
    }

    fn packages<'a>(
        &self,
        apt: &'a Apt,
        own: &'a Apt,
    ) -> Result<Option<Vec<(&'a Apt, Candidate)>>> {
        let version = self.version();
        let names = [
            (apt, format!("linux-headers-{}", self.release)),
            (own, format!("linux-headers-{version}{COMMON}")),
            (own, format!("linux-kbuild-{version}")),
        ];
        let newest = |(apt, name): (&'a Apt, String)| {
            let found = apt.newest(&name, "")?;
            Ok(found.map(|candidate| (apt, candidate)))
        };
        names.into_iter().map(newest).collect()
    }

    fn unpack(&self, packages: &[(&Apt, Candidate)], own: &Apt, step: &Step) -> Result<()> {
        let libraries = self.entry.path("libraries");
        fs::create_dir_all(&libraries)
            .with_context(|| format!("create {}", libraries.display()))?;
        for (apt, package) in packages {
            apt.unpack(package, self.entry.folder(), step)?;
        }
        own.unpack_programs(&LIBRARIES, &libraries, step)
    }

    fn version(&self) -> &str {
        let version = self.release.strip_suffix(self.flavour.end);
        let version = version.and_then(|version| version.strip_suffix('-'));
        version.unwrap_or(&self.release)
    }

    /// The C compiler for programs that run on such a machine.
    pub(crate) fn gcc(&self) -> &'static str {
        self.flavour.arch.gcc()
    }

    fn compiler(&self) -> PathBuf {
        self.entry.path("gcc")
    }

    fn headers(&self, end: &str) -> PathBuf {
        let name = format!("usr/src/linux-headers-{}{end}", self.version());
        self.entry.path(&name)
    }

    /// A `make` of this kernel's modules. Its own Makefile has the folder that it is installed in;
    /// so this names folders. Types of the module's own (BTF) would need the pahole that the kernel
    /// was built with; nobody asks for them.
    pub(crate) fn make(&self) -> Command {
        let with = |name: &str, path: PathBuf| {
            let mut argument = std::ffi::OsString::from(name);
            argument.push(path);
            argument
        };
        let mut make = Command::new("make");
        make.arg("-C")
            .arg(self.headers(COMMON))
            .arg(with("O=", self.headers(&format!("-{}", self.flavour.end))))
            .arg(with("CC=", self.compiler()))
            .arg(format!("ARCH={}", self.flavour.arch.kernel()))
            .arg(format!(
                "CROSS_COMPILE={}",
                self.flavour.arch.cross_prefix()
            ))
            .arg("CONFIG_DEBUG_INFO_BTF_MODULES=");
        make.env_remove("MAKEFLAGS").env_remove("KBUILD_OUTPUT");
        make
    }

    fn wrap_programs(&self) -> Result<()> {
        let folder = format!("usr/lib/linux-kbuild-{}", self.version());
        let libraries = self.entry.path("libraries/usr/lib/x86_64-linux-gnu");
        for program in programs(&self.entry.path(&folder))? {
            wrap(&program, &libraries)?;
        }
        Ok(())
    }
}

/// Puts a script in a program's place, which starts it with these libraries.
fn wrap(program: &Path, libraries: &Path) -> Result<()> {
    let beside = |end: &str| {
        let mut name = program.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let moved = beside(WRAPPED);
    fs::rename(program, &moved).with_context(|| format!("move {}", program.display()))?;
    let mut workers = WORKERS.into_iter().map(beside);
    let started = workers.find(|worker| worker.is_file()).unwrap_or(moved);
    let script = format!(
        "#!/bin/sh\nexec {} --library-path {} {} \"$@\"\n",
        quoted(&libraries.join(LOADER)),
        quoted(libraries),
        quoted(&started)
    );
    write_script(program, &script)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn write_script(path: &Path, script: &str) -> Result<()> {
    write_whole(path, script.as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} a program", path.display()))
}

/// The compiled programs below a folder that are called by others.
fn programs(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let kind = entry
            .file_type()
            .with_context(|| format!("look at {}", path.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            found.append(&mut programs(&path)?);
        } else if kind.is_file() && !name.contains(".real-") && !name.ends_with(WRAPPED) {
            let is_program = is_program(&path).with_context(|| format!("read {}", path.display()));
            found.extend(is_program?.then_some(path));
        }
    }
    Ok(found)
}

fn is_program(path: &Path) -> std::io::Result<bool> {
    let executable = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
    let mut magic = [0; 4];
    match File::open(path)?.read_exact(&mut magic) {
        Ok(()) => Ok(executable && magic == *b"\x7fELF"),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::process::output;

    /// A loader that tells what it was asked to start, and programs as the package has them.
    #[test]
    fn programs_are_started_by_their_own_loader() {
        let folder = tempfile::tempdir().unwrap();
        let libraries = folder.path().join("it's/libraries");
        write_script(&libraries.join(LOADER), "#!/bin/sh\nshift 2; echo \"$@\"\n").unwrap();
        let build = folder.path().join("build");
        for name in ["fixdep", "mod/modpost", "mod/modpost.real-lsb-64"] {
            write_script(&build.join(name), "\x7fELF and more").unwrap();
        }
        write_script(&build.join("script.sh"), "#!/bin/sh\n").unwrap();
        write_whole(&build.join("empty"), b"").unwrap();
        let mut found = programs(&build).unwrap();
        found.sort();
        assert_eq!(found, [build.join("fixdep"), build.join("mod/modpost")]);
        for program in &found {
            wrap(program, &libraries).unwrap();
        }
        let starts =
            |name: &str| output(Command::new(build.join(name)).args(["a b", "c"])).unwrap();
        let started = |name: &str| format!("{} a b c\n", build.join(name).display());
        assert_eq!(starts("fixdep"), started("fixdep.program"));
        assert_eq!(starts("mod/modpost"), started("mod/modpost.real-lsb-64"));
        // A second time finds nothing left to wrap.
        assert!(programs(&build).unwrap().is_empty());
    }

    #[test]
    fn headers_lie_where_their_packages_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let headers = Headers {
            release: "7.3.4+deb13-arm64-16k".into(),
            flavour: Arch::Aarch64.stock_flavours()[1],
            entry: cache.entry("stock-headers", &Key::new()),
        };
        let of = |end| headers.headers(end);
        let own = of("-arm64-16k");
        assert!(own.ends_with("usr/src/linux-headers-7.3.4+deb13-arm64-16k"));
        assert!(of(COMMON).ends_with("usr/src/linux-headers-7.3.4+deb13-common"));
    }
}
