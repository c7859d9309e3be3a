//! Random calls of the driver.

use std::{
    ffi::{CStr, CString},
    io,
    os::{fd::RawFd, unix::ffi::OsStringExt as _},
    path::PathBuf,
    sync::atomic::{AtomicI32, Ordering},
};

use anyhow::{Context as _, Result};

use super::{
    arena::Arena,
    arguments::{self, Facts},
    tally::Tally,
};
use crate::{
    device,
    rng::Rng,
    uapi::{
        self, Configuration, Evict, Info, Migrate, Play, TakeWaits, Totals, Truth, Wait, WaitTotals,
    },
};

/// Open files that the threads of a process share.
const FILES: usize = 10;

/// Devices, opened and closed while others use them.
#[derive(Debug)]
pub(super) struct Files {
    descriptors: [AtomicI32; FILES],
    paths: Vec<CString>,
}

impl Files {
    pub(super) fn new() -> Result<Self> {
        let path = |path: PathBuf| CString::new(path.into_os_string().into_vec());
        let files = Self {
            descriptors: std::array::from_fn(|_| AtomicI32::new(-1)),
            paths: device::all_paths()
                .into_iter()
                .map(path)
                .collect::<Result<_, _>>()
                .context("a device's path")?,
        };
        for slot in 0..FILES {
            files.reopen(slot);
        }
        Ok(files)
    }

    /// Opens a device and closes the one that was in its place, whoever is using it.
    pub(super) fn reopen(&self, slot: usize) {
        let new = open(&self.paths[slot % self.paths.len()]);
        let old = self.descriptors[slot % FILES].swap(new, Ordering::AcqRel);
        close(old);
    }

    /// Any of them. It may be closed by the time it is used.
    pub(super) fn any(&self, rng: &mut Rng) -> RawFd {
        self.descriptors[rng.below(FILES)].load(Ordering::Acquire)
    }

    pub(super) fn reopen_any(&self, rng: &mut Rng) {
        self.reopen(rng.below(FILES));
    }
}

/// Opens a device, or gives -1. Of a caller who may allocate nothing.
pub(super) fn open(path: &CStr) -> RawFd {
    // SAFETY: The path ends with a zero.
    unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) }
}

fn close(descriptor: RawFd) {
    if descriptor >= 0 {
        // SAFETY: The descriptor was opened by us. Who still uses its number gets an error, or
        // another device, or something of this program's that can take any of these calls.
        unsafe { libc::close(descriptor) };
    }
}

/// Where an argument is, in whatever memory, good or bad.
#[derive(Clone, Copy)]
enum Place {
    /// In this program's memory.
    Own,
    /// In the arena.
    Arena(usize),
    /// Where nothing is.
    Nowhere(usize),
}

impl Place {
    fn some(rng: &mut Rng, arena: &Arena) -> Self {
        match rng.below(32) {
            0 | 1 => {
                let part = arena.part(rng);
                // It may reach into the next page, and past the end.
                Self::Arena(part.address + rng.below(part.bytes))
            }
            2 => Self::Nowhere(rng.pick(&[
                0,
                1,
                0xff8,
                0xffff_8880_0000_0000,
                0xffff_ffff_ffff_f000,
                usize::MAX,
                1 << 62,
            ])),
            _ => Self::Own,
        }
    }
}

/// What a call needs to know.
pub(super) struct Caller<'a> {
    pub(super) tally: &'a Tally,
    pub(super) arena: &'a Arena,
    pub(super) facts: Facts,
}

