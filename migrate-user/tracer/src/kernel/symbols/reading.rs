//! The kernel's symbols as they were at one time, and what stacks are called by them.

use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use super::driver::{self, HELPERS};
use super::kallsyms::{Files, Place, Table};
use super::{Stack, calls, folded};
use crate::machine;

/// What stacks are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum StackId {
    /// Of a thread that was traced. What lies inside of the function with which a migration begins
    /// is the tracer, and left out.
    Caller(i32),
    /// Of one that had a lock, and was off its CPU.
    Holder(u32),
}

pub(in super::super) struct Reading {
    pub(super) table: Table,
    /// From when to when it took, nanoseconds of CLOCK_BOOTTIME.
    pub(super) during: RangeInclusive<u64>,
    /// Of helpers that one module alone uses, that module.
    users: HashMap<&'static str, Arc<str>>,
    /// Stacks by their ids, under which there is never another: as many as are kept at most. `None`
    /// where nothing was kept.
    stacks: HashMap<StackId, Option<Stack>>,
}

impl Reading {
    pub(super) fn new(root: &Path, files: &mut Files) -> Self {
        let began = machine::boot_time_ns();
        let users = HELPERS
            .into_iter()
            .filter_map(|helper| Some((helper, only_user(root, helper)?)))
            .collect();
        let table = files.read();
        Self {
            table,
            during: began..=machine::boot_time_ns(),
            users,
            stacks: HashMap::new(),
        }
    }

    /// The module that uses a helper, if no other does.
    pub(super) fn only_user(&self, helper: &str) -> Option<Arc<str>> {
        self.users.get(helper).cloned()
    }

    /// The stack with an id. `addresses`: its instruction pointer, then return addresses, innermost
    /// first.
    pub(super) fn stack(
        &mut self,
        id: StackId,
        addresses: impl FnOnce() -> Option<Vec<u64>>,
    ) -> Option<Stack> {
        if let Some(known) = self.stacks.get(&id) {
            return known.clone();
        }
        let stack = addresses().map(|addresses| self.named(id, &self.places(&addresses)));
        self.stacks.insert(id, stack.clone());
        stack
    }

    /// A stack of a time of which is not known where modules were.
    pub(super) fn without_modules(&self, id: StackId, addresses: &[u64]) -> Stack {
        let mut places = self.places(addresses);
        for place in &mut places {
            if matches!(place, Place::Module(..)) {
                *place = Place::Unknown;
            }
        }
        self.named(id, &places)
    }

    fn named(&self, id: StackId, frames: &[Place]) -> Stack {
        match id {
            StackId::Caller(_) => Stack {
                folded: folded::kernel(&frames[driver::inside(frames)..]),
                driver: driver::driver(frames, |helper| self.only_user(helper)),
            },
            StackId::Holder(_) => Stack {
                folded: folded::kernel(frames),
                driver: None,
            },
        }
    }

    fn places(&self, addresses: &[u64]) -> Vec<Place> {
        calls(addresses)
            .map(|address| self.table.place(address))
            .collect()
    }
}

fn only_user(root: &Path, helper: &str) -> Option<Arc<str>> {
    let holders = root.join("sys/module").join(helper).join("holders");
    let mut users = fs::read_dir(holders).into_iter().flatten().flatten();
    let user = users.next()?;
    let alone = users.next().is_none();
    alone.then(|| user.file_name().to_string_lossy().into())
}
