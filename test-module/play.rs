// SPDX-License-Identifier: GPL-2.0

//! Plays real drivers: the same calls in the same order, by the same kind of thread, from functions
//! of the same names. Tracers tell from these names why a migration was made, so that none may be
//! inlined, or left before what it calls.

use kernel::{
    mm::{MmWithUser, MmapReadGuard},
    page::PAGE_SIZE,
    prelude::*,
    sync::aref::ARef,
    transmute::{AsBytes, FromBytes},
};

use crate::{
    amdgpu,
    device_memory::DeviceMemory,
    file::OpenFile,
    inject::MILLION,
    migrate::{Select, Setup},
    nouveau,
    plan::{Delays, Manner, Plan, Target},
    range::Range,
    rogue,
    truth::Kind,
    uapi::{self, Ledger, MAX_BLOCK, MAX_DELAY_NS, Play, Truth, direction, play, play_flags},
    uvm,
    who::Who,
    xe,
};

// SAFETY: Only integers, without padding: `uapi.rs` asserts the size.
unsafe impl FromBytes for Play {}
// SAFETY: As above.
unsafe impl AsBytes for Play {}

/// What is played, and what came of it so far.
pub(crate) struct Act<'a> {
    pub(crate) file: &'a OpenFile,
    pub(crate) request: &'a Play,
    migrations: u64,
    ledger: Ledger,
}

/// How a driver migrates a range of an address space.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) cause: u32,
    pub(crate) select: Select,
    pub(crate) to: Target,
    pub(crate) manner: Manner,
    /// Large pages are one entry.
    pub(crate) compound: bool,
    /// Holes get pages.
    pub(crate) populate: bool,
    /// Nothing follows a setup that collects nothing.
    pub(crate) abandon: bool,
}

/// Plays, and writes what came of it into the request.
pub(crate) fn perform(file: &OpenFile, request: &mut Play) -> Result {
    check(request)?;
    let mut act = Act {
        file,
        request,
        migrations: 0,
        ledger: Ledger::default(),
    };
    let result = act.by_mode();
    let (migrations, ledger) = (act.migrations, act.ledger);
    (request.migrations, request.ledger) = (migrations, ledger);
    result
}

impl<'a> Act<'a> {
    fn by_mode(&mut self) -> Result {
        match self.request.mode {
            play::UVM_FAULT => uvm::fault(self),
            play::UVM_EVICT => uvm::evict(self),
            play::UVM_NUMA => uvm::migrate(self),
            play::AMDGPU_FAULT => amdgpu::fault(self),
            play::AMDGPU_PREFETCH => amdgpu::prefetch(self),
            play::AMDGPU_EVICT => amdgpu::evict(self),
            play::XE_FAULT => xe::fault(self),
            play::XE_PREFETCH => xe::prefetch(self),
            play::XE_TOUCH => xe::touch(self),
            play::XE_EVICT => xe::evict(self),
            play::NOUVEAU_FAULT => nouveau::fault(self),
            play::NOUVEAU_PREFETCH => nouveau::prefetch(self),
            play::NOUVEAU_EVICT => nouveau::evict(self),
            play::ROGUE_CLAIM => rogue::claim(self),
            play::ROGUE_VANISH => rogue::vanish(self),
            _ => Err(EINVAL),
        }
    }

    pub(crate) fn memory(&self) -> &'a DeviceMemory {
        self.file.memory()
    }

    /// The address space that the file is for. Who holds it keeps it in use (`mmget`).
    pub(crate) fn mm(&self) -> Result<ARef<MmWithUser>> {
        self.file.mm().mmget_not_zero().ok_or(ESRCH)
    }

    /// First addresses and lengths of the parts in which the range is migrated.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (address, pages) = (self.request.address as usize, self.request.pages as usize);
        let batch = match self.request.batch {
            0 => pages,
            batch => batch as usize,
        };
        (0..pages)
            .step_by(batch)
            .map(move |first| (address + first * PAGE_SIZE, batch.min(pages - first)))
    }

    /// Migrates the range, part by part, with the mmap lock held.
    pub(crate) fn migrate(&mut self, mmap: &MmapReadGuard<'_>, style: &Style) -> Result {
        for (address, pages) in self.parts() {
            let range = Range::new(mmap, address, pages)?;
            let owner = self.memory().owner();
            let setup = Setup::new(&range, style.select, owner, style.compound)?;
            self.run(&range, setup, style);
        }
        Ok(())
    }

    /// Makes one migration, and keeps its truth.
    pub(crate) fn run(&mut self, range: &Range<'_>, setup: Setup<'_>, style: &Style) {
        let kind = Kind {
            who: Who::of(range.vma().mm()),
            asked: asked(style),
            cause: style.cause,
            address: range.address(0),
            mapping: range.mapping(),
            requested: range.pages(),
            pinned: 0,
            locked: 0,
            device: self.memory().number(),
        };
        let plan = Plan {
            to: style.to,
            manner: style.manner,
            populate: style.populate,
            abandon: style.abandon,
            ..self.plan(kind, style.select)
        };
        let file = self.file;
        let truth = plan.run(setup, |arrived| file.map(range, style.to, arrived));
        self.keep(&truth);
    }

    /// A plan with what the request says.
    pub(crate) fn plan(&self, kind: Kind, select: Select) -> Plan<'a> {
        Plan {
            file: Some(self.file.id()),
            roll_back: self.request.flags & play_flags::ROLL_BACK != 0,
            delays: Delays {
                alloc_and_copy: self.request.delay_ns,
                finalize_and_map: 0,
                asleep: true,
            },
            ..Plan::new(self.memory(), kind, select)
        }
    }

    /// Keeps a truth in the log, and counts it.
    pub(crate) fn keep(&mut self, truth: &Truth) {
        self.memory().accounts.keep(truth, Some(self.file.id()));
        self.migrations += 1;
        self.ledger.add(&truth.ledger);
    }
}

/// Where the pages are to go, as far as the kernel is told.
fn asked(style: &Style) -> u32 {
    match (style.select, style.to) {
        // With nobody's pages, not even that they are not to stay there.
        (_, Target::Node(_)) | (Select::Anywhere, _) => direction::UNKNOWN,
        (Select::System, _) => direction::TO_DEVICE,
        (Select::Device, _) => direction::TO_SYSTEM,
    }
}

fn check(request: &Play) -> Result {
    let unknown = request.flags & !play_flags::ALL != 0 || request.reserved != 0;
    let limit = match request.mode {
        play::UVM_EVICT | play::XE_TOUCH => MAX_BLOCK,
        _ => uapi::MAX_PAGES,
    };
    let length = request.pages == 0 || request.pages > limit;
    let bytes = request.pages.saturating_mul(PAGE_SIZE as u64);
    let overflow = request.address.checked_add(bytes).is_none();
    let unaligned = request.address % PAGE_SIZE as u64 != 0;
    let chance = request.skip.per_million > MILLION;
    let long = request.delay_ns > MAX_DELAY_NS;
    if unknown || length || overflow || unaligned || chance || long {
        return Err(EINVAL);
    }
    Ok(())
}
