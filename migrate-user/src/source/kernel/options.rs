//! What can be asked of the tracer.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use migrate_ebpf::wire::{Config, Filter, MODULE_NAME_WORDS};

use super::{TracerError, modules};
use crate::model::{Cause, Direction, Outcome};
use crate::source::MemoryCgroups;

/// What to trace, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How functions are hooked.
    pub attach: Attach,
    /// Bytes of the ring buffer that records go through: a power of two, and whole pages.
    pub ring_bytes: u32,
    /// Every n-th migration becomes a record; 0: none does, and only the kernel's totals tell of them.
    pub record_every: u32,
    /// Keep the kernel's stack of every migration.
    pub kernel_stacks: bool,
    /// Keep the user's stack of every migration.
    pub user_stacks: bool,
    /// Measure parts of setup.
    pub sub_steps: bool,
    /// Measure the time that the thread did not run.
    pub off_cpu: bool,
    /// Which migrations are counted at all.
    pub only: Only,
}

/// The ring's size unless it is said: room for 15,887 records.
pub const RING_BYTES: u32 = 4 << 20;

impl Default for Options {
    fn default() -> Self {
        Self {
            attach: Attach::Auto,
            ring_bytes: RING_BYTES,
            record_every: 1,
            kernel_stacks: false,
            user_stacks: false,
            sub_steps: false,
            off_cpu: false,
            only: Only::default(),
        }
    }
}

/// How functions are hooked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attach {
    /// By BPF trampolines where the kernel has them, else by kprobes.
    #[default]
    Auto,
    /// By BPF trampolines.
    Fentry,
    /// By kprobes: those that are made of fprobes where there is room for every call in them, else each by itself.
    Kprobe,
    /// By kprobes, each by itself.
    SingleKprobe,
}

/// Which migrations are counted; `None` asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Of this process.
    pub pid: Option<u32>,
    /// Of processes with this command name.
    pub comm: Option<String>,
    /// By threads with this command name that are none of the process's own.
    pub worker: Option<String>,
    /// Of processes whose memory this cgroup pays for: a path below the root of the memory controller.
    pub cgroup: Option<PathBuf>,
    /// By this driver's module.
    pub driver: Option<String>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// For this cause.
    pub cause: Option<Cause>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Of at least so many requested base pages.
    pub min_pages: Option<u64>,
    /// Whose steps together took at least so long.
    pub slower_than: Option<Duration>,
}

impl Options {
    /// Are there details behind each record?
    pub(super) fn details(&self) -> bool {
        self.sub_steps || self.off_cpu
    }

    /// Are stacks kept of every migration?
    pub(super) fn stacks(&self) -> bool {
        self.kernel_stacks || self.user_stacks
    }

    /// Puts what is asked for beside where the kernel keeps things.
    pub(super) fn tell(&self, config: &mut Config) {
        config.record_every = self.record_every;
        config.kernel_stacks = self.kernel_stacks.into();
        config.user_stacks = self.user_stacks.into();
        config.details = self.details().into();
    }
}

impl Only {
    /// In the words of the command line; `None` if everything is wanted.
    pub fn words(&self) -> Option<String> {
        let mut words = String::new();
        let mut word = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let space = if words.is_empty() { "" } else { " " };
                let _ = write!(words, "{space}--{name} {value}");
            }
        };
        word("pid", self.pid.map(|pid| pid.to_string()));
        word("comm", self.comm.clone());
        word("worker", self.worker.clone());
        let cgroup = self.cgroup.as_ref();
        word("cgroup", cgroup.map(|path| path.display().to_string()));
        word("driver", self.driver.clone());
        word("direction", self.direction.map(|d| d.name().to_owned()));
        word("cause", self.cause.map(|cause| cause.name().to_owned()));
        word("outcome", self.outcome.map(|o| o.name().to_owned()));
        word("min-pages", self.min_pages.map(|pages| pages.to_string()));
        let slower = self
            .slower_than
            .map(|time| format!("{}ns", time.as_nanos()));
        word("slower-than", slower);
        (!words.is_empty()).then_some(words)
    }

    /// As the probes understand it. Looks up ids and addresses on this machine.
    pub(super) fn filter(&self) -> Result<Filter, TracerError> {
        if let Some(driver) = &self.driver {
            modules::code_of(driver)?;
        }
        let slower_than = self.slower_than.unwrap_or_default().as_nanos();
        let filter = Filter {
            asked: 0,
            pid: self.pid.unwrap_or(0).into(),
            comm: self.comm.as_deref().map_or([0; 2], comm),
            worker: self.worker.as_deref().map_or([0; 2], comm),
            cgroup: self.cgroup.as_deref().map_or(Ok(0), cgroup_id)?,
            direction: self.direction.map_or(0, |direction| direction as u64),
            outcome: self.outcome.map_or(0, |outcome| outcome as u64),
            min_pages: self.min_pages.unwrap_or(0),
            slower_than_ns: u64::try_from(slower_than).unwrap_or(u64::MAX),
            cause: self.cause.map_or(0, |cause| cause as u64),
            driver: self
                .driver
                .as_deref()
                .map_or([0; MODULE_NAME_WORDS], padded),
        };
        Ok(Filter {
            asked: u64::from(filter != Filter::default()),
            ..filter
        })
    }
}

/// A command name as the kernel keeps it: cut off to leave room for a zero byte.
fn comm(name: &str) -> [u64; 2] {
    padded(name)
}

/// A name in so many words, cut off to leave room for a zero byte.
fn padded<const WORDS: usize>(name: &str) -> [u64; WORDS] {
    let mut bytes = [[0; 8]; WORDS];
    let places = bytes.as_flattened_mut();
    let last = places.len() - 1;
    for (place, byte) in places[..last].iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    bytes.map(u64::from_ne_bytes)
}

fn cgroup_id(path: &Path) -> Result<u64, TracerError> {
    let refused = |why: String| TracerError::Filter(format!("--cgroup {}: {why}", path.display()));
    let root = MemoryCgroups::of(Path::new("/"))
        .and_then(|cgroups| cgroups.folder)
        .ok_or_else(|| {
            refused("this machine has no cgroups of the memory controller".to_owned())
        })?;
    let folder = root.join(path.strip_prefix("/").unwrap_or(path));
    match fs::metadata(&folder) {
        Ok(found) => Ok(found.ino()),
        Err(cause) => Err(refused(format!(
            "{} cannot be found ({cause}). Name it by its path below {}, as in /proc/PID/cgroup",
            folder.display(),
            root.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_as_the_kernel_cuts_them() {
        let bytes = |name| comm(name).map(u64::to_ne_bytes).as_flattened().to_vec();
        assert_eq!(bytes("python3"), b"python3\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes("a-name-of-over-15-bytes"), b"a-name-of-over-\0");
    }

    #[test]
    fn a_filter_is_told_in_the_words_it_was_asked_with() {
        assert_eq!(Only::default().words(), None);
        let only = Only {
            pid: Some(7),
            direction: Some(Direction::ToSystem),
            slower_than: Some(Duration::from_micros(5)),
            ..Only::default()
        };
        assert_eq!(
            only.words().as_deref(),
            Some("--pid 7 --direction to_system --slower-than 5000ns")
        );
    }

    #[test]
    fn what_is_not_there_cannot_be_asked_for() {
        let only = Only {
            cgroup: Some("/no/such/group".into()),
            ..Only::default()
        };
        let error = only.filter().err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("/no/such/group")));
    }
}
