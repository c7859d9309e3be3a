//! From the addresses of a stack to names, and from a stack to the driver that migrates.
//!
//! Names of the kernel's functions come from `/proc/kallsyms`. It shows addresses to whoever opened
//! it with `CAP_SYSLOG`, so make [`Symbols`] before privileges are dropped.
//!
//! Names of a process's functions come from the symbol tables of the files that it has mapped.
//! Processes come and go, so that nothing of theirs can be opened before: those of others take
//! `CAP_SYS_PTRACE` for as long as names are wanted, and files to which their path does not lead
//! any more (deleted, replaced, on an overlay) `CAP_CHECKPOINT_RESTORE`. Code that a process
//! generates (JIT) has no names.
//!
//! What cannot be named is unknown, and nothing fails.

mod driver;
mod folded;
mod kallsyms;
mod maps;
mod processes;
mod variables;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use driver::is_helper;
use kallsyms::{Files, Function, Place, Table};
use processes::Processes;
use variables::Variables;

/// How long it may take until a library that has come or gone is noticed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The same of a module: less than from `rmmod` to the first migration of what is loaded in its
/// place. Looking takes a thousandth of it.
const MODULES_AFTER: Duration = Duration::from_millis(100);
/// Stacks kept before starting afresh.
const STACKS: usize = 4096;

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
    table: Table,
    /// What the table was read with.
    modules: Modules,
    looked_at: Instant,
    /// How often it was read again.
    readings: u64,
    stacks: HashMap<Box<[u64]>, Stack>,
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
            table: files.read(),
            files,
            modules,
            looked_at: Instant::now(),
            readings: 0,
            stacks: HashMap::new(),
            processes: Processes::new(root.clone()),
            all_variables: None,
            root,
        }
    }

    /// Whether addresses of the kernel have names at all. `kernel.kptr_restrict` or a lack of
    /// `CAP_SYSLOG` hides them.
    pub(super) fn kernel_readable(&self) -> bool {
        self.table.is_readable()
    }

    /// A number that is another one as soon as names given before need not hold: a module has come
    /// or gone, and others may lie where it lay.
    pub(super) fn readings(&mut self) -> u64 {
        if self.looked_at.elapsed() >= MODULES_AFTER {
            self.refresh();
        }
        self.readings
    }

    /// Where the kernel's variables are that are looked for.
    pub(super) fn variables(&self) -> &HashMap<&'static str, u64> {
        self.table.variables()
    }

    /// The variable of the kernel's, or of a module's, that is at this address.
    pub(super) fn variable(&mut self, address: u64) -> Option<Arc<str>> {
        self.readings();
        self.all_variables
            .get_or_insert_with(|| Variables::new(&self.files.kallsyms()))
            .at(address)
    }

    /// Every function of the kernel and its modules.
    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        self.table.functions()
    }

    /// Modules, and where the code of each is.
    pub(super) fn code_of_modules(&self) -> impl Iterator<Item = (Arc<str>, Range<u64>)> {
        self.table.code_of_modules()
    }

    /// Where the code of the kernel itself is.
    pub(super) fn code_of_kernel(&self) -> &[Range<u64>] {
        self.table.code_of_kernel()
    }

    /// The module that uses a helper, if no other does.
    pub(super) fn only_user(&self, helper: &str) -> Option<Arc<str>> {
        only_user(&self.root, helper)
    }

    /// Reads everything again: modules have come or gone, perhaps one by the name of another.
    /// Stacks that were named may be of other code.
    pub(super) fn read_again(&mut self) {
        self.modules = modules(&self.root);
        self.table = self.files.read();
        self.forget();
        self.looked_at = Instant::now();
    }

    /// Forgets what was made of the symbols before.
    fn forget(&mut self) {
        self.stacks.clear();
        self.all_variables = None;
    }

    /// Names a stack of the kernel: the instruction pointer, then return addresses, innermost
    /// first. What lies inside of the function with which the migration begins is the tracer, and
    /// left out.
    pub(super) fn kernel(&mut self, addresses: &[u64]) -> Stack {
        self.readings();
        if let Some(known) = self.stacks.get(addresses) {
            return known.clone();
        }
        let mut frames = self.places(addresses);
        if frames.contains(&Place::Unknown) && self.refresh() {
            frames = self.places(addresses);
        }
        let stack = Stack {
            folded: folded::kernel(&frames[driver::inside(&frames)..]),
            driver: driver::driver(&frames, |helper| only_user(&self.root, helper)),
        };
        if self.stacks.len() >= STACKS {
            self.stacks.clear();
        }
        self.stacks.insert(addresses.into(), stack.clone());
        stack
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

    fn places(&self, addresses: &[u64]) -> Vec<Place> {
        calls(addresses)
            .map(|address| self.table.place(address))
            .collect()
    }

    /// Reads the symbols again if modules have come or gone.
    fn refresh(&mut self) -> bool {
        self.looked_at = Instant::now();
        let modules = modules(&self.root);
        if modules == self.modules {
            return false;
        }
        self.modules = modules;
        self.table = self.files.read();
        self.forget();
        self.readings += 1;
        true
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
    let mut modules: Modules = entries(&root.join("sys/module"))
        .map(|entry| (entry.file_name(), entry.ino()))
        .collect();
    modules.sort_unstable();
    modules
}

/// The module that uses a helper, if no other does.
fn only_user(root: &Path, helper: &str) -> Option<Arc<str>> {
    let mut users = entries(&root.join("sys/module").join(helper).join("holders"));
    let user = users.next()?;
    let alone = users.next().is_none();
    alone.then(|| user.file_name().to_string_lossy().into())
}

/// What is in a folder; nothing if it cannot be read.
fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests;
