//! Functions that a process has compiled while it runs, from the file in which it says so:
//! `/tmp/perf-PID.map`, as perf reads it. JIT compilers write it (`node --perf-basic-prof`, Java's
//! agents), and Python does (`python -X perf`). A line is `START LENGTH NAME`, in hexadecimal.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};

/// The most of a file that is read, bytes; what is behind that has no names.
const MOST_BYTES: u64 = 16 << 20;

/// The most functions of a process.
const MOST_FUNCTIONS: usize = 1 << 17;

/// The longest name, bytes; a longer one is cut.
const MOST_NAME: usize = 512;

/// What a process has told of its functions so far.
#[derive(Debug, Default)]
pub(super) struct Jit {
    /// By their beginnings.
    functions: Vec<Function>,
    /// Which file it is: another has other functions.
    file: Option<(u64, u64)>,
    /// How far it was read, to the end of a line.
    read: u64,
}

#[derive(Debug)]
struct Function {
    start: u64,
    end: u64,
    name: Box<str>,
}

impl Jit {
    /// Reads what has been written since. True if that tells of functions that were not known.
    pub(super) fn look_at(&mut self, process: &Path) -> bool {
        let Some((mut file, found)) = open(process) else {
            // What one that has ended has said stays; one that says nothing may be another.
            let forgets = self.is_told() && process.exists();
            if forgets {
                *self = Self::default();
            }
            return forgets;
        };
        let length = found.st_size.cast_unsigned();
        let is_another = self.file != Some((found.st_dev, found.st_ino)) || length < self.read;
        if is_another {
            *self = Self {
                file: Some((found.st_dev, found.st_ino)),
                ..Self::default()
            };
        }
        let before = self.read;
        // What cannot be read has no names.
        let _ = self.go_on(&mut file);
        self.read > before || is_another
    }

    /// Has the process said anything?
    pub(super) fn is_told(&self) -> bool {
        self.file.is_some()
    }

    fn go_on(&mut self, file: &mut File) -> io::Result<()> {
        let left = MOST_BYTES.saturating_sub(self.read);
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.take(left).read_to_end(&mut bytes)?;
        // The last line may still be written.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(whole.map_or(0, |at| at + 1));
        self.read += bytes.len() as u64;
        self.add(&String::from_utf8_lossy(&bytes));
        Ok(())
    }

