//! Names of functions in processes, by the library blazesym.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{Input, Symbolizer};

use super::copies::Copies;
use super::jit::Jit;
use super::maps::{FileId, Mapping, Maps};
use super::{LOOK_AGAIN_AFTER, calls, folded};

/// Stacks of one process that are kept before starting afresh.
const STACKS: usize = 4096;

/// Processes kept before starting afresh.
const PROCESSES: usize = 256;
/// Files kept open before starting afresh; processes share most of theirs.
const FILES: usize = 256;

/// Processes that compile while they run, kept before starting afresh: each takes some 30 MB at
/// most.
const JITS: usize = 8;

/// What is known of processes.
pub(super) struct Processes {
    root: PathBuf,
    known: HashMap<u32, Process>,
    /// What those say that compile while they run.
    jits: HashMap<u32, Jit>,
    symbolizer: Symbolizer,
    /// The files that the symbolizer keeps.
    files: HashSet<FileId>,
    /// What it looks at in place of files that others can shrink.
    copies: Copies,
}

/// A process as it was last seen.
struct Process {
    maps: Maps,
    looked_at: Instant,
    stacks: HashMap<Box<[u64]>, Arc<str>>,
}

impl Processes {
    /// The processes below `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            known: HashMap::new(),
            jits: HashMap::new(),
            symbolizer: symbolizer(),
            files: HashSet::new(),
            copies: Copies::default(),
        }
    }

    /// A stack as a line.
    pub(super) fn stack(&mut self, pid: u32, addresses: &[u64]) -> Arc<str> {
        self.look_at(pid);
        if let Some(known) = self.known.get(&pid).and_then(|it| it.stacks.get(addresses)) {
            return Arc::clone(known);
        }
        let names: Vec<_> = calls(addresses)
            .map(|address| self.frame(pid, address))
            .collect();
        let stack = folded::line(names.into_iter());
        if let Some(process) = self.known.get_mut(&pid) {
            if process.stacks.len() >= STACKS {
                process.stacks.clear();
            }
            process.stacks.insert(addresses.into(), Arc::clone(&stack));
        }
        stack
    }

    /// Makes sure that what is known of a process is not old. Another one with the same number has
    /// other code, or the same at other places; what is known of one that has ended stays.
    fn look_at(&mut self, pid: u32) {
        let known = self.known.get(&pid);
        if known.is_some_and(|process| process.looked_at.elapsed() < LOOK_AGAIN_AFTER) {
            return;
        }
        let maps = Maps::of(&self.folder(pid));
        let compiled = self.look_at_jit(pid);
        if self.known.len() >= PROCESSES {
            self.known.clear();
        }
        let process = self.known.entry(pid).or_insert_with(Process::unseen);
        process.looked_at = Instant::now();
        if let Some(maps) = maps.filter(|maps| *maps != process.maps) {
            process.maps = maps;
            process.stacks.clear();
        }
        if compiled {
            process.stacks.clear();
        }
    }

    /// True if it says of its functions what was not known.
    fn look_at_jit(&mut self, pid: u32) -> bool {
        let mut jit = self.jits.remove(&pid).unwrap_or_default();
        let is_new = jit.look_at(&self.folder(pid));
        if jit.is_told() {
            if self.jits.len() >= JITS {
                self.jits.clear();
            }
            self.jits.insert(pid, jit);
        }
        is_new
    }

    /// The function at an address, by the file that is mapped there, else by what the process says
    /// that it has compiled; else the file.
    fn frame(&mut self, pid: u32, address: u64) -> String {
        let folder = self.folder(pid);
        let compiled = self.jits.get(&pid).and_then(|jit| jit.at(address));
        let Some(mapping) = self.known.get(&pid).and_then(|it| it.maps.at(address)) else {
            return compiled.unwrap_or(folded::UNKNOWN).to_owned();
        };
        let file = mapping.open(&folder);
        if let Some(file) = &file
            && self.files.insert(file.id)
            && self.files.len() > FILES
        {
            self.symbolizer = symbolizer();
            self.files = HashSet::from([file.id]);
            self.copies = Copies::default();
        }
        let path = file.as_ref().and_then(|file| self.copies.path(file));
        let function = path.and_then(|path| function(&self.symbolizer, path, mapping, address));
        let function = function.or_else(|| compiled.map(str::to_owned));
        function.unwrap_or_else(|| {
            mapping
                .name()
                .map_or_else(|| folded::UNKNOWN.to_owned(), |name| format!("[{name}]"))
        })
    }

    fn folder(&self, pid: u32) -> PathBuf {
        self.root.join("proc").join(pid.to_string())
    }
}

impl Process {
    fn unseen() -> Self {
        Self {
            maps: Maps::default(),
            looked_at: Instant::now(),
            stacks: HashMap::new(),
        }
    }
}

fn symbolizer() -> Symbolizer {
    Symbolizer::builder().enable_code_info(false).build()
}

