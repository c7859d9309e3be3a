//! What can be asked of the tracer.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use migrate_ebpf::wire::{self, AskOffsets, Config, MODULE_NAME_WORDS, MappingOffsets};

use super::{TracerError, modules};
use crate::memory_cgroups::MemoryCgroups;
use migscope_recording::trace::filter::{Comm, Driver, Filter};

/// What to trace, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How functions are hooked.
    pub attach: Attach,
    /// Bytes of the ring buffer that records go through: a power of two, and whole pages.
    pub ring_bytes: u32,
    /// Every n-th migration becomes a record; 0: none does, and only the kernel's totals tell of
    /// them.
    pub record_every: u32,
    /// Keep the kernel's stack of every migration.
    pub kernel_stacks: bool,
    /// Keep the user's stack of every migration.
    pub user_stacks: bool,
    /// Measure parts of setup.
    pub sub_steps: bool,
    /// Measure the time that the thread did not run.
    pub off_cpu: bool,
    /// Follow waits of CPUs.
    pub waits: bool,
    /// Follow waits on the device's side.
    pub device_side: bool,
    /// Tell which mapping each migration is in, of those that become records.
    pub mappings: bool,
    /// Follow phases of programs, by functions of these libraries; of all that are found where none
    /// is named. `None`: do not.
    pub phases: Option<Vec<PathBuf>>,
    /// Which migrations are counted at all: those that the probes can ask.
    pub only: Filter,
}

/// The ring's size unless it is said: room for 12,787 records.
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
            waits: true,
            device_side: false,
            mappings: true,
            phases: None,
            only: Filter::default(),
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
    /// By kprobes: those that are made of fprobes where there is room for every call in them, else
    /// each by itself.
    Kprobe,
    /// By kprobes, each by itself.
    SingleKprobe,
}

impl Options {
    /// Can the probes do what is asked for? For what is to fail before anything else is done.
    ///
    /// # Errors
    ///
    /// Says which part of the filter they cannot ask.
    pub fn check(&self) -> Result<(), TracerError> {
        in_kernel(&self.only)
    }

    /// Are there details behind each record?
    pub(super) fn details(&self) -> bool {
        self.sub_steps || self.off_cpu || self.user_stacks || self.phases.is_some()
    }

    /// Are stacks kept of every migration?
    pub(super) fn stacks(&self) -> bool {
        self.kernel_stacks || self.user_stacks
    }

    /// Is it told which mapping a migration is in? Totals have no place for it.
    pub(super) fn tells_mappings(&self, config: &Config) -> bool {
        self.mappings && self.record_every != 0 && config.mapping != MappingOffsets::UNKNOWN
    }

    /// What is asked for beside where the kernel keeps things, which is in `config`.
    pub(super) fn told(&self, config: &Config, filter: &wire::Filter) -> Config {
        let records = self.record_every != 0;
        let process = filter.pid != 0 || filter.comm[0] != 0 || filter.worker[0] != 0;
        Config {
            record_every: self.record_every,
            kernel_stacks: self.kernel_stacks.into(),
            user_stacks: self.user_stacks.into(),
            details: self.details().into(),
            waits: (self.waits || self.device_side).into(),
            mappings: self.tells_mappings(config).into(),
            phases: self.phases.is_some().into(),
            filters: (*filter != wire::Filter::default()).into(),
            names_driver: (filter.driver[0] != 0).into(),
            names_process: (records || process).into(),
            asks: (self.user_stacks && config.ask != AskOffsets::UNKNOWN).into(),
            names_payer: (records || filter.cgroup != 0).into(),
            ..*config
        }
    }
}