impl Caller<'_> {
    /// One random call.
    pub(super) fn call(&self, file: RawFd, rng: &mut Rng) {
        match rng.below(64) {
            0..=31 => self.migrate(file, rng),
            32..=33 => self.map(file, rng),
            34..=35 => self.make_exclusive(file, rng),
            36..=43 => self.play(file, rng),
            44..=51 => self.evict(file, rng),
            52..=54 => self.configure(file, rng),
            55 => self.ask(file, rng, uapi::INFO, Info::default()),
            56 => self.ask(file, rng, uapi::TOTALS, Totals::default()),
            57 => self.ask(file, rng, uapi::FILE_TOTALS, Totals::default()),
            58 => self.ask(file, rng, uapi::WAIT_TOTALS, WaitTotals::default()),
            59..=60 => self.read(file, rng),
            61 => self.take_waits(file, rng),
            _ => self.strange(file, rng),
        }
    }

    fn migrate(&self, file: RawFd, rng: &mut Rng) {
        let number = rng.pick(&[uapi::TO_DEVICE, uapi::TO_DEVICE, uapi::TO_SYSTEM]);
        let request = arguments::migrate(rng, self.arena, &self.facts);
        if let Some(answer) = self.make(file, rng, number, request) {
            self.believe(&answer.truth, answer.pages);
        }
    }

    /// The truths of a play are in the log; their sum has to balance as each of them does.
    fn play(&self, file: RawFd, rng: &mut Rng) {
        let request: Play = arguments::play(rng, self.arena, &self.facts);
        if let Some(answer) = self.make(file, rng, uapi::PLAY, request) {
            self.tally.count_moved(answer.ledger.moved);
            if !answer.ledger.balances() {
                eprintln!("workload: fuzz: this does not add up: {answer:?}");
                self.tally.count_wrong();
            }
        }
    }

    fn map(&self, file: RawFd, rng: &mut Rng) {
        let request = arguments::map(rng, self.arena, &self.facts);
        if let Some(answer) = self.make(file, rng, uapi::MAP, request)
            && answer.range_faults != answer.busy + answer.retries + 1
        {
            eprintln!("workload: fuzz: this does not add up: {answer:?}");
            self.tally.count_wrong();
        }
    }

    fn make_exclusive(&self, file: RawFd, rng: &mut Rng) {
        let request = arguments::exclusive(rng, self.arena, &self.facts);
        if let Some(answer) = self.make(file, rng, uapi::EXCLUSIVE, request)
            && answer.pages != answer.made + answer.refused
        {
            eprintln!("workload: fuzz: this does not add up: {answer:?}");
            self.tally.count_wrong();
        }
    }

    fn evict(&self, file: RawFd, rng: &mut Rng) {
        let request: Evict = arguments::evict(rng, &self.facts);
        if let Some(answer) = self.make(file, rng, uapi::EVICT, request) {
            self.believe(&answer.truth, answer.truth.ledger.requested);
        }
    }

    fn configure(&self, file: RawFd, rng: &mut Rng) {
        let request: Configuration = arguments::configuration(rng);
        self.make(file, rng, uapi::CONFIGURE, request);
    }

    fn ask<T: Copy>(&self, file: RawFd, rng: &mut Rng, number: u32, answer: T) {
        self.make(file, rng, number, answer);
    }

    /// Makes a call with an argument somewhere. Gives the answer where it is known that it was the
    /// driver's.
    fn make<T: Copy>(&self, file: RawFd, rng: &mut Rng, number: u32, argument: T) -> Option<T> {
        let mut own = argument;
        let (pointer, ours) = match Place::some(rng, self.arena) {
            Place::Own => ((&raw mut own) as usize, true),
            Place::Nowhere(address) => (address, false),
            Place::Arena(address) => {
                // SAFETY: The argument is made of integers without padding.
                let bytes = unsafe {
                    std::slice::from_raw_parts((&raw const argument).cast::<u8>(), size_of::<T>())
                };
                self.arena.put(address, bytes);
                (address, false)
            }
        };
        let succeeded = ioctl(file, number, pointer).is_ok();
        self.tally.count_call(succeeded);
        (succeeded && ours).then_some(own)
    }

    /// What the driver says must add up.
    fn believe(&self, truth: &Truth, requested: u64) {
        self.tally.count_moved(truth.ledger.moved);
        if truth.unbalanced != 0 || !truth.ledger.balances() || truth.ledger.requested != requested
        {
            eprintln!("workload: fuzz: this does not add up: {truth:?}");
            self.tally.count_wrong();
        }
    }

    /// Reads the log into buffers of odd sizes, and into none.
    fn read(&self, file: RawFd, rng: &mut Rng) {
        let size = size_of::<Truth>();
        let mut buffer = [0u8; 3 * size_of::<Truth>()];
        let count = rng.pick(&[0, 1, size - 1, size, size + 1, 3 * size]);
        let pointer = match Place::some(rng, self.arena) {
            Place::Own => buffer.as_mut_ptr() as usize,
            Place::Arena(address) | Place::Nowhere(address) => address,
        };
        // SAFETY: At most as many bytes as the buffer has are written, to the buffer, to the arena,
        // which no reference points into, or where nothing is.
        let read = unsafe { libc::read(file, pointer as *mut _, count) };
        self.tally.count_call(read >= 0);
    }

    /// Takes waits to anywhere.
    fn take_waits(&self, file: RawFd, rng: &mut Rng) {
        let mut room = [Wait::default(); 3];
        let (to, room) = match Place::some(rng, self.arena) {
            Place::Own => (room.as_mut_ptr() as usize, rng.below(room.len() + 1) as u64),
            Place::Arena(address) => (address, rng.below(8) as u64),
            Place::Nowhere(address) => (address, arguments::edge(rng)),
        };
        let (to, taken) = (to as u64, 0);
        self.make(file, rng, uapi::TAKE_WAITS, TakeWaits { to, room, taken });
    }

    /// A number that is no call of the driver's, or one with another size, or one of everybody's.
    fn strange(&self, file: RawFd, rng: &mut Rng) {
        const ANYBODYS: [u32; 3] = [0x5401, 0x541b, 0x5421];
        let number = match rng.below(3) {
            0 => rng.pick(&ANYBODYS),
            1 => uapi::TO_DEVICE ^ (1 << (16 + rng.below(14))),
            _ => (rng.word() as u32 & !0xff00) | (u32::from(b'm') << 8),
        };
        // No argument is larger than this.
        let mut argument = [0u64; (1 << 14) / 8];
        let known = [
            uapi::TO_DEVICE,
            uapi::TO_SYSTEM,
            uapi::EVICT,
            uapi::TOTALS,
            uapi::INFO,
            uapi::FILE_TOTALS,
            uapi::CONFIGURE,
            uapi::PLAY,
            uapi::TAKE_WAITS,
            uapi::WAIT_TOTALS,
            uapi::MAP,
            uapi::EXCLUSIVE,
        ];
        let result = ioctl(file, number, argument.as_mut_ptr() as usize);
        self.tally.count_call(result.is_ok());
        let is_nobodys = !ANYBODYS.contains(&number) && !known.contains(&number);
        if is_nobodys && result.is_ok() {
            eprintln!("workload: fuzz: the driver knows a call {number:#x}");
            self.tally.count_wrong();
        }
    }
}

/// An ioctl with anything as its argument.
pub(super) fn ioctl(file: RawFd, number: u32, pointer: usize) -> io::Result<()> {
    // SAFETY: The callers' arguments are as large as the driver's numbers say, or lie in the arena,
    // which no reference points into, or where nothing is. The kernel checks addresses.
    match unsafe { libc::ioctl(file, libc::Ioctl::from(number), pointer) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A migration that makes sense, of a caller who may allocate nothing.
pub(super) fn plain(address: usize, pages: usize) -> Migrate {
    Migrate {
        address: address as u64,
        pages: pages as u64,
        ..Migrate::default()
    }
}
