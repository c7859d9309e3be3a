//! What a link has missed.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use crate::syscall::{Argument, Command, bpf};

/// `struct bpf_link_info`, as far as it is needed.
#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    unused: u32,
    words: [u64; 8],
}

#[repr(C)]
struct GetInfo {
    fd: u32,
    length: u32,
    info: u64,
}

// SAFETY: `struct { __u32 bpf_fd; __u32 info_len; __aligned_u64 info; } info`; `missed` gives it a
// `LinkInfo` of its own.
unsafe impl Argument for GetInfo {
    const COMMAND: Command = Command::ObjGetInfoByFd;
}

/// `BPF_LINK_TYPE_PERF_EVENT` and `BPF_LINK_TYPE_KPROBE_MULTI`.
const PERF_EVENT: u32 = 7;
const KPROBE_MULTI: u32 = 8;
/// `BPF_PERF_EVENT_KPROBE` and `BPF_PERF_EVENT_KRETPROBE`.
const KPROBE: u32 = 3;
const KRETPROBE: u32 = 4;

/// What [`crate::link::Link::missed`] tells.
pub(crate) fn missed(link: impl AsFd) -> io::Result<u64> {
    let mut info = LinkInfo::default();
    let mut get = GetInfo {
        fd: link.as_fd().as_raw_fd() as u32,
        length: size_of::<LinkInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(&mut get)?;
    Ok(info.missed())
}

impl LinkInfo {
    fn missed(&self) -> u64 {
        match (self.kind, self.words[0] as u32) {
            // addrs, count and flags, missed
            (KPROBE_MULTI, _) => self.words[2],
            // type, func_name, name_len and offset, addr, missed
            (PERF_EVENT, KPROBE | KRETPROBE) => self.words[4],
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_link_has_its_count_elsewhere() {
        let info = |kind, first| LinkInfo {
            kind,
            words: [first, 1, 2, 3, 4, 5, 6, 7],
            ..LinkInfo::default()
        };
        assert_eq!(info(KPROBE_MULTI, 0).missed(), 2);
        assert_eq!(info(PERF_EVENT, KRETPROBE.into()).missed(), 4);
        assert_eq!(info(PERF_EVENT, 1).missed(), 0, "a uprobe");
        assert_eq!(info(1, 0).missed(), 0, "a raw tracepoint");
    }
}
