//! Programs of Debian's that tests use, with their libraries. They are unpacked into the cache, not
//! installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Part;
use super::apt::{ALL, Apt};
use crate::cache::{Cache, Entry, Key};
use crate::process::output;
use crate::progress::Step;

/// Packages that are unpacked together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    folder: &'static str,
    packages: &'static [&'static str],
    why: &'static str,
}

/// What people trace with today, and what tells how large loaded programs are.
pub(crate) const TRACERS: Set = Set {
    folder: "guest-programs",
    packages: &["bpftrace", "bpftool"],
    why: "for the VM",
};
/// What tells which programs, maps and links the kernel holds.
pub(crate) const BPFTOOL: Set = Set {
    folder: "bpftool",
    packages: &["bpftool"],
    why: "for the VM",
};
/// What watches fleets of machines.
pub(crate) const PROMETHEUS: Set = Set {
    folder: "prometheus",
    packages: &["prometheus"],
    why: "to read what is served",
};
/// The program of [`BPFTOOL`], which is in [`TRACERS`] too.
pub(crate) const BPFTOOL_PROGRAM: &str = "usr/sbin/bpftool";
/// What asks for a page at a socket in the file system.
pub(crate) const CURL: Set = Set {
    folder: "curl",
    packages: &["curl"],
    why: "for the VM",
};
/// What reads images of containers, and what runs them.
pub(crate) const CONTAINERS: Set = Set {
    folder: "containers",
    packages: &["crun", "skopeo"],
    why: "to read and run the image",
};
/// What reads Compose files, on this machine without a daemon.
pub(crate) const COMPOSE: Set = Set {
    folder: "compose",
    packages: &["docker-compose"],
    why: "to read the Compose file",
};
/// What finds faults in shell scripts.
pub(crate) const SHELLCHECK: Set = Set {
    folder: "shellcheck",
    packages: &["shellcheck"],
    why: "to read the install script",
};
/// What runs the services of a machine of Debian's, and what it loads when it is there.
pub(crate) const SYSTEMD: Set = Set {
    folder: "systemd",
    packages: &["systemd", "libseccomp2", "libmount1"],
    why: "for the VM",
};
/// Where the libraries are, and the loader looks for them.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// What starts a program that has libraries. In the guest it is where programs name it.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// The unpacked packages.
pub(crate) struct Programs {
    set: Set,
    cache: Cache,
    entry: Entry,
}

impl Programs {
    pub(crate) fn new(cache: &Cache, set: Set) -> Self {
        let entry = cache.entry(set.folder, &Key::new().with(set.packages.join(" ")));
        Programs {
            set,
            cache: cache.clone(),
            entry,
        }
    }

    /// The unpacked packages of a set, which are fetched where they are not there.
    pub(crate) fn fetched(cache: &Cache, set: Set) -> Result<Self> {
        let programs = Self::new(cache, set);
        if !programs.is_there()? {
            let step = Step::begin(programs.title());
            programs.make(&step)?;
            step.done();
        }
        Ok(programs)
    }

    /// Where they are unpacked: a root of its own.
    pub(crate) fn root(&self) -> &Path {
        self.entry.folder()
    }

    /// A program, `usr/bin/promtool` for example, to be run on this machine.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.loader();
        command.arg(self.entry.path(program));
        command
    }

    /// What starts a program with its own libraries, whatever this machine's are.
    fn loader(&self) -> Command {
        let mut loader = Command::new(self.entry.path("usr/lib64").join(LOADER));
        loader.arg("--library-path").arg(self.entry.path(LIBRARIES));
        loader
    }

    /// A program and what it needs, `usr/sbin/bpftool` for example: paths in the guest and files of
    /// the host.
    pub(crate) fn files(&self, program: &str) -> Result<Vec<(String, PathBuf)>> {
        let loader = self.entry.path("usr/lib64").join(LOADER);
        let file = self.entry.path(program);
        let mut list = self.loader();
        list.arg("--list").arg(&file);
        let listed = output(&mut list).with_context(|| format!("libraries of {program}"))?;
        let mut files = vec![
            (program.to_owned(), file),
            (format!("lib64/{LOADER}"), loader),
        ];
        files.extend(libraries(&listed, self.entry.folder()));
        Ok(files)
    }
}

impl Part for Programs {
    fn title(&self) -> String {
        format!(
            "{} {} (once)",
            self.set.packages.join(" and "),
            self.set.why
        )
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.entry.is_finished())
    }

    fn make(&self, step: &Step) -> Result<()> {
        let _lock = self.cache.lock("apt", step)?;
        if self.is_there()? {
            return Ok(());
        }
        let apt = Apt::update(&self.cache, ALL, step)?;
        apt.unpack_programs(self.set.packages, self.entry.folder(), step)?;
        self.entry.finish()
    }
}

/// The libraries in a list of the loader's that are files below `folder`.
fn libraries(listed: &str, folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    listed.lines().filter_map(move |line| {
        let (name, found) = line.trim().split_once(" => ")?;
        let file = PathBuf::from(found.rsplit_once(" (")?.0);
        let is_loader = name.ends_with(LOADER);
        (file.starts_with(folder) && !is_loader).then(|| (format!("{LIBRARIES}/{name}"), file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_that_the_loader_found_in_the_folder() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffc)\n\
            \tlibz.so.1 => /cache/p/usr/lib/x86_64-linux-gnu/libz.so.1 (0x00007f01)\n\
            \t/lib64/ld-linux-x86-64.so.2 => /cache/p/usr/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n";
        let found: Vec<_> = libraries(listed, Path::new("/cache/p")).collect();
        let libz = "usr/lib/x86_64-linux-gnu/libz.so.1";
        assert_eq!(found, [(libz.to_owned(), Path::new("/cache/p").join(libz))]);
    }
}
