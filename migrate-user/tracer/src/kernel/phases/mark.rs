//! A phase of the whole machine, told by a function that does nothing: a tracer of the same program
//! file has hooked it. That takes no permission, no file to write to, and no symbol, which a
//! program may have been stripped of. (Nobody can hook what writes to `trace_marker`: the kernel
//! leaves its own tracing out of what may be traced.)

use std::ffi::{CStr, c_char};
use std::fs;
use std::hint::black_box;

/// The file of this program.
pub(super) const OWN_FILE: &str = "/proc/self/exe";

/// Says that the whole machine is in this phase from now on; an empty name ends it. Only tracers
/// that run from the same program file see it.
pub fn mark(name: &CStr) {
    black_box(marked as Marked)(name.as_ptr());
}

type Marked = extern "C" fn(*const c_char);

/// What is hooked.
#[inline(never)]
extern "C" fn marked(name: *const c_char) {
    black_box(name);
}

/// Where it is in the file.
pub(super) fn offset() -> Option<u64> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    offset_of(&maps, marked as Marked as usize as u64)
}

/// Where an address is in the file that is mapped there: a line is `start-end flags offset ...`.
fn offset_of(maps: &str, address: u64) -> Option<u64> {
    maps.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (start, end) = words.next()?.split_once('-')?;
        let [start, end, offset] =
            [start, end, words.nth(1)?].map(|hex| u64::from_str_radix(hex, 16));
        let range = start.ok()?..end.ok()?;
        range
            .contains(&address)
            .then(|| address - range.start + offset.ok().unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_file() {
        let maps = "1000-3000 r--p 00000000 fe:00 42 /usr/bin/migscope\n\
            3000-5000 r-xp 00001000 fe:00 42 /usr/bin/migscope\n";
        assert_eq!(offset_of(maps, 0x3010), Some(0x1010));
        assert_eq!(offset_of(maps, 0x5000), None);
    }

    /// The code that is there in the file is the code that runs.
    #[test]
    fn the_function_is_in_this_programs_file() {
        let at = offset().unwrap() as usize;
        let file = fs::read(OWN_FILE).unwrap();
        assert!(file.len() > at);
        mark(c"nobody sees this");
    }
}
