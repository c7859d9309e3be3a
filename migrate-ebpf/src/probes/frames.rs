//! The frames of one stack: what code each is in, and where on the stack it lies.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_stack, bpf_loop},
    macros::map,
    maps::{Array, PerCpuArray},
};
use migrate_ebpf::wire::{CODE_RANGES, Cause, Code, code};

use super::{kernel::read_entries, setup::Setup};

/// Frames that are looked at.
const FRAMES: usize = 48;
/// Words of the stack that are read at once, and how often: a stack is 16 KiB.
const WORDS: usize = 8;
const CHUNKS: u32 = 256;

/// What the code that is loaded means, most particular first. User space keeps it.
#[map]
static CODE: Array<[Code; CODE_RANGES]> = Array::with_max_entries(1, 0);

/// One stack. In a map for the reason given in [`super::ledger`].
#[repr(C)]
pub(super) struct Frames {
    /// Return addresses, innermost first, and how many there are.
    addresses: [u64; FRAMES],
    count: u64,
    /// A [`Cause`]: of the innermost function that tells one.
    cause: u64,
    /// The return address into it.
    reason: u64,
    reason_at: u64,
    /// The return addresses into the modules around the call, of which the first can be hidden by
    /// whoever hooks the return.
    drivers: [u64; 2],
    drivers_at: [u64; 2],
    /// What the module that is taken for the driver means; [`code::MODULE`] is set once there is
    /// one.
    driver: u64,
    /// Not 0: the frames of the driver are over.
    beyond: u64,
    /// Where the stack is read from.
    stack: u64,
    words: [u64; WORDS],
}

/// A place for each way to begin: a program is never preempted by itself.
#[map]
static FRAMES_OF: PerCpuArray<Frames> = PerCpuArray::with_max_entries(Setup::COUNT, 0);

/// Walks the stack that leads here; what is found is in [`scratch`]. `stack` is an address on it
/// inside of all that is looked for. False if there is nowhere to put it.
#[inline(always)]
pub(super) fn look(ctx: &impl EbpfContext, setup: Setup, stack: u64) -> bool {
    let Some(frames) = scratch(setup as u32) else {
        return false;
    };
    frames.cause = Cause::Unknown as u64;
    (frames.reason, frames.reason_at) = (0, 0);
    (frames.drivers, frames.drivers_at) = ([0; 2], [0; 2]);
    (frames.driver, frames.beyond) = (0, 0);
    frames.stack = stack;
    // SAFETY: the helper writes at most the bytes that it is told there are.
    let bytes = unsafe {
        bpf_get_stack(
            ctx.as_ptr(),
            frames.addresses.as_mut_ptr().cast(),
            size_of::<[u64; FRAMES]>() as u32,
            0,
        )
    };
    frames.count = if bytes > 0 { bytes as u64 / 8 } else { 0 };
    sift(setup as u32);
    true
}

/// Looks at each frame, and then for where those lie that matter. A function of its own for the
/// reason given in [`meaning_of_code`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn sift(setup: u32) -> u32 {
    let mut which = setup;
    let context = (&raw mut which).cast::<c_void>();
    // SAFETY: the callbacks take the context for what it is.
    unsafe {
        bpf_loop(FRAMES as u32, look_at_nth as *mut c_void, context, 0);
        bpf_loop(CHUNKS, find_in_nth as *mut c_void, context, 0);
    }
    0
}

/// # Safety
///
/// Called by `bpf_loop`, from [`sift`], whose context is a way to begin.
unsafe extern "C" fn look_at_nth(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    stop_unless(look_at_frame(unsafe { *context.cast::<u32>() }, index))
}

/// # Safety
///
/// As [`look_at_nth`].
unsafe extern "C" fn find_in_nth(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    stop_unless(find_in_chunk(unsafe { *context.cast::<u32>() }, index))
}

/// What was found on the way by which this program was entered.
#[inline(always)]
pub(super) fn scratch(setup: u32) -> Option<&'static mut Frames> {
    // SAFETY: this CPU's value, used by one program only (see `FRAMES_OF`).
    FRAMES_OF
        .get_ptr_mut(setup)
        .map(|frames| unsafe { &mut *frames })
}

/// What a callback returns: 1 to stop. The compiler knows that `more` is 0 or 1, and would leave
/// out what shows it to the verifier.
#[inline(always)]
pub(super) fn stop_unless(more: u64) -> i64 {
    i64::from(core::hint::black_box(more) & 1 == 0)
}

/// What is known of the code at this address: bits of [`code`], 0 for nothing.
///
/// A function that the verifier checks by itself, because it is not mangled and so global. As a
/// part of a callback it would be followed through every combination of its branches.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn meaning_of_code(address: u64) -> u64 {
    let mut search = Search {
        address,
        meaning: 0,
    };
    let context = (&raw mut search).cast::<c_void>();
    // SAFETY: the callback takes the context for what it is.
    unsafe { bpf_loop(CODE_RANGES as u32, search_in_nth as *mut c_void, context, 0) };
    search.meaning
}