/// A filter as the probes understand it. Looks up ids and addresses on this machine.
pub(super) fn to_wire(filter: &Filter) -> Result<wire::Filter, TracerError> {
    in_kernel(filter)?;
    let driver = filter.driver.first().map(Driver::name);
    if let Some(driver) = driver {
        modules::code_of(driver)?;
    }
    let cgroup = filter.cgroup.first().map(|cgroup| cgroup_id(cgroup.path()));
    let comm = |names: &[Comm]| names.first().map_or([0; 2], |name| padded(name.bytes()));
    Ok(wire::Filter {
        pid: filter.pid.first().copied().unwrap_or(0).into(),
        comm: comm(&filter.comm),
        worker: comm(&filter.worker),
        cgroup: cgroup.transpose()?.unwrap_or(0),
        direction: filter.direction.first().map_or(0, |value| *value as u64),
        outcome: filter.outcome.first().map_or(0, |value| *value as u64),
        min_pages: filter.min_pages.unwrap_or(0),
        slower_than_ns: filter.slower_than_ns.unwrap_or(0),
        cause: filter.cause.first().map_or(0, |value| *value as u64),
        driver: driver.map_or([0; MODULE_NAME_WORDS], |name| padded(name.as_bytes())),
    })
}

/// The probes compare one value each: more would cost every migration.
fn in_kernel(filter: &Filter) -> Result<(), TracerError> {
    for (word, values) in filter.asked() {
        let why = match values.len() {
            _ if !word.in_kernel => "the probes do not know it",
            0 | 1 => continue,
            _ => "the probes compare it with one value only",
        };
        let word = word.name;
        return Err(TracerError::NotInKernel { word, why });
    }
    Ok(())
}

/// A name in so many words, cut off to leave room for a zero byte.
fn padded<const WORDS: usize>(name: &[u8]) -> [u64; WORDS] {
    let mut bytes = [[0; 8]; WORDS];
    let places = bytes.as_flattened_mut();
    let last = places.len() - 1;
    for (place, byte) in places[..last].iter_mut().zip(name) {
        *place = *byte;
    }
    bytes.map(u64::from_ne_bytes)
}

fn cgroup_id(path: &str) -> Result<u64, TracerError> {
    let refused = |why: String| TracerError::Filter(format!("--cgroup {path}: {why}"));
    let root = MemoryCgroups::of(Path::new("/"))
        .and_then(|cgroups| cgroups.folder)
        .ok_or_else(|| {
            refused("this machine has no cgroups of the memory controller".to_owned())
        })?;
    let folder = root.join(path.trim_start_matches('/'));
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
    use migrate_ebpf::wire::Direction;

    use super::*;

    fn filter(words: &str) -> Filter {
        words.parse().unwrap()
    }

    #[test]
    fn conditions_are_in_their_places() {
        let wire = to_wire(&filter("pid=7 comm=a-name-of-over-15-bytes min-pages=3")).unwrap();
        let comm = wire.comm.map(u64::to_ne_bytes);
        assert_eq!(comm.as_flattened(), b"a-name-of-over-\0");
        assert_eq!((wire.pid, wire.min_pages), (7, 3));
        let wire = to_wire(&filter("slower-than=5us direction=to_system")).unwrap();
        assert_eq!(
            (wire.slower_than_ns, wire.direction),
            (5000, Direction::ToSystem as u64)
        );
        assert_eq!(
            to_wire(&Filter::default()).unwrap(),
            wire::Filter::default()
        );
    }

    #[test]
    fn what_the_probes_cannot_ask_is_known() {
        let refused = |words: &str| match in_kernel(&filter(words)) {
            Err(TracerError::NotInKernel { word, .. }) => Some(word),
            _ => None,
        };
        assert_eq!(refused("pid=7 comm=a min-pages=1 slower-than=1ms"), None);
        assert_eq!(refused("pid=7,8"), Some("pid"));
        for word in ["tid=7", "errno=22", "address=0x1000", "time=1s.."] {
            assert_eq!(refused(word), word.split('=').next());
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_asked_for() {
        let error = to_wire(&filter("cgroup=/no/such/group")).err();
        let error = error.map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("/no/such/group")));
    }
}
