//! Functions of two libraries for marking phases, under their names: what a tracer hooks. They keep
//! count of what is open, as those libraries do.

use std::{
    cell::Cell,
    ffi::{c_char, c_int},
    hint::black_box,
};

/// A library's functions.
#[derive(Debug)]
pub struct Library {
    /// Opens a phase of this name; how many were open.
    pub push: extern "C" fn(*const c_char) -> c_int,
    /// Closes the innermost; how many are left open, -1 if none was.
    pub pop: extern "C" fn() -> c_int,
    /// Marks a moment.
    pub mark: extern "C" fn(*const c_char),
}

/// A library whose functions have these names. Each says how many phases of its own are open, so
/// that no two of them are the same code, which a compiler would keep once.
macro_rules! library {
    ($library:ident, $depth:ident, $push:ident, $pop:ident, $mark:ident, $number:literal) => {
        thread_local! {
            static $depth: Cell<c_int> = const { Cell::new(0) };
        }

        #[doc = concat!("`", stringify!($push), "` and so on.")]
        pub static $library: Library = Library {
            push: $push,
            pop: $pop,
            mark: $mark,
        };

        // SAFETY: no other symbol of this program has this name.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $push(name: *const c_char) -> c_int {
            black_box(name);
            $depth.replace($depth.get() + 1)
        }

        // SAFETY: as above.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $pop() -> c_int {
            let left = ($depth.get() - 1).max(-1);
            $depth.set(left.max(0));
            left
        }

        // SAFETY: as above.
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $mark(name: *const c_char) {
            black_box((name, $number));
        }
    };
}

library!(
    ROCTX,
    ROCTX_OPEN,
    roctxRangePushA,
    roctxRangePop,
    roctxMarkA,
    1
);
library!(NVTX, NVTX_OPEN, nvtxRangePushA, nvtxRangePop, nvtxMarkA, 2);
