// SPDX-License-Identifier: GPL-2.0

//! No real driver: one that breaks rules, so that tracers are seen to tell of it.
//!
//! Nothing here can harm the kernel. A position that is claimed looks to it like a hole in which
//! somebody else has put a page meanwhile, for which it looks in the page table; and of arrays
//! without entries it reads none.

use kernel::prelude::*;

use crate::{
    migrate::Select,
    plan::{Manner, Target},
    play::{Act, Style},
    uapi::cause,
};

const STYLE: Style = Style {
    cause: cause::PREFETCH,
    select: Select::System,
    to: Target::Device,
    manner: Manner::Claiming,
    compound: false,
    populate: false,
    abandon: false,
};

/// What was not collected is marked as if it were.
pub(crate) fn claim(act: &mut Act<'_>) -> Result {
    migrate(act, &STYLE)
}

/// Where nothing is to be done, it is done with arrays that are not there.
pub(crate) fn vanish(act: &mut Act<'_>) -> Result {
    let style = Style {
        select: Select::Device,
        to: Target::System,
        manner: Manner::Vanishing,
        ..STYLE
    };
    migrate(act, &style)
}

fn migrate(act: &mut Act<'_>, style: &Style) -> Result {
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    act.migrate(&mmap, style)
}
