//! Names of the kernel's variables, for locks that are some. Read when the first is asked for.

use std::sync::Arc;

/// How far behind the beginning of a variable a lock in it may lie: more are in something else.
const WITHIN: u64 = 64 << 10;
/// Below this nothing is an address of the kernel's: offsets in the memory of a processor.
const LOWEST: u64 = 1 << 63;

/// Variables by address.
pub(super) struct Variables {
    /// In the order of their addresses; what is no variable has no name, and ends what is before.
    symbols: Vec<(u64, Option<Box<str>>)>,
}

impl Variables {
    /// Of the text of `/proc/kallsyms`.
    pub(super) fn new(kallsyms: &str) -> Self {
        let mut symbols: Vec<_> = kallsyms.lines().filter_map(symbol).collect();
        // A stable sort: the first of several names for one address stays the first.
        symbols.sort_by_key(|(address, _)| *address);
        Self { symbols }
    }

    /// The variable at this address, or `variable+0x10` for something in it; `None` for memory that
    /// belongs to none.
    pub(super) fn at(&self, address: u64) -> Option<Arc<str>> {
        let behind = self.symbols.partition_point(|(start, _)| *start <= address);
        let (start, _) = self.symbols[..behind].last()?;
        let first = self.symbols.partition_point(|(of, _)| of < start);
        let name = self.symbols[first].1.as_deref()?;
        match address - start {
            0 => Some(name.into()),
            offset if offset < WITHIN => Some(format!("{name}+{offset:#x}").into()),
            _ => None,
        }
    }
}

/// A line: `ffffffff82a00000 d name [module]`.
fn symbol(line: &str) -> Option<(u64, Option<Box<str>>)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let is_variable = matches!(words.next()?, "b" | "B" | "d" | "D");
    let name = words.next()?;
    (address >= LOWEST).then(|| (address, is_variable.then(|| name.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KALLSYMS: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff82a00000 d first
ffffffff82a00000 d same
ffffffff82a00100 D second
ffffffff82a00200 r words
ffffffffc0500000 b svms_lock\t[amdgpu]
";

    #[test]
    fn a_lock_has_the_name_of_its_variable() {
        let variables = Variables::new(KALLSYMS);
        let at = |address| variables.at(address);
        assert_eq!(at(0xffff_ffff_82a0_0000).as_deref(), Some("first"));
        assert_eq!(at(0xffff_ffff_82a0_0110).as_deref(), Some("second+0x10"));
        assert_eq!(at(0xffff_ffff_c050_0000).as_deref(), Some("svms_lock"));
        for nowhere in [
            0x10,
            0xffff_8881_0000_0000,
            0xffff_ffff_82a0_0208,
            0xffff_ffff_c060_0000,
        ] {
            assert_eq!(at(nowhere), None, "{nowhere:#x}");
        }
        assert_eq!(Variables::new("").at(u64::MAX), None);
    }
}
