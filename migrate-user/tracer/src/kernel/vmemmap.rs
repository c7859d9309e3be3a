//! Where the kernel's `struct page`s are, one behind the other by frame number.
//!
//! On x86-64 a variable tells. On 64-bit ARM it follows from how the kernel was built and where its
//! memory begins. Both stand in what it leaves to those who read its crashes: `VMCOREINFO`, among
//! the notes of `/proc/kcore`.
//!
//! Linux: `vmemmap` of `arch/arm64/include/asm/pgtable.h`, `arch_crash_save_vmcoreinfo` of
//! `arch/arm64/kernel/`.

use std::fs::File;
use std::io::Read as _;

/// The kernel's memory, as a file whose beginning has the notes. Root may open it.
const KCORE: &str = "/proc/kcore";

/// Bytes in which the notes are.
const NOTES: u64 = 64 << 10;

/// By the notes of this kernel: the address of the `struct page` of frame 0, if they tell. Each has
/// `page_bytes`.
pub(super) fn of_notes(page_bytes: u32) -> Option<u64> {
    let mut notes = Vec::new();
    let kcore = File::open(KCORE).ok()?;
    kcore.take(NOTES).read_to_end(&mut notes).ok()?;
    let page_size = rustix::param::page_size();
    told_by(&notes, page_size.trailing_zeros(), page_bytes)
}

fn told_by(notes: &[u8], page_shift: u32, page_bytes: u32) -> Option<u64> {
    let first = number(notes, "NUMBER(VMEMMAP_START)=0x")?;
    // It can lie below 0, where the kernel could do with more bits than the processor has.
    let memory = number(notes, "NUMBER(PHYS_OFFSET)=0x")?.cast_signed();
    let frames = memory >> page_shift;
    (page_bytes > 0).then(|| {
        let before = frames.wrapping_mul(page_bytes.into());
        first.wrapping_sub(before.cast_unsigned())
    })
}

/// The hexadecimal number behind a name.
fn number(notes: &[u8], name: &str) -> Option<u64> {
    let at = notes
        .windows(name.len())
        .position(|window| window == name.as_bytes())?;
    let digits = notes[at + name.len()..]
        .split(|byte| !byte.is_ascii_hexdigit())
        .next()?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &[u8] = b"\x7fELF\0\0VMCOREINFO\0OSRELEASE=7.3.4\nNUMBER(VA_BITS)=48\n\
        NUMBER(VMEMMAP_START)=0xfffffdffc0000000\nNUMBER(VMEMMAP_END)=0xffffffffc0000000\n\
        NUMBER(PHYS_OFFSET)=0x40000000\n\0";

    #[test]
    fn the_first_frame_is_as_far_before_memory_as_memory_is_from_0() {
        let at = told_by(NOTES, 12, 64).unwrap();
        // Frame 0x40000 is the first that there is.
        assert_eq!(at + 0x40000 * 64, 0xffff_fdff_c000_0000);
    }

    #[test]
    fn memory_can_begin_below_0() {
        let notes = b"NUMBER(VMEMMAP_START)=0xfffffc0000000000\n\
            NUMBER(PHYS_OFFSET)=0xfff1000080000000\n";
        let at = told_by(notes, 16, 64).unwrap();
        let frames = 0xfff1_0000_8000_0000_u64.cast_signed() >> 16;
        let first = at.wrapping_add((frames * 64).cast_unsigned());
        assert_eq!(first, 0xffff_fc00_0000_0000);
    }

    #[test]
    fn without_both_nothing_is_known() {
        assert_eq!(told_by(b"NUMBER(VMEMMAP_START)=0x1000\n", 12, 64), None);
        assert_eq!(told_by(b"", 12, 64), None);
        assert_eq!(told_by(NOTES, 12, 0), None);
    }
}
