//! Reads memory of the kernel's, by a program that the kernel has checked.

use std::collections::HashMap;

use aya::Ebpf;
use aya::maps::Array;
use aya::programs::{Program, RawTracePointRunOptions, TestRun as _};
use migrate_ebpf::wire::{self, PEEK_WORDS, names};

const PROGRAM: &str = "peek";
const WORDS: usize = size_of::<wire::Peek>() / 8;

/// Reads words at addresses. What cannot be read is `None`.
pub(super) struct Peek<'a> {
    pub(super) tracer: &'a mut Ebpf,
    pub(super) variables: &'a HashMap<&'static str, u64>,
}

impl Peek<'_> {
    /// The address of a variable.
    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        self.variables.get(name).copied()
    }

    /// The word at this address.
    pub(super) fn word(&mut self, address: u64) -> Option<u64> {
        // What lies behind may be another page, which cannot be read: that page's end is where
        // these words end.
        let bytes = (PEEK_WORDS * 8) as u64;
        let page = address | 0xfff;
        let from = address.min((page + 1).saturating_sub(bytes));
        let words = self.words(from)?;
        words.get(((address - from) / 8) as usize).copied()
    }

    /// As many words from this address on as are read at once.
    pub(super) fn words(&mut self, address: u64) -> Option<[u64; PEEK_WORDS]> {
        let Some(Program::RawTracePoint(peek)) = self.tracer.program_mut(PROGRAM) else {
            return None;
        };
        let mut options = RawTracePointRunOptions::new();
        options.args[0] = address;
        peek.test_run(options).ok()?;
        let read: Array<_, [u64; WORDS]> = Array::try_from(self.tracer.map(names::PEEK)?).ok()?;
        let [ok, words @ ..] = read.get(&0, 0).ok()?;
        (ok != 0).then_some(words)
    }
}
