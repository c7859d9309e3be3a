//! What the kernel means by the number with which it refuses a program, a map or a hook.

use std::error::Error;
use std::{fmt, io};

use rustix::io::Errno;

/// `ENOTSUPP` of the kernel's own headers, which it lets slip out.
const NOT_SUPPORTED: i32 = 524;

/// A call that the kernel refused: what it said, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    errno: Option<i32>,
    said: String,
}

impl Refusal {
    /// Of an error that has the kernel's number somewhere behind it.
    pub(crate) fn new(error: &(dyn Error + 'static)) -> Self {
        let behind = || std::iter::successors(Some(error), |error| (*error).source());
        let number = |error: &(dyn Error + 'static)| {
            let error: &io::Error = error.downcast_ref()?;
            error.raw_os_error()
        };
        let mut words: Vec<_> = behind().map(|error| error.to_string()).collect();
        // Some repeat what is behind them.
        words.dedup_by(|later, earlier| earlier.ends_with(later.as_str()));
        Self {
            errno: behind().find_map(number),
            said: words.join(": "),
        }
    }

    /// Is this process not allowed to, whatever it asks for?
    pub fn is_forbidden(&self) -> bool {
        self.errno == Some(Errno::PERM.raw_os_error())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)?;
        match self.errno.and_then(meaning) {
            Some(meaning) => write!(f, ": {meaning}"),
            None => Ok(()),
        }
    }
}

/// What a number means where BPF is loaded or attached; `None` for those that say it themselves.
fn meaning(errno: i32) -> Option<&'static str> {
    if errno == NOT_SUPPORTED {
        return Some(
            "this kernel has no BPF trampolines on this architecture, or none for this function",
        );
    }
    Some(match Errno::from_raw_os_error(errno) {
        Errno::PERM => {
            "this process may not. As it has the capabilities, somebody else forbids it: a container's seccomp filter, a user namespace, a \
             security module, lockdown, or whoever runs this machine"
        }
        Errno::ACCESS => {
            "the verifier does not take the program, or a security module (SELinux, AppArmor) forbids it"
        }
        Errno::INVAL => {
            "this kernel does not know what was asked for: it is too old, or was built without it"
        }
        Errno::NOENT => "there is no such function, tracepoint or type in this kernel",
        Errno::BUSY => {
            "somebody else holds it, such as another tracer or a live patch: end that first"
        }
        Errno::TOOBIG => "the program is larger than this kernel takes",
        Errno::NOMEM => {
            "memory is short, or RLIMIT_MEMLOCK is small on a kernel before 5.11: ulimit -l unlimited"
        }
        Errno::NOSYS => "this kernel has no bpf(2): it was built without CONFIG_BPF_SYSCALL",
        Errno::OPNOTSUPP => "this kernel was built without it",
        Errno::MFILE => "too many files are open in this process: raise ulimit -n",
        Errno::NFILE => "too many files are open on this machine: raise fs.file-max",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("`bpf_prog_load` failed")]
    struct Wrapped(#[source] io::Error);

    fn refused(errno: Errno) -> Refusal {
        Refusal::new(&Wrapped(io::Error::from(errno)))
    }

    #[test]
    fn every_number_that_bpf_returns_is_explained() {
        for (errno, word) in [
            (Errno::PERM, "seccomp"),
            (Errno::ACCESS, "verifier"),
            (Errno::INVAL, "too old"),
            (Errno::NOENT, "no such function"),
            (Errno::BUSY, "another tracer"),
            (Errno::TOOBIG, "larger"),
            (Errno::NOMEM, "ulimit -l"),
            (Errno::NOSYS, "CONFIG_BPF_SYSCALL"),
            (Errno::OPNOTSUPP, "built without"),
            (Errno::from_raw_os_error(NOT_SUPPORTED), "architecture"),
        ] {
            let refusal = refused(errno);
            let said = refusal.to_string();
            assert!(said.starts_with("`bpf_prog_load` failed: "), "{said}");
            assert!(said.contains(word), "{said}");
            assert_eq!(refusal.is_forbidden(), errno == Errno::PERM);
        }
        let plain = refused(Errno::IO).to_string();
        assert!(plain.ends_with("(os error 5)"), "{plain}");
    }

    #[test]
    fn nothing_is_said_twice() {
        let own = Refusal::new(&io::Error::from(Errno::IO)).to_string();
        assert_eq!(own.matches("os error").count(), 1, "{own}");
    }
}
