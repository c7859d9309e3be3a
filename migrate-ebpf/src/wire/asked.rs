//! Who had a driver do something.

/// Drivers of which it is known who asked them last, of each process.
pub const ASKED_DRIVERS: usize = 4;

/// The thread that called a driver last, by ioctl(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Asked {
    /// The driver's function that is called, which tells the driver; 0 where there is none.
    pub handler: u64,
    /// The thread (the kernel's pid) above, and below the user's stack that led there, as an id of
    /// the map `STACKS`. In one word, because threads of one process ask at the same time.
    pub who: u64,
}

impl Asked {
    /// A thread and a stack.
    #[inline(always)]
    pub const fn who(tid: u32, stack: i32) -> u64 {
        (tid as u64) << 32 | stack as u32 as u64
    }

    /// The stack.
    pub const fn stack(self) -> i32 {
        self.who as u32 as i32
    }
}