/// An entry of the table of code; `None` past the last.
#[inline(always)]
pub(super) fn code(index: u64) -> Option<&'static mut Code> {
    let table = CODE.get_ptr_mut(0)?;
    if index >= CODE_RANGES as u64 {
        return None;
    }
    // SAFETY: one of the map's value, which user space replaces as a whole: what is read of two
    // tables is a frame that tells nothing.
    Some(unsafe { &mut *table.cast::<Code>().add(index as usize) })
}

/// A search for the range of code that an address is in.
#[repr(C)]
struct Search {
    address: u64,
    meaning: u64,
}

/// # Safety
///
/// Called by `bpf_loop`, from [`meaning_of_code`], whose context is a [`Search`].
unsafe extern "C" fn search_in_nth(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let search = unsafe { &mut *context.cast::<Search>() };
    let Some(code) = code(index) else {
        return 1;
    };
    if code.end == 0 {
        return 1;
    }
    if search.address < code.start || search.address >= code.end {
        return 0;
    }
    search.meaning = code.meaning;
    1
}

/// Notes where a word was found first.
#[inline(always)]
fn note(place: &mut u64, at: u64, is_found: bool) {
    // SAFETY: a valid, aligned place. Volatile, so that the compiler does not keep it in a
    // register, where the verifier would follow each word that it could be.
    unsafe {
        if is_found && core::ptr::read_volatile(place) == 0 {
            core::ptr::write_volatile(place, at);
        }
    }
}

/// [`Frames::look_at`], as a function of its own for the reason given in [`meaning_of_code`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_at_frame(setup: u32, index: u64) -> u64 {
    scratch(setup).map_or(0, |frames| u64::from(frames.look_at(index)))
}

/// [`Frames::find_in`], in the same way.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn find_in_chunk(setup: u32, index: u64) -> u64 {
    scratch(setup).map_or(0, |frames| u64::from(frames.find_in(index)))
}

impl Frames {
    /// Looks at a frame. False past the last.
    #[inline(always)]
    fn look_at(&mut self, index: u64) -> bool {
        if index >= self.count || index >= FRAMES as u64 {
            return false;
        }
        let address = self.addresses[index as usize];
        let meaning = meaning_of_code(address);
        let cause = meaning & code::CAUSE;
        if cause != 0 && self.reason == 0 {
            (self.cause, self.reason) = (cause, address);
        }
        if meaning & code::MODULE != 0 {
            self.pass_module(address, meaning);
        } else if meaning & code::KERNEL != 0 && self.drivers[0] != 0 {
            // What comes behind has asked for no migration. Generated code means nothing, and hides
            // nobody.
            self.beyond = 1;
        }
        true
    }

    /// The module that called is the driver, but a helper is passed over for the module that called
    /// it.
    #[inline(always)]
    fn pass_module(&mut self, address: u64, meaning: u64) {
        if self.drivers[0] == 0 {
            self.drivers[0] = address;
        } else if self.drivers[1] == 0 {
            self.drivers[1] = address;
        }
        let is_open = self.driver == 0 || self.driver & code::HELPER != 0;
        let is_better = self.driver == 0 || meaning & code::HELPER == 0;
        if self.beyond == 0 && is_open && is_better {
            self.driver = meaning;
        }
    }

    /// Looks for the return addresses in a chunk of the stack. False where it ends.
    #[inline(always)]
    fn find_in(&mut self, index: u64) -> bool {
        let at = index * (WORDS * 8) as u64;
        let from = self.stack.wrapping_add(at);
        // SAFETY: there is room for as many words.
        if !unsafe { read_entries(self.words.as_mut_ptr(), from, WORDS as u32) } {
            return false;
        }
        for word in 0..WORDS {
            let (value, at) = (self.words[word], at + (word * 8) as u64);
            note(&mut self.reason_at, at, value == self.reason);
            note(&mut self.drivers_at[0], at, value == self.drivers[0]);
            note(&mut self.drivers_at[1], at, value == self.drivers[1]);
        }
        true
    }

    /// The return address into the driver that lies on the stack; 0 if there is none.
    #[inline(always)]
    pub(super) fn driver(&self) -> u64 {
        self.drivers[self.nth()]
    }

    /// How far it lies from where the search began; 0 if it was not found.
    #[inline(always)]
    pub(super) fn driver_at(&self) -> u64 {
        self.drivers_at[self.nth()]
    }

    #[inline(always)]
    fn nth(&self) -> usize {
        usize::from(self.drivers_at[0] == 0)
    }

    /// The return address into the function that tells why; 0 if none does.
    #[inline(always)]
    pub(super) fn reason(&self) -> u64 {
        self.reason
    }

    /// As [`Frames::driver_at`].
    #[inline(always)]
    pub(super) fn reason_at(&self) -> u64 {
        self.reason_at
    }

    /// A [`Cause`].
    #[inline(always)]
    pub(super) fn cause(&self) -> u64 {
        self.cause
    }

    /// Is the driver the one that the filter asks for? If it cannot be seen, it is not.
    #[inline(always)]
    pub(super) fn is_wanted(&self) -> bool {
        self.driver & code::WANTED != 0
    }
}
