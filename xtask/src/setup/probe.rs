//! What is on the machine, however it came there.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::output;

/// The oldest LLVM whose libclang and clang recent kernels take.
const LLVM_MINIMUM: u32 = 17;

/// Where a program is, in `PATH` or where only root looks.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Can Python make environments? Debian leaves out what it takes.
pub(super) fn python_environments() -> bool {
    output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

pub(super) fn header(name: &str) -> bool {
    [
        "/usr/include",
        "/usr/include/x86_64-linux-gnu",
        "/usr/local/include",
    ]
    .iter()
    .any(|folder| Path::new(folder).join(name).is_file())
}

/// The folder of the newest libclang, for `LIBCLANG_PATH`.
pub(crate) fn libclang() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("LIBCLANG_PATH").map(PathBuf::from)
        && has_libclang(&folder)
    {
        return Some(folder);
    }
    let versions = fs::read_dir("/usr/lib")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version = llvm_version(&entry.file_name().to_string_lossy())?;
            Some((version, entry.path().join("lib")))
        });
    let usable =
        versions.filter(|(version, folder)| *version >= LLVM_MINIMUM && has_libclang(folder));
    usable.max().map(|(_, folder)| folder).or_else(|| {
        // Where distributions without versions in the path have it.
        ["/usr/lib64", "/usr/lib"]
            .iter()
            .map(PathBuf::from)
            .find(|folder| has_libclang(folder))
    })
}

/// A clang that can build the kernel, for `CC`: the one of our package, else the machine's own.
pub(super) fn clang() -> Option<&'static str> {
    const PACKAGED: &str = "clang-19";
    const OWN: &str = "clang";
    if program(PACKAGED).is_some() {
        return Some(PACKAGED);
    }
    let version = output(Command::new(OWN).arg("-dumpversion")).ok()?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major >= LLVM_MINIMUM).then_some(OWN)
}

fn llvm_version(folder: &str) -> Option<u32> {
    folder.strip_prefix("llvm-")?.parse().ok()
}

fn has_libclang(folder: &Path) -> bool {
    let Ok(files) = fs::read_dir(folder) else {
        return false;
    };
    files.flatten().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name == "libclang.so" || name.starts_with("libclang.so.") || name.starts_with("libclang-")
    })
}

/// A busybox that needs no library.
pub(crate) fn static_busybox() -> Option<PathBuf> {
    let found = ["busybox", "busybox-static"]
        .iter()
        .filter_map(|name| program(name));
    found
        .into_iter()
        .find(|file| fs::read(file).is_ok_and(|elf| is_static(&elf)))
}

/// Whether a 64-bit ELF file names no interpreter.
fn is_static(elf: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let raw = elf.get(at..at + bytes)?;
        raw.iter().rev().try_fold(0_usize, |number, byte| {
            Some(number.checked_mul(256)? + usize::from(*byte))
        })
    };
    let headers = || -> Option<(usize, usize, usize)> {
        Some((number(32, 8)?, number(54, 2)?, number(56, 2)?))
    };
    if !elf.starts_with(b"\x7fELF\x02") {
        return false;
    }
    let Some((start, size, count)) = headers() else {
        return false;
    };
    (0..count).all(|index| {
        number(start + index * size, 4).is_some_and(|kind| kind != INTERPRETER as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut elf = vec![0; 64 + kinds.len() * 56];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = u8::try_from(kinds.len()).unwrap();
        for (index, kind) in kinds.iter().enumerate() {
            elf[64 + index * 56..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        elf
    }

    #[test]
    fn a_static_program_names_no_interpreter() {
        assert!(is_static(&elf(&[1, 1, 4])));
        assert!(!is_static(&elf(&[6, 3, 1])));
        assert!(!is_static(b"#!/bin/sh\n"));
        assert!(!is_static(&elf(&[1])[..66]), "cut off");
    }

    #[test]
    fn versions_of_llvm_are_numbers() {
        assert_eq!(llvm_version("llvm-19"), Some(19));
        assert_eq!(llvm_version("llvm"), None);
        assert_eq!(llvm_version("llvm-13.0"), None);
    }
}
