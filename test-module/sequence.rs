// SPDX-License-Identifier: GPL-2.0

//! The three kernel calls of one migration, the arrays they share, and when they happened.
//! `migrate.rs` makes a type of each state of it, so that the calls can only come in the right
//! order.

use core::marker::PhantomData;
use kernel::{mm::virt::VmaRef, prelude::*, types::NotThreadSafe};

use crate::{
    arrays::{Array, Behind, Pagewise, Structure},
    bindings::{
        self, migrate_vma, migrate_vma_direction_MIGRATE_VMA_SELECT_COMPOUND as SELECT_COMPOUND,
    },
    clock::now,
    folio::{NewFolio, Pfn},
    mpfn::{COMPOUND, MIGRATE, Mpfn},
    quietly,
    timeline::{Span, Timeline},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Setup was not called, or refused, or finalize is over: nothing is owed to the kernel.
    Idle,
    /// Setup succeeded.
    Collected,
    /// Pages was called.
    Migrated,
}

enum Call<'mm> {
    /// `migrate_vma_*`.
    Vma(Structure<'mm>),
    /// `migrate_device_*`, with single pages.
    DevicePages,
    /// `migrate_device_*`, with a range that begins here.
    DeviceRange(Pfn),
    /// `migrate_device_*`, with a setup for each page.
    DevicePagewise(Pagewise),
}

/// # Invariants
///
/// - `src` and `dst` have as many entries as pages were requested.
/// - From a successful setup to the end of finalize the phase is not `Idle`, and the mmap lock of
///   the VMA (if there is one) is held for `'mm`.
/// - While the phase is `Collected`, every valid entry of `dst` owns a [`NewFolio`]. Later they are
///   the kernel's.
pub(crate) struct Sequence<'mm> {
    call: Call<'mm>,
    src: Array<'mm>,
    dst: Array<'mm>,
    /// How many entries the kernel filled in.
    len: usize,
    phase: Phase,
    timeline: Timeline,
    _locked: PhantomData<&'mm VmaRef>,
    // The kernel takes folio locks in setup that the same thread gives back in finalize.
    _thread: NotThreadSafe,
}

impl<'mm> Sequence<'mm> {
    /// For a range of a VMA.
    ///
    /// # Safety
    ///
    /// `args.vma` is valid and its mmap lock is held for `'mm`; `start` and `end` span `pages`
    /// pages. A `fault_page` is one that the fault handler of this VMA holds locked and referenced
    /// for `'mm`.
    pub(crate) unsafe fn of_vma(args: migrate_vma, pages: usize) -> Result<Self> {
        let call = Call::Vma(Structure::Own(KBox::new(args, GFP_KERNEL)?));
        Self::new(call, KVVec::from_elem(0, pages, quietly())?)
    }

    /// The same, with a structure that others have used or will.
    ///
    /// # Safety
    ///
    /// As above.
    pub(crate) unsafe fn of_vma_in(
        structure: &'mm mut migrate_vma,
        args: migrate_vma,
        pages: usize,
    ) -> Result<Self> {
        *structure = args;
        let call = Call::Vma(Structure::Lent(structure));
        Self::new(call, KVVec::from_elem(0, pages, quietly())?)
    }

    /// For device pages, wherever they are mapped.
    ///
    /// # Safety
    ///
    /// Each of `pfns` is a page of device memory that stays registered for `'mm`.
    pub(crate) unsafe fn of_device(pfns: KVVec<Pfn>) -> Result<Self> {
        Self::new(Call::DevicePages, pfns)
    }

    /// For a range of device pages, wherever they are mapped.
    ///
    /// # Safety
    ///
    /// `pages` pages from `first` on are device memory that stays registered for `'mm`.
    pub(crate) unsafe fn of_device_range(first: Pfn, pages: usize) -> Result<Self> {
        Self::new(
            Call::DeviceRange(first),
            KVVec::from_elem(0, pages, quietly())?,
        )
    }

    /// For device pages one by one, wherever they are mapped. The arrays are as long as there are
    /// positions.
    ///
    /// # Safety
    ///
    /// Each frame is a page of device memory that stays registered for `'mm`. The order has
    /// positions at which there is a frame, each once.
    pub(crate) unsafe fn of_device_pagewise(
        pagewise: Pagewise,
        src: &'mm mut [usize],
        dst: &'mm mut [usize],
    ) -> Result<Self> {
        if src.len() != pagewise.frames.len() || dst.len() != src.len() {
            return Err(EINVAL);
        }
        src.fill(0);
        dst.fill(0);
        let (src, dst) = (Array::Lent(src), Array::Lent(dst));
        Ok(Self::with(Call::DevicePagewise(pagewise), src, dst))
    }

    fn new(call: Call<'mm>, src: KVVec<usize>) -> Result<Self> {
        let dst = KVVec::from_elem(0, src.len(), quietly())?;
        Ok(Self::with(call, Array::Own(src), Array::Own(dst)))
    }

