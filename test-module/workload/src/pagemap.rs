//! What the kernel says about the pages of this process: `/proc/self/pagemap`.

use std::{fs::File, os::unix::fs::FileExt as _};

use anyhow::{Context as _, Result};

const PATH: &str = "/proc/self/pagemap";
const SWAPPED: u64 = 1 << 62;
const PRESENT: u64 = 1 << 63;

/// Pages of a range by what stands in the page table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Mapped.
    pub present: u64,
    /// Not mapped, and known to be elsewhere: in swap space or on a device.
    pub elsewhere: u64,
    /// Nothing.
    pub holes: u64,
}

/// Looks at a range.
pub fn look(address: usize, pages: usize, page_bytes: usize) -> Result<Pages> {
    let file = File::open(PATH).with_context(|| format!("cannot open {PATH}"))?;
    let mut bytes = vec![0; pages * size_of::<u64>()];
    let offset = (address / page_bytes * size_of::<u64>()) as u64;
    file.read_exact_at(&mut bytes, offset)
        .with_context(|| format!("cannot read {PATH}"))?;
    let (words, _) = bytes.as_chunks();
    Ok(count(words.iter().map(|word| u64::from_ne_bytes(*word))))
}

fn count(entries: impl Iterator<Item = u64>) -> Pages {
    entries.fold(Pages::default(), |mut pages, entry| {
        if entry & PRESENT != 0 {
            pages.present += 1;
        } else if entry & SWAPPED != 0 {
            pages.elsewhere += 1;
        } else {
            pages.holes += 1;
        }
        pages
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::{Area, Backing};

    #[test]
    fn touched_pages_are_there_and_others_are_not() {
        let mut area = Area::new(8, 4096, Backing::BasePages).unwrap();
        area.write(1, 3);
        let pages = look(area.address(0), 8, 4096).unwrap();
        let expected = Pages {
            present: 3,
            elsewhere: 0,
            holes: 5,
        };
        assert_eq!(pages, expected);
    }

    #[test]
    fn what_was_only_read_is_there_too() {
        let area = Area::new(4, 4096, Backing::BasePages).unwrap();
        area.read(0, 2);
        let pages = look(area.address(0), 4, 4096).unwrap();
        assert_eq!((pages.present, pages.holes), (2, 2));
    }

    #[test]
    fn what_is_elsewhere_is_told_from_what_is_nowhere() {
        let pages = count([PRESENT | 7, SWAPPED | 7, 0, SWAPPED].into_iter());
        assert_eq!((pages.present, pages.elsewhere, pages.holes), (1, 2, 1));
    }
}
