//! Names as the kernel keeps them.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Bytes of a command name that the kernel keeps (`TASK_COMM_LEN` without the zero byte).
const COMM_BYTES: usize = 15;

/// Bytes of a module's name that the kernel keeps (`MODULE_NAME_LEN` without the zero byte).
const MODULE_BYTES: usize = 55;

/// A command name. Two are the same if the kernel keeps them as the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comm(String);

impl Comm {
    /// The bytes that the kernel keeps.
    pub fn bytes(&self) -> &[u8] {
        kept(&self.0)
    }

    /// Is a process or thread called so?
    pub(super) fn is(&self, name: &str) -> bool {
        shown(&self.0) == shown(name)
    }

    /// Has the kernel no room for more than this? Then longer names are the same to it.
    pub(super) fn is_cut(&self) -> bool {
        self.0.len() >= COMM_BYTES
    }

    pub(super) fn hint(&self, word: &str) -> String {
        format!(
            "{word}={self}: the kernel keeps {COMM_BYTES} bytes of a command name, so every name \
             that begins so is taken"
        )
    }
}

fn kept(name: &str) -> &[u8] {
    &name.as_bytes()[..name.len().min(COMM_BYTES)]
}

/// As a recording has it: half a letter is replaced.
fn shown(name: &str) -> Cow<'_, str> {
    String::from_utf8_lossy(kept(name))
}

impl FromStr for Comm {
    type Err = String;

    /// Keeps the letters of which the kernel has at least a part.
    fn from_str(text: &str) -> Result<Self, String> {
        let letters = text.char_indices();
        let kept = letters.filter(|(at, _)| *at < COMM_BYTES);
        Ok(Self(kept.map(|(_, letter)| letter).collect()))
    }
}

/// A cgroup: its path from the root of the memory controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup(String);

impl Cgroup {
    /// The path, which begins with a slash and does not end with one.
    pub fn path(&self) -> &str {
        &self.0
    }

    pub(super) fn is(&self, path: &str) -> bool {
        self.0 == path
    }
}

impl FromStr for Cgroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(below) = text.strip_prefix('/') else {
            return Err(format!(
                "a cgroup is named by its path from the root, as in /proc/PID/cgroup: /{text}"
            ));
        };
        let names: Vec<_> = below.split('/').filter(|name| !name.is_empty()).collect();
        if names.iter().any(|name| matches!(*name, "." | "..")) {
            return Err("a cgroup's path has no . or .. in it".to_owned());
        }
        Ok(Self(format!("/{}", names.join("/"))))
    }
}

/// A driver: the name of its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver(String);

impl Driver {
    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

impl FromStr for Driver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MODULE_BYTES {
            return Err(format!(
                "no module's name is longer than {MODULE_BYTES} bytes"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What a mapping is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingName(String);

impl MappingName {
    /// Is a mapping of this name meant? What the program named stands in brackets there, behind a
    /// colon.
    pub(super) fn is(&self, name: &str) -> bool {
        let given = || Some(name.strip_suffix(']')?.split_once(':')?.1);
        self.0 == name || name.starts_with("[anon") && given() == Some(&*self.0)
    }
}

impl FromStr for MappingName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

macro_rules! shown_as_written {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown_as_written!(Comm Cgroup Driver MappingName);

#[cfg(test)]
mod tests {
    use super::*;

    fn comm(text: &str) -> Comm {
        text.parse().unwrap()
    }

    #[test]
    fn command_names_are_cut_as_the_kernel_cuts_them() {
        assert_eq!(comm("python3").bytes(), b"python3");
        assert_eq!(comm("a-name-of-over-15-bytes").bytes(), b"a-name-of-over-");
        assert!(comm("a-name-of-over-15-bytes").is("a-name-of-over-"));
        assert!(!comm("a-name-of-over").is("a-name-of-over-"));
        // A letter of two bytes, of which there is room for one.
        let half = comm("fourteen-bytesé");
        assert_eq!(half.bytes(), b"fourteen-bytes\xc3");
        assert!(half.is("fourteen-bytes\u{fffd}") && half.is("fourteen-bytesé"));
        assert_eq!(comm(&half.to_string()), half);
        assert!(half.is_cut() && !comm("fourteen-bytes").is_cut());
    }

    #[test]
    fn mappings_are_meant_by_what_the_program_calls_them() {
        let is = |asked: &str, name: &str| asked.parse::<MappingName>().unwrap().is(name);
        assert!(is("weights", "[anon:weights]") && is("weights", "[anon_shmem:weights]"));
        assert!(is("[anon:weights]", "[anon:weights]") && is("model.bin", "model.bin"));
        assert!(is("a:b]", "[anon:a:b]]") && is("[heap]", "[heap]"));
        assert!(!is("weights", "weights.bin") && !is("heap", "[heap]"));
        assert!(!is("b", "[x:b]") && !is("anon", "[anon]"));
    }

    #[test]
    fn cgroups_are_paths_from_the_root() {
        let read = |text: &str| text.parse::<Cgroup>().map(|cgroup| cgroup.0);
        assert_eq!(read("/a/b/"), Ok("/a/b".to_owned()));
        assert_eq!(read("/"), Ok("/".to_owned()));
        assert!(read("a/b").unwrap_err().ends_with(": /a/b"));
        assert!(read("/a/../b").is_err());
    }
}
