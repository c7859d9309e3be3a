//! `workload blind`: reads a map of BPF's, on each processor, so that whoever comes to a kprobe
//! there is not seen.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{cli::BlindOptions, processor};

/// Bytes that the kernel copies while it runs no program: many milliseconds, in which others get
/// their turn.
const VALUE_BYTES: u32 = 16 << 20;

/// Time between two reads: it is not to be alone on its processor.
const REST: Duration = Duration::from_millis(10);

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const MAP_TYPE_ARRAY: u32 = 2;

/// The beginning of `union bpf_attr` for `BPF_MAP_CREATE`.
#[repr(C)]
struct Create {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

/// For `BPF_MAP_LOOKUP_ELEM`.
#[repr(C)]
struct Lookup {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Reads so often on each processor.
pub fn run(options: &BlindOptions) -> Result<()> {
    let map = create().context("make a map")?;
    let map = &map;
    thread::scope(|scope| {
        let readers: Vec<_> = processor::allowed()?
            .into_iter()
            .map(|processor| scope.spawn(move || read_on(processor, map, options.reads)))
            .collect();
        readers.into_iter().try_for_each(|reader| {
            let result = reader.join();
            result.map_err(|_| anyhow!("a reader panicked"))?
        })
    })
}

fn create() -> io::Result<OwnedFd> {
    let attributes = Create {
        map_type: MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: VALUE_BYTES,
        max_entries: 1,
    };
    // SAFETY: Makes a map, and touches no memory of ours.
    let map = unsafe { bpf(MAP_CREATE, &attributes) }?;
    // SAFETY: The kernel has just given us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(map as i32) })
}

fn read_on(processor: usize, map: &OwnedFd, reads: u32) -> Result<()> {
    processor::run_on(processor)?;
    let (key, mut value) = (0_u32, vec![0_u8; VALUE_BYTES as usize]);
    let lookup = Lookup {
        map: map.as_raw_fd() as u32,
        padding: 0,
        key: (&raw const key) as u64,
        value: value.as_mut_ptr() as u64,
        flags: 0,
    };
    for _ in 0..reads {
        // SAFETY: The key is as long as the map's, and there is room for a value.
        unsafe { bpf(MAP_LOOKUP_ELEM, &lookup) }.context("read the map")?;
        thread::sleep(REST);
    }
    Ok(())
}

/// `bpf(2)`.
///
/// # Safety
///
/// The kernel may do with our memory what these attributes say.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<libc::c_long> {
    let at = &raw const *attributes;
    // SAFETY: The attributes are as long as is said; the rest is the caller's promise.
    match unsafe { libc::syscall(libc::SYS_bpf, command, at, size_of::<T>()) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