    fn with(call: Call<'mm>, src: Array<'mm>, dst: Array<'mm>) -> Self {
        // INVARIANT: Setup was not called yet.
        Self {
            call,
            src,
            dst,
            len: 0,
            phase: Phase::Idle,
            timeline: Timeline::default(),
            _locked: PhantomData,
            _thread: NotThreadSafe,
        }
    }

    pub(crate) fn requested(&self) -> usize {
        self.src.len()
    }

    pub(crate) fn timeline(&self) -> Timeline {
        self.timeline
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What stands at a position, where device memory is asked for.
    pub(crate) fn behind(&self, index: usize) -> Behind {
        match &self.call {
            Call::DeviceRange(first) => Behind::Page(first + index),
            Call::DevicePagewise(Pagewise { frames, .. }) => {
                frames[index].map_or(Behind::Nothing, Behind::Page)
            }
            // Of single pages, the array had the numbers before the kernel wrote to it.
            Call::Vma(_) | Call::DevicePages => Behind::Unknown,
        }
    }

    pub(crate) fn src(&self, index: usize) -> Mpfn {
        Mpfn(self.src[index])
    }

    pub(crate) fn dst(&self, index: usize) -> Mpfn {
        Mpfn(self.dst[index])
    }

    pub(crate) fn setup(&mut self) -> Result {
        let (src, dst) = (self.src.as_mut_ptr(), self.dst.as_mut_ptr());
        let (span, result) = match &mut self.call {
            Call::Vma(args) => {
                let args: &mut migrate_vma = args;
                args.src = src;
                args.dst = dst;
                let args: *mut migrate_vma = args;
                // SAFETY: VMA, lock and range are right by the requirements of `of_vma`; by the
                // type invariants the arrays are as long as the range.
                Span::of(|| unsafe { bindings::migrate_vma_setup(args) })
            }
            Call::DevicePages => {
                let pages = self.src.len();
                // SAFETY: By the requirements of `of_device` the array holds device pages.
                Span::of(|| unsafe { bindings::migrate_device_pfns(src, pages) })
            }
            Call::DeviceRange(first) => {
                let (first, pages) = (*first, self.src.len());
                // SAFETY: By the requirements of `of_device_range` these are device pages; the
                // array is as long.
                Span::of(|| unsafe { bindings::migrate_device_range(src, first, pages) })
            }
            Call::DevicePagewise(pagewise) => {
                let (span, pauses) = set_up_pagewise(pagewise, &mut self.src);
                self.timeline.pauses = pauses;
                (span, 0)
            }
        };
        self.timeline.setup = Some(span);
        kernel::error::to_result(result)?;
        self.len = match &self.call {
            Call::Vma(args) => args.npages,
            Call::DevicePages | Call::DeviceRange(_) | Call::DevicePagewise(_) => self.src.len(),
        };
        // INVARIANT: Setup succeeded; `dst` is as empty as it was made.
        self.phase = Phase::Collected;
        Ok(())
    }

    /// Puts a destination into an empty entry.
    pub(crate) fn place(&mut self, index: usize, folio: NewFolio) -> Result {
        if self.phase != Phase::Collected || index >= self.len || self.dst(index).is_valid() {
            return Err(EINVAL);
        }
        // INVARIANT: The entry owns the folio now.
        self.dst[index] = Mpfn::destination(folio).0;
        Ok(())
    }

    /// Puts a destination that does not say that it is large into an empty entry, where a large one
    /// is wanted. For device pages only, which the kernel then leaves where they are: it would
    /// split what a VMA maps.
    pub(crate) fn place_unmarked(&mut self, index: usize, folio: NewFolio) -> Result {
        if matches!(self.call, Call::Vma(_)) {
            return Err(EINVAL);
        }
        self.place(index, folio)?;
        self.dst[index] &= !COMPOUND;
        Ok(())
    }

    /// Has what was collected stay where it is: the kernel is told so before pages. It stays locked
    /// until finalize.
    pub(crate) fn retire(&mut self, index: usize) -> Result {
        let fits = self.phase == Phase::Collected && index < self.len;
        if !fits || self.dst(index).is_valid() || !self.src(index).is_valid() {
            return Err(EINVAL);
        }
        self.src[index] &= !MIGRATE;
        Ok(())
    }

    /// Says that a hole was collected at a position at which nothing was, and which has a
    /// destination. Of a VMA only, in which the kernel looks before it maps anything; and not among
    /// large folios, of which a tail is as empty.
    pub(crate) fn claim(&mut self, index: usize) -> Result {
        let Call::Vma(args) = &self.call else {
            return Err(EINVAL);
        };
        let pagewise = args.flags & SELECT_COMPOUND as usize == 0;
        let fits = self.phase == Phase::Collected && index < self.len && pagewise;
        if !fits || !self.src(index).is_nothing() || !self.dst(index).is_valid() {
            return Err(EINVAL);
        }
        self.src[index] = MIGRATE;
        Ok(())
    }

    /// Takes the arrays of an empty sequence away from the kernel, which is told that they have no
    /// entries.
    pub(crate) fn vanish(&mut self) -> Result {
        let is_empty = self.phase == Phase::Collected && self.is_empty();
        let Call::Vma(args) = &mut self.call else {
            return Err(EINVAL);
        };
        if !is_empty {
            return Err(EINVAL);
        }
        args.npages = 0;
        args.dst = core::ptr::null_mut();
        // INVARIANT: Nothing was collected, and `dst` owns nothing.
        self.len = 0;
        Ok(())
    }

    pub(crate) fn pages(&mut self) {
        let (src, dst, len) = (self.src.as_mut_ptr(), self.dst.as_mut_ptr(), self.len);
        let (span, ()) = match &mut self.call {
            Call::Vma(args) => {
                let args: *mut migrate_vma = &mut **args;
                // SAFETY: The wrappers call this only after a successful setup, once; valid
                // destinations are locked and referenced by the type invariants.
                Span::of(|| unsafe { bindings::migrate_vma_pages(args) })
            }
            Call::DevicePages | Call::DeviceRange(_) | Call::DevicePagewise(_) => {
                // SAFETY: As above.
                Span::of(|| unsafe { bindings::migrate_device_pages(src, dst, len) })
            }
        };
        self.timeline.pages = Some(span);
        // INVARIANT: Destinations are the kernel's from here on.
        self.phase = Phase::Migrated;
    }

    /// Ends the sequence, in whichever state it is. Does nothing when there is nothing to end.
    pub(crate) fn finalize(&mut self) {
        match self.phase {
            Phase::Idle => return,
            // Finalize takes a destination beside a collected page for one that the page has moved
            // to, and would map it although `migrate_vma_pages` has not run.
            Phase::Collected => self.take_back_destinations(),
            Phase::Migrated => {}
        }
        let (src, dst, len) = (self.src.as_mut_ptr(), self.dst.as_mut_ptr(), self.len);
        let (span, ()) = match &mut self.call {
            Call::Vma(args) => {
                let args: *mut migrate_vma = &mut **args;
                // SAFETY: Setup succeeded, and finalize was not called since: the phase says so.
                Span::of(|| unsafe { bindings::migrate_vma_finalize(args) })
            }
            Call::DevicePages | Call::DeviceRange(_) | Call::DevicePagewise(_) => {
                // SAFETY: As above.
                Span::of(|| unsafe { bindings::migrate_device_finalize(src, dst, len) })
            }
        };
        self.timeline.finalize = Some(span);
        // INVARIANT: Finalize is over.
        self.phase = Phase::Idle;
    }

    /// Whether setup left nothing behind that pages or finalize would have to deal with.
    fn is_empty(&self) -> bool {
        let owes = |entry: &usize| Mpfn(*entry).is_migrating() || Mpfn(*entry).is_valid();
        !self.src[..self.len].iter().any(owes) && !self.dst[..self.len].iter().any(owes)
    }

    /// Ends an empty sequence after setup, without another call.
    pub(crate) fn abandon(&mut self) -> Result {
        if !self.is_empty() {
            return Err(EINVAL);
        }
        // INVARIANT: Nothing was collected, and `dst` owns nothing: nothing is owed.
        self.phase = Phase::Idle;
        Ok(())
    }

    fn take_back_destinations(&mut self) {
        for entry in &mut self.dst[..self.len] {
            let destination = Mpfn(core::mem::take(entry));
            if destination.is_valid() {
                // SAFETY: By the type invariants the entry owned a `NewFolio` of this size; it is
                // empty now.
                drop(unsafe { NewFolio::from_pfn(destination.pfn(), destination.size()) });
            }
        }
    }
}

/// A setup for each page. Gives the time from the first to the last, and what passed between them.
fn set_up_pagewise(pagewise: &Pagewise, src: &mut [usize]) -> (Span, u64) {
    let begin = now();
    let mut whole = Span {
        from: begin,
        to: begin,
    };
    let mut pauses = 0;
    for (n, index) in pagewise.order.iter().enumerate() {
        let Some(frame) = pagewise.frames[*index] else {
            continue;
        };
        let entry: *mut usize = &mut src[*index];
        // SAFETY: By the requirements of `of_device_pagewise` it is a page of device memory; there
        // is room for one.
        let (span, _) = Span::of(|| unsafe { bindings::migrate_device_range(entry, frame, 1) });
        if n == 0 {
            whole.from = span.from;
        } else {
            pauses += span.from - whole.to;
        }
        whole.to = span.to;
    }
    (whole, pauses)
}

impl Drop for Sequence<'_> {
    fn drop(&mut self) {
        self.finalize();
    }
}
