//! Log-linear (HDR) histograms: where a value is counted, and what the count of a place stands for.
//!
//! The places are those of an HdrHistogram with two significant digits, so that user space takes
//! the counts over as they are: below 256 each value has its own, above that each power of two has
//! [`PER_OCTAVE`]. A place is never wider than 1/128 of its values.

/// Places in each power of two.
pub const PER_OCTAVE: usize = 128;
const PER_OCTAVE_LOG2: u32 = 7;
/// Values from here on are counted in the last place: 18 minutes, in nanoseconds.
pub const LIMIT: u64 = 1 << LIMIT_LOG2;
const LIMIT_LOG2: u32 = 40;
/// How many places there are.
pub const BUCKETS: usize = (LIMIT_LOG2 - PER_OCTAVE_LOG2 + 1) as usize * PER_OCTAVE;

/// The place of a value.
#[inline(always)]
pub fn bucket(value: u64) -> usize {
    let Some(shift) = shift(value) else {
        return BUCKETS - 1;
    };
    ((shift as usize) << PER_OCTAVE_LOG2) + (value >> shift) as usize
}

/// How many low bits of a value its place does not tell; `None` from [`LIMIT`] on.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
fn shift(value: u64) -> Option<u32> {
    let least = PER_OCTAVE as u64;
    (value < LIMIT).then(|| (value | least).ilog2() - PER_OCTAVE_LOG2)
}

#[cfg(target_arch = "bpf")]
use shift_by_table as shift;

/// The same for BPF, which has no instruction that counts leading zeros. Few branches, because the
/// verifier follows each of them; what is frequent first.
#[cfg(any(target_arch = "bpf", test))]
#[inline(always)]
fn shift_by_table(value: u64) -> Option<u32> {
    if value < 1 << 15 {
        Some(octave(value >> 7))
    } else if value < 1 << 23 {
        Some(8 + octave(value >> 15))
    } else if value < 1 << 31 {
        Some(16 + octave(value >> 23))
    } else if value < LIMIT {
        Some(24 + octave(value >> 31))
    } else {
        None
    }
}

/// log2 of a number below 512, rounded down; 0 of 0.
#[cfg(any(target_arch = "bpf", test))]
#[inline(always)]
fn octave(number: u64) -> u32 {
    // The compiler knows that it is below 512, and would leave out the remainder by which the
    // verifier knows, too.
    let number = opaque(number) as usize % OCTAVES.len();
    u32::from(OCTAVES[number])
}

/// The same number, of which the compiler knows nothing. As `black_box`, but for BPF without a way
/// through memory.
#[cfg(any(target_arch = "bpf", test))]
#[inline(always)]
fn opaque(number: u64) -> u64 {
    #[cfg(target_arch = "bpf")]
    {
        let mut number = number;
        #[expect(
            unsafe_code,
            reason = "an assembler template is unsafe, also one that does nothing"
        )]
        // SAFETY: a register is moved to itself. (Without an instruction, two would have line
        // numbers at one place, which the kernel refuses.)
        unsafe {
            core::arch::asm!("{0} = {0}", inout(reg) number, options(pure, nomem, nostack, preserves_flags));
        }
        number
    }
    #[cfg(not(target_arch = "bpf"))]
    number
}

#[cfg(any(target_arch = "bpf", test))]
static OCTAVES: [u8; 512] = {
    let mut octaves = [0; 512];
    let mut number = 1;
    while number < octaves.len() {
        octaves[number] = number.ilog2() as u8;
        number += 1;
    }
    octaves
};

/// The smallest value that is counted in a place.
pub const fn lowest(bucket: usize) -> u64 {
    let octave = bucket >> PER_OCTAVE_LOG2;
    if octave < 2 {
        return bucket as u64;
    }
    let shift = octave - 1;
    ((bucket - (shift << PER_OCTAVE_LOG2)) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_have_places_of_their_own() {
        for value in 0..256 {
            assert_eq!(bucket(value), value as usize);
            assert_eq!(lowest(bucket(value)), value);
        }
    }

    #[test]
    fn places_follow_each_other_without_a_gap() {
        for place in 1..BUCKETS {
            let first = lowest(place);
            assert_eq!(bucket(first), place);
            assert_eq!(bucket(first - 1), place - 1, "below {first}");
        }
        assert_eq!(bucket(LIMIT - 1), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_kernel_counts_where_everybody_does() {
        let around = |power: u64| [power - 1, power, power + 1, power + power / 3];
        let powers = (0..63).map(|power| 1 << power);
        for value in (0..70_000).chain(powers.flat_map(around)).chain([u64::MAX]) {
            assert_eq!(shift_by_table(value), shift(value), "{value}");
        }
    }

    #[test]
    fn no_place_is_wider_than_one_percent() {
        for place in 256..BUCKETS - 1 {
            let (first, next) = (lowest(place), lowest(place + 1));
            assert!((next - first) * 128 <= first, "{first} to {next}");
        }
    }
}
