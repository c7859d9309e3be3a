//! What is written into memory to find out whether it survives: every word depends on where it is
//! and on which version of its page it is.

use crate::rng::mix;

const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first word that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Bytes from the start of the page.
    pub offset: usize,
    /// What was written there.
    pub expected: u64,
    /// What is there.
    pub found: u64,
}

fn word(base: u64, index: usize) -> u64 {
    base.wrapping_add((index as u64).wrapping_mul(STRIDE))
}

fn base(address: usize, version: u32) -> u64 {
    mix(mix(address as u64) ^ u64::from(version))
}

/// Writes a page's pattern.
pub fn write(page: &mut [u64], address: usize, version: u32) {
    let base = base(address, version);
    for (index, slot) in page.iter_mut().enumerate() {
        *slot = word(base, index);
    }
}

/// Compares every byte of a page with its pattern.
pub fn check(page: &[u64], address: usize, version: u32) -> Result<(), Mismatch> {
    let base = base(address, version);
    first_other(page, |index| word(base, index))
}

/// Compares every byte of a page with zero: what an untouched page holds.
pub fn check_zero(page: &[u64]) -> Result<(), Mismatch> {
    first_other(page, |_| 0)
}

fn first_other(page: &[u64], expected: impl Fn(usize) -> u64) -> Result<(), Mismatch> {
    let other = page
        .iter()
        .enumerate()
        .find(|(index, found)| **found != expected(*index));
    other.map_or(Ok(()), |(index, found)| {
        Err(Mismatch {
            offset: index * size_of::<u64>(),
            expected: expected(index),
            found: *found,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found() {
        let mut page = [0; 512];
        write(&mut page, 0x7000, 3);
        assert_eq!(check(&page, 0x7000, 3), Ok(()));
    }

    #[test]
    fn one_flipped_bit_is_found_where_it_is() {
        let mut page = [0; 512];
        write(&mut page, 0x7000, 3);
        page[77] ^= 1 << 40;
        let mismatch = check(&page, 0x7000, 3).unwrap_err();
        assert_eq!(mismatch.offset, 77 * 8);
        assert_eq!(mismatch.expected ^ mismatch.found, 1 << 40);
    }

    #[test]
    fn another_page_or_an_old_version_is_not_taken_for_the_right_one() {
        let mut page = [0; 512];
        write(&mut page, 0x7000, 3);
        assert!(check(&page, 0x8000, 3).is_err());
        assert!(check(&page, 0x7000, 2).is_err());
        assert_eq!(
            check_zero(&page).map_err(|mismatch| mismatch.offset),
            Err(0)
        );
    }
}
