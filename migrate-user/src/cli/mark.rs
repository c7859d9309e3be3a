//! Options of `mark`.

use std::ffi::CString;

use clap::Args;

/// Options of `mark`.
#[derive(Args, Debug)]
#[command(after_help = "\
Every recorder of this machine that follows phases (--phases) and runs from the same program file sees it, and nobody else is \
told. It takes no permission. All of the machine is in the phase, until another one is marked; phases that programs open themselves \
are nested in it: load/train/forward.

Examples:
  migscope mark load && ./load && migscope mark train && ./train; migscope mark --end")]
pub struct Mark {
    /// What the phase is called, 63 bytes at most
    #[arg(required_unless_present = "end", conflicts_with = "end", value_parser = phase)]
    pub name: Option<CString>,
    /// The phase is over, and none follows
    #[arg(long)]
    pub end: bool,
}

/// Bytes of a name that is kept whole.
const MOST: usize = 63;

fn phase(text: &str) -> Result<CString, &'static str> {
    match CString::new(text) {
        Ok(name) if !name.is_empty() && name.count_bytes() <= MOST => Ok(name),
        _ => Err("expected a name of 1 to 63 bytes; --end ends a phase"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_whole() {
        let longest = "a".repeat(MOST);
        assert_eq!(phase(&longest), Ok(CString::new(longest.clone()).unwrap()));
        for wrong in ["", &"a".repeat(MOST + 1), "a\0b"] {
            assert!(phase(wrong).is_err(), "{wrong:?}");
        }
    }
}
