//! Which functions there are, and where the code of a module lies.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use super::TracerError;
use super::causes::cause_of;

const KALLSYMS: &str = "/proc/kallsyms";

/// The addresses of a module's functions.
pub(super) fn code_of(module: &str) -> Result<Range<u64>, TracerError> {
    let refused = |why: &str| TracerError::Filter(format!("--driver {module}: {why}"));
    let symbols = fs::read_to_string(KALLSYMS)
        .map_err(|cause| refused(&format!("{KALLSYMS} cannot be read ({cause})")))?;
    match code_in(&symbols, module) {
        None => Err(refused(&format!(
            "no such module is loaded. {}; `lsmod` lists all modules. A driver that is built into the kernel cannot be told by its code",
            migrating(&symbols)
        ))),
        Some(code) if code.start == 0 => Err(refused(
            "this user is not shown addresses: run it as root, or with CAP_SYSLOG, and see `sysctl kernel.kptr_restrict`",
        )),
        Some(code) => Ok(code),
    }
}

/// The modules that are known to migrate, in words.
fn migrating(symbols: &str) -> String {
    let module = |line: &str| {
        let (symbol, name) = line.split_once('\t')?;
        let name = name.strip_prefix('[')?.strip_suffix(']')?;
        let function = symbol.split(' ').nth(2)?;
        cause_of(function).map(|_| name.to_owned())
    };
    let modules: BTreeSet<_> = symbols.lines().filter_map(module).collect();
    match modules.is_empty() {
        true => "None that is known to migrate is".to_owned(),
        false => {
            let names: Vec<_> = modules.into_iter().collect();
            format!("Known to migrate: {}", names.join(", "))
        }
    }
}

/// The kernel's functions, by name.
pub(super) struct Functions(String);

impl Functions {
    /// Those of this kernel; `None` if they cannot be read.
    pub(super) fn read() -> Option<Self> {
        fs::read_to_string(KALLSYMS).ok().map(Self)
    }

    /// Is there a function of this name, of its own?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.lines().any(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            matches!(words.next(), Some("t" | "T")) && words.next() == Some(name)
        })
    }
}

/// From a module's first function to its last, which is taken to end where its page does: modules
/// do not share pages.
fn code_in(symbols: &str, module: &str) -> Option<Range<u64>> {
    const PAGE: u64 = 4096;
    let functions = symbols.lines().filter_map(|line| {
        let (symbol, name) = line.split_once('\t')?;
        if name != format!("[{module}]") {
            return None;
        }
        let (address, rest) = symbol.split_once(' ')?;
        let is_function = rest.starts_with(['t', 'T']);
        is_function.then(|| u64::from_str_radix(address, 16).ok())?
    });
    let (first, last) = functions.fold(None, |range, address| match range {
        None => Some((address, address)),
        Some((first, last)) => Some((address.min(first), address.max(last))),
    })?;
    Some(first..(last / PAGE + 1) * PAGE)
}

#[cfg(test)]
mod tests {
    use super::{Functions, code_in, migrating};

    const SYMBOLS: &str = "ffffffff81000000 T _text\n\
        ffffffffa0001020 t fault\t[xe]\n\
        ffffffffa0001000 T xe_probe\t[xe]\n\
        ffffffffa0009000 d xe_data\t[xe]\n\
        ffffffffa0003000 t other\t[xe_helper]\n";

    #[test]
    fn functions_are_told_from_variables() {
        let functions = Functions(SYMBOLS.to_owned());
        assert!(functions.has("_text") && functions.has("fault"));
        assert!(!functions.has("xe_data") && !functions.has("xe"));
    }

    #[test]
    fn drivers_that_are_loaded_are_named() {
        assert_eq!(migrating(SYMBOLS), "None that is known to migrate is");
        let more = format!("{SYMBOLS}ffffffffa0005000 t xe_vm_madvise_ioctl\t[xe]\n");
        assert_eq!(migrating(&more), "Known to migrate: xe");
    }

    #[test]
    fn only_the_modules_own_functions_count() {
        assert_eq!(
            code_in(SYMBOLS, "xe"),
            Some(0xffff_ffff_a000_1000..0xffff_ffff_a000_2000)
        );
        assert_eq!(code_in(SYMBOLS, "amdgpu"), None);
    }
}
