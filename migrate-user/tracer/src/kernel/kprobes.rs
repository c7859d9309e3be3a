//! Kprobes: one for each hook, or all that the kernel's fprobes carry.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};

use aya::Ebpf;
use migrate_bpf::link::{self, Link};
use migrate_bpf::multi::{self, Program, Programs};

use super::modules::Functions;
use super::{Refusal, TracerError};

/// A function of fprobes as they were until Linux 6.13: with room for a few returns at a time,
/// fewer than kprobes have. Since then they are made of the function graph tracer, in which each
/// thread has room for its own.
const OLD_FPROBES: &str = "fprobe_exit_handler";
/// One that all of them have.
const FPROBES: &str = "register_fprobe";

/// Does this kernel have fprobes with room for every call, as far as is known?
pub(super) fn has_fprobes(functions: &Functions) -> bool {
    functions.has(FPROBES) && !functions.has(OLD_FPROBES)
}

/// The programs that hang on fprobes: aya cannot load them.
pub(super) struct Fprobes {
    programs: Programs,
    loaded: HashMap<&'static str, Program>,
}

impl Fprobes {
    /// Of the object whose maps these are.
    pub(super) fn new(object: &[u8], tracer: &Ebpf) -> Result<Self, TracerError> {
        let programs = Programs::new(object, tracer.maps()).map_err(TracerError::Fprobes)?;
        Ok(Self {
            programs,
            loaded: HashMap::new(),
        })
    }

    /// Loads the program of a hook, which in the object has another name.
    pub(super) fn load(&mut self, hook: &'static str, program: &str) -> Result<(), multi::Error> {
        let program = self.programs.load(program)?;
        self.loaded.insert(hook, program);
        Ok(())
    }

    pub(super) fn attach(
        &self,
        hook: &'static str,
        function: &'static str,
        at_return: bool,
    ) -> Result<Link, TracerError> {
        let program = self.loaded.get(hook).ok_or(TracerError::Object(hook))?;
        program
            .attach(function, at_return)
            .map_err(|cause| TracerError::Program {
                function,
                cause: Refusal::new(&cause).to_string(),
            })
    }

    /// Those that are loaded.
    pub(super) fn loaded(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        self.loaded
            .iter()
            .map(|(hook, program)| (*hook, program.as_fd()))
    }
}

/// Hangs a program on a kprobe of its own.
pub(super) fn attach(
    program: impl AsFd,
    function: &'static str,
    at_return: bool,
) -> Result<Link, TracerError> {
    link::kprobe(program, function, at_return).map_err(|cause| TracerError::Program {
        function,
        cause: Refusal::new(&cause).to_string(),
    })
}
