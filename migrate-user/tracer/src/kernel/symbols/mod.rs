//! From the addresses of a stack to names, and from a stack to the driver that migrates.
//!
//! Names of the kernel's functions come from `/proc/kallsyms`. It shows addresses to whoever opened
//! it with `CAP_SYSLOG`, so make [`Symbols`] before privileges are dropped.
//!
//! Names of a process's functions come from the symbol tables of the files that it has mapped.
//! Processes come and go, so that nothing of theirs can be opened before: those of others take
//! `CAP_SYS_PTRACE` for as long as names are wanted, and files to which their path does not lead
//! any more (deleted, replaced, on an overlay) `CAP_CHECKPOINT_RESTORE`. Code that a process
//! generates (JIT) has the names that the process tells, as perf wants them. Without names are
//! files that others than root can change, of more than 256 MB of symbols, or of 32 bits: of those
//! a copy is looked at.
//!
//! What cannot be named is unknown, and nothing fails.

mod copies;
mod driver;
mod folded;
mod history;
mod jit;
mod kallsyms;
pub(super) mod maps;
mod processes;
mod reading;
mod variables;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) use driver::is_helper;
pub(super) use history::Change;
use history::History;
use kallsyms::{Files, Function};
use processes::Processes;
use reading::Reading;
pub(super) use reading::StackId;
use variables::Variables;

/// How long it may take until a library that has come or gone is noticed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A stack with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// As tools for flame graphs want it: outermost caller first, `;` in between. Frames of the
    /// kernel end in `_[k]`. Where only the module or file is known, it stands in brackets
    /// (`[xe]_[k]`, `[libhsa-runtime64.so.1]`), code that the kernel generated is `[bpf]_[k]`, and
    /// what is not known at all `[unknown]`. Empty for an empty stack.
    pub(super) folded: Arc<str>,
    /// The module that migrates. `None` for user stacks, for drivers that are built into the
    /// kernel, and where it is not known.
    pub(super) driver: Option<Arc<str>>,
}

/// Names of the kernel and of processes. Stacks that were seen before cost a look-up; a change of
/// the loaded modules costs about as long as reading `/proc/kallsyms`, a tenth of a second.
pub(super) struct Symbols {
    root: PathBuf,
    files: Files,
    /// What holds now, unless modules have come or gone since.
    now: Reading,
    /// What held before: records that are taken out of the ring now can be older than a change.
    before: Option<Reading>,
    history: History,
    /// What the first reading was made with.
    modules: Modules,
    processes: Processes,
    /// Those of the modules that were there when somebody asked for one.
    all_variables: Option<Variables>,
}

/// The modules that are there, by name, with a number that no other module ever has had.
type Modules = Vec<(OsString, u64)>;

impl Symbols {
    /// Opens and reads the kernel's list of symbols.
    pub(super) fn new() -> Self {
        Self::at("/")
    }

    fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        // In this order a module that comes in between is noticed later.
        let modules = modules(&root);
        let mut files = Files::open(&root);
        Self {
            now: Reading::new(&root, &mut files),
            before: None,
            history: History::default(),
            files,
            modules,
            processes: Processes::new(root.clone()),
            all_variables: None,
            root,
        }
    }

    /// Whether addresses of the kernel have names at all. `kernel.kptr_restrict` or a lack of
    /// `CAP_SYSLOG` hides them.
    pub(super) fn kernel_readable(&self) -> bool {
        self.now.table.is_readable()
    }

    /// Where the kernel's variables are that are looked for.
    pub(super) fn variables(&self) -> &HashMap<&'static str, u64> {
        self.now.table.variables()
    }

    /// The variable of the kernel's, or of a module's, that was at this address at a time;
    /// nanoseconds of CLOCK_BOOTTIME.
    pub(super) fn variable(&mut self, address: u64, time_ns: u64) -> Option<Arc<str>> {
        if !self.history.holds(&self.now.during, time_ns) {
            return None;
        }
        self.all_variables
            .get_or_insert_with(|| Variables::new(&self.files.kallsyms()))
            .at(address)
    }

    /// The module whose code was at this address at a time.
    pub(super) fn module_at(&self, address: u64, time_ns: u64) -> Option<Arc<str>> {
        if !self.history.holds(&self.now.during, time_ns) {
            return None;
        }
        let mut modules = self.code_of_modules();
        let module = modules.find(|(_, code)| code.contains(&address));
        module.map(|(name, _)| name)
    }

    /// Every function of the kernel and its modules.
    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        self.now.table.functions()
    }

    /// Modules, and where the code of each is.
    pub(super) fn code_of_modules(&self) -> impl Iterator<Item = (Arc<str>, Range<u64>)> {
        self.now.table.code_of_modules()
    }

    /// Where the code of the kernel itself is.
    pub(super) fn code_of_kernel(&self) -> &[Range<u64>] {
        self.now.table.code_of_kernel()
    }

    /// The module that uses a helper, if no other does.
    pub(super) fn only_user(&self, helper: &str) -> Option<Arc<str>> {
        self.now.only_user(helper)
    }

    /// A module came or went. Changes are told in their order.
    pub(super) fn changed(&mut self, change: Change) {
        self.history.add(change);
    }

    /// Modules came and went until this time of which nothing is known.
    pub(super) fn changed_until(&mut self, time_ns: u64) {
        self.history.forget_until(time_ns);
    }

    /// Reads them as they are now, which changes nothing yet.
    pub(super) fn read(&mut self) -> Reading {
        Reading::new(&self.root, &mut self.files)
    }

    /// A new reading: what was seen before it came is still named by the one before.
    pub(super) fn go_on_with(&mut self, reading: Reading) {
        self.before = Some(std::mem::replace(&mut self.now, reading));
        self.all_variables = None;
    }

    /// Reads again if modules have come or gone since [`Symbols::new`], of which nobody has told
    /// before now.
    pub(super) fn catch_up(&mut self) {
        if self.modules != modules(&self.root) {
            self.now = self.read();
            self.all_variables = None;
        }
    }

    /// Names the kernel's stack with an id, which was taken at a time: nanoseconds of
    /// CLOCK_BOOTTIME. `addresses`: the instruction pointer, then return addresses, innermost
    /// first.
    pub(super) fn kernel(
        &mut self,
        id: StackId,
        time_ns: u64,
        addresses: impl FnOnce() -> Option<Vec<u64>>,
    ) -> Option<Stack> {
        let holds = |reading: &Reading| self.history.holds(&reading.during, time_ns);
        if holds(&self.now) {
            return self.now.stack(id, addresses);
        }
        match self.before.as_mut().filter(|before| holds(before)) {
            Some(before) => before.stack(id, addresses),
            None => Some(self.now.without_modules(id, &addresses()?)),
        }
    }

    /// Names a stack of a process, innermost first, while it is alive. Names of a process that has
    /// ended are those that it was seen with. The first function of a file costs reading its symbol
    /// table, which is long where the file is large.
    pub(super) fn user(&mut self, pid: u32, addresses: &[u64]) -> Stack {
        Stack {
            folded: self.processes.stack(pid, addresses),
            driver: None,
        }
    }
}

/// The instructions at which the frames stand. A return address is that of the instruction behind
/// the call, which may be another function's; the first address is no return address.
fn calls(addresses: &[u64]) -> impl Iterator<Item = u64> {
    let first = addresses.iter().take(1).copied();
    first.chain(addresses.iter().skip(1).map(|to| to.saturating_sub(1)))
}

/// The inode number of a module's folder tells it from the same module loaded again.
fn modules(root: &Path) -> Modules {
    let folder = fs::read_dir(root.join("sys/module"));
    let mut modules: Modules = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (entry.file_name(), entry.ino()))
        .collect();
    modules.sort_unstable();
    modules
}

#[cfg(test)]
mod tests;
