//! Phases of programs.

use std::fmt;
use std::str::FromStr;

/// What stands between a phase and those nested in it.
const NESTED: char = '/';

/// Asks for migrations in no phase.
const NONE: &str = "none";

/// A phase, wherever it is nested, and what is nested in it: a name, or several with `/` between
/// them; or none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase(String);

impl Phase {
    /// Is a migration with this path in the phase?
    pub(super) fn has(&self, path: &str) -> bool {
        if self.0 == NONE || path.is_empty() {
            return self.0 == NONE && path.is_empty();
        }
        let path: Vec<_> = path.split(NESTED).collect();
        let asked: Vec<_> = self.0.split(NESTED).collect();
        path.windows(asked.len()).any(|names| names == asked)
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.split(NESTED).any(str::is_empty) {
            return Err("a phase is a name, or several with one / between each two".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_has_what_is_nested_in_it() {
        let has = |asked: &str, path: &str| asked.parse::<Phase>().unwrap().has(path);
        for asked in ["train", "forward", "train/forward", "copy", "forward/copy"] {
            assert!(has(asked, "train/forward/copy"), "{asked}");
        }
        for asked in ["tra", "train/copy", "train/forward/copy/more", "none"] {
            assert!(!has(asked, "train/forward/copy"), "{asked}");
        }
        assert!(has("none", "") && !has("train", ""));
    }

    #[test]
    fn a_path_has_no_empty_names() {
        for wrong in ["/train", "train/", "a//b"] {
            assert!(wrong.parse::<Phase>().is_err(), "{wrong}");
        }
    }
}