/// The function of a file that is mapped at an address, if its symbol table has one there.
fn function(
    symbolizer: &Symbolizer,
    path: PathBuf,
    mapping: &Mapping,
    address: u64,
) -> Option<String> {
    let mut elf = Elf::new(path);
    elf.debug_syms = false;
    let place = Input::FileOffset(mapping.offset_of(address));
    let found = symbolizer.symbolize_single(&Source::Elf(elf), place).ok()?;
    found.as_sym().map(|symbol| symbol.name.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::id;

    use super::*;

    impl Processes {
        fn let_time_pass(&mut self) {
            for process in self.known.values_mut() {
                process.looked_at -= LOOK_AGAIN_AFTER;
            }
        }
    }

    /// Not inlined, so that it has a symbol.
    #[inline(never)]
    fn to_be_found() -> u64 {
        std::hint::black_box(17)
    }

    #[test]
    fn functions_of_this_process_have_names() {
        let address = to_be_found as fn() -> u64 as usize as u64;
        let mut processes = Processes::new("/".into());
        let stack = processes.stack(id(), &[address + 1, address + 1]);
        let frames: Vec<_> = stack.split(';').collect();
        assert_eq!(frames.len(), 2);
        for frame in frames {
            assert!(frame.ends_with("::tests::to_be_found"), "{frame}");
        }
    }

    #[test]
    fn what_is_no_code_is_unknown() {
        let on_the_stack = 17;
        let address = &raw const on_the_stack as u64;
        let mut processes = Processes::new("/".into());
        assert_eq!(
            &*processes.stack(id(), &[address, 1]),
            "[unknown];[unknown]"
        );
        assert_eq!(&*processes.stack(id(), &[]), "");
    }

    #[test]
    fn stacks_are_kept_within_bounds() {
        let mut processes = Processes::new("/".into());
        for address in 0..2 * STACKS as u64 {
            processes.stack(id(), &[address]);
            assert!(processes.known[&id()].stacks.len() <= STACKS);
        }
    }

    /// Its owner may do so at any time, also while it is read; who reads it must not end by that.
    #[test]
    fn a_file_that_shrinks_ends_nobody() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("proc/7");
        let path = process.join("root/program");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let whole = fs::read(std::env::current_exe().unwrap()).unwrap();
        fs::write(&path, &whole).unwrap();
        // Also where this runs as root, others can change it.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let found = fs::metadata(&path).unwrap();
        let (major, minor) = (
            rustix::fs::major(found.dev()),
            rustix::fs::minor(found.dev()),
        );
        let address = to_be_found as fn() -> u64 as usize as u64;
        let own = Maps::of("/proc/self".as_ref()).unwrap();
        let offset = own.at(address).unwrap().offset_of(address);
        let maps = format!(
            "0-7fffffff0000 r-xp 0 {major:x}:{minor:x} {} /program\n",
            found.ino()
        );
        fs::write(process.join("maps"), maps).unwrap();
        let mut processes = Processes::new(folder.path().into());
        let stack = processes.stack(7, &[offset + 1]);
        assert!(stack.ends_with("::tests::to_be_found"), "{stack}");
        let shrinking = std::thread::spawn(move || {
            let file = fs::File::options().write(true).open(&path).unwrap();
            for _ in 0..30 {
                std::os::unix::fs::FileExt::write_all_at(&file, &whole, 0).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
                file.set_len(0).unwrap();
            }
        });
        while !shrinking.is_finished() {
            let mut processes = Processes::new(folder.path().into());
            processes.stack(7, &[offset + 1]);
        }
        shrinking.join().unwrap();
        let mut processes = Processes::new(folder.path().into());
        assert_eq!(&*processes.stack(7, &[offset + 1]), "[program]");
    }

    #[test]
    fn compiled_functions_have_the_names_that_the_process_tells() {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join("proc/7");
        fs::create_dir_all(process.join("root/tmp")).unwrap();
        fs::write(process.join("status"), "NSpid:\t7\n").unwrap();
        let maps = "1000-2000 rwxp 0 00:00 0\n3000-4000 r-xp 0 fe:00 1 /bin/node\n";
        fs::write(process.join("maps"), maps).unwrap();
        let told = process.join("root/tmp/perf-7.map");
        fs::write(&told, "1100 80 py::a;b\n").unwrap();
        let mut processes = Processes::new(folder.path().into());
        let mut stack = || {
            processes.let_time_pass();
            processes
                .stack(7, &[0x1110, 0x1801, 0x3001, 0x9001])
                .to_string()
        };
        assert_eq!(stack(), "[unknown];[node];[unknown];py::a:b");
        fs::write(&told, "1100 80 py::a;b\n1800 10 f\n9000 10 g\n").unwrap();
        assert_eq!(stack(), "g;[node];f;py::a:b");
    }

    #[test]
    fn another_process_with_the_number_gets_its_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let maps = folder.path().join("proc/7/maps");
        let mut processes = Processes::new(folder.path().into());
        let mut stack = || {
            processes.let_time_pass();
            processes.stack(7, &[0x1800]).to_string()
        };
        assert_eq!(stack(), "[unknown]");
        fs::create_dir_all(maps.parent().unwrap()).unwrap();
        for name in ["first", "second"] {
            fs::write(&maps, format!("1000-2000 r-xp 0 fe:00 1 /bin/{name}\n")).unwrap();
            assert_eq!(stack(), format!("[{name}]"));
        }
        // It has ended, and is still known.
        fs::remove_file(&maps).unwrap();
        assert_eq!(stack(), "[second]");
    }
}
