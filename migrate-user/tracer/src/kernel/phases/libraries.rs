//! Which files have functions to mark phases with.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::super::TracerError;
use super::super::symbols::maps::{FileId, MappedFile, Mapping, Maps};

/// How the names of libraries begin that have them. What NVTX 3 is a program has in its own code,
/// without a function to hook.
const NAMES: [&str; 3] = [
    "libroctx64.so",
    "librocprofiler-sdk-roctx.so",
    "libnvToolsExt.so",
];

/// Where the dynamic linker keeps what libraries there are: paths, each with a zero byte behind it.
const LINKER_CACHE: &str = "/etc/ld.so.cache";

/// A file with such functions, or one that may have them.
pub(super) struct Library {
    file: MappedFile,
    /// What it is called where it was found.
    pub(super) name: String,
    /// It was asked for by name.
    pub(super) is_named: bool,
}

impl Library {
    /// Good for as long as this lives.
    pub(super) fn path(&self) -> PathBuf {
        self.file.path()
    }
}

/// Each file once.
pub(super) type Libraries = HashMap<FileId, Library>;

/// The libraries of these paths; where there are none, all that processes have mapped or that the
/// dynamic linker would find.
pub(super) fn find(named: &[PathBuf]) -> Result<Libraries, TracerError> {
    let mut files = Libraries::new();
    for path in named {
        let name = path.display().to_string();
        let Some(file) = MappedFile::at(path) else {
            return Err(TracerError::NoLibrary { path: name });
        };
        add(&mut files, file, name, true);
    }
    if named.is_empty() {
        for path in installed() {
            if let Some(file) = MappedFile::at(&path) {
                add(&mut files, file, path.display().to_string(), false);
            }
        }
        for process in processes() {
            add_mapped(&mut files, &folder(process));
        }
    }
    Ok(files)
}

fn add(files: &mut Libraries, file: MappedFile, name: String, is_named: bool) {
    let id = file.id;
    let library = || Library {
        file,
        name,
        is_named,
    };
    files.entry(id).or_insert_with(library);
}

/// Adds those that a process has, by their names.
fn add_mapped(files: &mut Libraries, process: &Path) {
    let maps = Maps::of(process).unwrap_or_default();
    for mapping in maps.files() {
        if let Some(name) = mapping.name().filter(|name| is_one(name))
            && let Some(file) = mapping.open(process)
        {
            add(files, file, name.to_owned(), false);
        }
    }
}

/// The processes that have one of these files mapped.
pub(super) fn users(files: &Libraries) -> HashSet<u32> {
    processes().filter(|pid| uses(*pid, files)).collect()
}

fn uses(pid: u32, files: &Libraries) -> bool {
    let process = folder(pid);
    let is_one_of = |mapping: &Mapping| {
        // Some file systems tell another device here than of their files.
        let may_be = mapping.name().is_some_and(is_one) || files.keys().any(|id| mapping.is_of(id));
        let file = may_be.then(|| mapping.open(&process)).flatten();
        file.is_some_and(|file| files.contains_key(&file.id))
    };
    let maps = Maps::of(&process).unwrap_or_default();
    maps.files().any(is_one_of)
}

fn folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// Is a file of this name such a library, in whatever version?
fn is_one(name: &str) -> bool {
    NAMES.iter().any(|begins| name.starts_with(begins))
}

/// Those that the dynamic linker would find.
fn installed() -> Vec<PathBuf> {
    let cache = fs::read(LINKER_CACHE).unwrap_or_default();
    in_cache(&cache)
}

fn in_cache(cache: &[u8]) -> Vec<PathBuf> {
    let texts = cache.split(|byte| *byte == 0);
    let paths = texts.filter_map(|text| std::str::from_utf8(text).ok());
    let paths = paths.filter(|path| path.starts_with('/'));
    let named = paths.filter(|path| path.rsplit('/').next().is_some_and(is_one));
    named.map(PathBuf::from).collect()
}

/// The processes of this machine.
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_names() {
        for name in ["libroctx64.so.4", "libroctx64.so", "libnvToolsExt.so.1.0.0"] {
            assert!(is_one(name), "{name}");
        }
        assert!(!is_one("libroctx.so") && !is_one("libc.so.6"));
    }

    #[test]
    fn the_linkers_cache_has_paths() {
        let cache = b"\x01\x02libroctx64.so.4\0/opt/rocm/lib/libroctx64.so.4\0/lib/libc.so.6\0";
        assert_eq!(
            in_cache(cache),
            [PathBuf::from("/opt/rocm/lib/libroctx64.so.4")]
        );
    }

    /// This test's own file stands in for a library: it is mapped by a process, this one.
    #[test]
    fn who_has_a_library_is_found() {
        let own = std::env::current_exe().unwrap();
        let found = find(&[own]).unwrap();
        assert_eq!(found.len(), 1);
        assert!(users(&found).contains(&std::process::id()));
        assert!(find(&["/no/such/library".into()]).is_err());
    }
}
