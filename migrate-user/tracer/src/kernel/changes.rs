//! Reads when modules came and went, as the probes note it.

use std::mem::offset_of;
use std::sync::atomic::{Ordering, fence};

use aya::Ebpf;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::names::MODULE_CHANGES;
use migrate_ebpf::wire::{MODULE_CHANGES_KEPT, ModuleChange, ModuleChanges};

use super::TracerError;
use super::symbols::{Change, Symbols};
use crate::machine;

const WORDS: usize = size_of::<ModuleChanges>() / 8;
const COUNT: usize = offset_of!(ModuleChanges, count) / 8;
const LAST: usize = offset_of!(ModuleChanges, last) / 8;
const WORDS_OF_ONE: usize = size_of::<ModuleChange>() / 8;

/// The changes, and how many of them have been told.
pub(super) struct Changes {
    noted: Mapped,
    told: u64,
}

/// What stands where a change is looked for.
enum Noted {
    Change(Change),
    /// It is being written.
    NotYet,
    /// A later one has its place.
    Overwritten,
}

impl Changes {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        let noted = super::mapped(tracer, MODULE_CHANGES, WORDS)?;
        Ok(Self { noted, told: 0 })
    }

    /// Are there any that have not been told?
    pub(super) fn are_behind(&self) -> bool {
        self.told != self.noted.word(COUNT)
    }

    /// Tells those that are new.
    pub(super) fn tell(&mut self, symbols: &mut Symbols) {
        let count = self.noted.word(COUNT);
        while self.told < count {
            match self.noted(self.told + 1) {
                Noted::Change(change) => symbols.changed(change),
                Noted::NotYet => return,
                Noted::Overwritten => symbols.changed_until(machine::boot_time_ns()),
            }
            self.told += 1;
        }
    }

    fn noted(&self, number: u64) -> Noted {
        let place = (number % MODULE_CHANGES_KEPT as u64) as usize;
        let at = LAST + place * WORDS_OF_ONE;
        let word = |offset: usize| self.noted.word(at + offset / 8);
        let read_number = || word(offset_of!(ModuleChange, number));
        // The probes write the number last, and take it away first.
        let before = read_number();
        fence(Ordering::Acquire);
        let time_ns = word(offset_of!(ModuleChange, time_ns));
        let went = word(offset_of!(ModuleChange, went));
        fence(Ordering::Acquire);
        let after = read_number();
        if before == number && after == number {
            return Noted::Change(match went {
                0 => Change::Came(time_ns),
                _ => Change::Went(time_ns),
            });
        }
        if after > number {
            Noted::Overwritten
        } else {
            Noted::NotYet
        }
    }
}