    /// Takes in lines. Memory is used again for other functions: later lines hold.
    fn add(&mut self, text: &str) {
        let room = MOST_FUNCTIONS - self.functions.len();
        let new: Vec<_> = text.lines().filter_map(function).take(room).collect();
        self.functions.extend(new);
        self.functions.sort_by_key(|function| function.start);
        self.functions.dedup_by(|later, earlier| {
            let same = later.start == earlier.start;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }

    /// The function at an address.
    pub(super) fn at(&self, address: u64) -> Option<&str> {
        let behind = self.functions.partition_point(|it| it.start <= address);
        let last = self.functions[..behind].last()?;
        (address < last.end).then_some(&*last.name)
    }
}

fn function(line: &str) -> Option<Function> {
    let hex = |text: &str| {
        let text = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(text, 16).ok()
    };
    let (start, rest) = line.split_once(' ')?;
    let (length, name) = rest.split_once(' ')?;
    let start = hex(start)?;
    let name = name.trim();
    let cut = (0..=MOST_NAME).rev().find(|at| name.is_char_boundary(*at));
    let name = name.get(..cut?.min(name.len()))?;
    (!name.is_empty()).then_some(Function {
        start,
        end: start.checked_add(hex(length)?)?,
        name: name.into(),
    })
}

/// The file of a process, in its own file system and under the number that it has there. It must be
/// its owner's own: another could tell it what it likes, and a link could lead to anything.
fn open(process: &Path) -> Option<(File, Stat)> {
    let path = format!("tmp/perf-{}.map", own_number(process)?);
    let owner = fs::metadata(process).ok()?.uid();
    let (flags, mode) = (OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let root = process.join("root");
    let root = rustix::fs::open(root, flags | OFlags::DIRECTORY, mode).ok()?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let named = flags | OFlags::NOFOLLOW;
    let file: OwnedFd = rustix::fs::openat2(&root, path, named, mode, resolve).ok()?;
    let found = rustix::fs::fstat(&file).ok()?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if !is_file || found.st_uid != owner || found.st_nlink != 1 {
        return None;
    }
    let opened = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    Some((opened, found))
}

/// The number that a process calls itself by: the last of those of its namespaces.
fn own_number(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;

    /// A process that calls itself 12, and what it says of its functions.
    struct Process {
        folder: tempfile::TempDir,
    }

    impl Process {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("root/tmp")).unwrap();
            fs::write(
                folder.path().join("status"),
                "Name:\tnode\nNSpid:\t700\t12\n",
            )
            .unwrap();
            Self { folder }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("root/tmp/perf-12.map")
        }

        fn says(&self, text: &str) {
            let file = File::options().append(true).create(true).open(self.path());
            file.unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn jit(&self) -> Jit {
            let mut jit = Jit::default();
            jit.look_at(self.folder.path());
            jit
        }
    }

    #[test]
    fn functions_are_found_by_their_addresses() {
        let process = Process::new();
        process.says(
            "7f0000001000 20 py::train:/job/train.py\n0x7f0000002000 0x10 LazyCompile:~f a.js:3\n",
        );
        let jit = process.jit();
        assert_eq!(jit.at(0x7f00_0000_1000), Some("py::train:/job/train.py"));
        assert_eq!(jit.at(0x7f00_0000_101f), Some("py::train:/job/train.py"));
        assert_eq!(jit.at(0x7f00_0000_1020), None);
        assert_eq!(jit.at(0x7f00_0000_2008), Some("LazyCompile:~f a.js:3"));
        assert_eq!(jit.at(0xfff), None);
    }

    #[test]
    fn what_is_written_later_is_read_later_and_holds() {
        let process = Process::new();
        process.says("1000 10 first\n2000 10 half");
        let mut jit = process.jit();
        assert_eq!((jit.at(0x1000), jit.at(0x2000)), (Some("first"), None));
        assert!(!jit.look_at(process.folder.path()));
        process.says(" a line\n1000 8 second\n");
        assert!(jit.look_at(process.folder.path()));
        assert_eq!(jit.at(0x1000), Some("second"));
        assert_eq!(
            (jit.at(0x1009), jit.at(0x2000)),
            (None, Some("half a line"))
        );
        // Another process of the same number begins anew.
        fs::remove_file(process.path()).unwrap();
        process.says("3000 10 other\n");
        jit.look_at(process.folder.path());
        assert_eq!((jit.at(0x1000), jit.at(0x3000)), (None, Some("other")));
        // One that says nothing has nothing of the other's, and one that has ended keeps all.
        let ended = process.folder.path().join("ended");
        assert!(!jit.look_at(&ended) && jit.at(0x3000).is_some());
        fs::remove_file(process.path()).unwrap();
        assert!(jit.look_at(process.folder.path()) && jit.at(0x3000).is_none());
    }

    #[test]
    fn lines_that_make_no_sense_are_left_out() {
        let process = Process::new();
        process.says("\n1000\n1000 10\nxyz 10 a\n1000 zz b\nffffffffffffffff 10 c\n1000 10  \n\u{fffd} 1 d\n5000 1 good\n");
        let jit = process.jit();
        assert_eq!((jit.functions.len(), jit.at(0x5000)), (1, Some("good")));
    }

    #[test]
    fn what_others_put_there_is_not_read() {
        let process = Process::new();
        let elsewhere = process.folder.path().join("root/elsewhere");
        fs::write(&elsewhere, "1000 10 secret\n").unwrap();
        std::os::unix::fs::symlink("../elsewhere", process.path()).unwrap();
        assert_eq!(process.jit().at(0x1000), None);
        fs::remove_file(process.path()).unwrap();
        fs::hard_link(&elsewhere, process.path()).unwrap();
        assert_eq!(process.jit().at(0x1000), None);
        fs::remove_file(process.path()).unwrap();
        // Nobody writes to it: who opens it to read would wait for ever.
        rustix::fs::mknodat(
            rustix::fs::CWD,
            process.path(),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(process.jit().at(0x1000), None);
        fs::remove_file(process.path()).unwrap();
        fs::rename(&elsewhere, process.path()).unwrap();
        assert_eq!(process.jit().at(0x1000), Some("secret"));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(process.path(), Some(65_534), None).unwrap();
            assert_eq!(process.jit().at(0x1000), None);
        }
    }

    /// A link leads to where it leads for the process.
    #[test]
    fn links_do_not_lead_out_of_its_file_system() {
        let process = Process::new();
        fs::create_dir(process.folder.path().join("root/scratch")).unwrap();
        fs::remove_dir(process.folder.path().join("root/tmp")).unwrap();
        std::os::unix::fs::symlink("/scratch", process.folder.path().join("root/tmp")).unwrap();
        let path = process.folder.path().join("root/scratch/perf-12.map");
        fs::write(path, "1000 10 inside\n").unwrap();
        assert_eq!(process.jit().at(0x1000), Some("inside"));
    }

    #[test]
    fn memory_is_bounded() {
        let process = Process::new();
        let long = "n".repeat(2 * MOST_NAME);
        process.says(&format!("1 1 {long}\n"));
        assert_eq!(process.jit().at(1).unwrap().len(), MOST_NAME);
        let lines: Vec<_> = (0..MOST_FUNCTIONS + 9)
            .map(|at| format!("{at:x}0 8 f"))
            .collect();
        process.says(&(lines.join("\n") + "\n"));
        assert_eq!(process.jit().functions.len(), MOST_FUNCTIONS);
        let file = File::options().write(true).open(process.path()).unwrap();
        file.set_len(4 * MOST_BYTES).unwrap();
        assert!(process.jit().read <= MOST_BYTES);
    }
}
