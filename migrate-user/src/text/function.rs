//! Names of functions as their authors wrote them.

use std::borrow::Cow;

/// What stands behind the kernel's functions in stacks.
const OF_KERNEL: &str = "_[k]";

/// A frame of a stack. Recordings hold the kernel's functions by the names of its symbol table, in
/// which those of Rust are mangled; those of processes were read as their authors wrote them, C++
/// too.
pub fn function(frame: &str) -> Cow<'_, str> {
    let name = frame.strip_suffix(OF_KERNEL).unwrap_or(frame);
    let Ok(function) = rustc_demangle::try_demangle(name) else {
        return Cow::Borrowed(frame);
    };
    // Without the hashes of crates, which say nothing to people. `;` would end the frame.
    let function = format!("{function:#}").replace(';', ":");
    Cow::Owned(function + &frame[name.len()..])
}

/// A stack, with `;` between its frames.
pub fn stack(frames: &str) -> String {
    let frames: Vec<_> = frames.split(';').map(function).collect();
    frames.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_is_demangled_and_all_else_stays() {
        for (frame, shown) in [
            (
                "_RNvMs_NtCs3qbHQcE1aKf_12migrate_test3foxNtB4_3Fox5carry_[k]",
                "<migrate_test::fox::Fox>::carry_[k]",
            ),
            (
                "_ZN12migrate_test3fox5carry17h0123456789abcdefE",
                "migrate_test::fox::carry",
            ),
            ("migrate_vma_setup_[k]", "migrate_vma_setup_[k]"),
            ("[amdgpu]_[k]", "[amdgpu]_[k]"),
            ("std::vector<int>::push_back", "std::vector<int>::push_back"),
            ("", ""),
        ] {
            assert_eq!(function(frame), shown);
        }
        assert_eq!(
            stack("_ZN1a1b17h0123456789abcdefE;ioctl_[k]"),
            "a::b;ioctl_[k]"
        );
    }
}
