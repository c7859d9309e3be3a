//! What is measured within steps cannot take longer than they do.
//!
//! By kprobes a hook can be missed: what began is then not seen to end, and what follows is given
//! to it. A thread that is stopped in the middle of a hook does not run either, in time that
//! belongs to no step. Where a sum says so, what is in it is unknown.

use migrate_ebpf::wire::{Details, DriverParts, Parts};
use migscope_recording::trace::{OF_DRIVER, each_part};

/// Nanoseconds by step; `None` for one that the migration did not come to.
type Steps = [Option<u64>; 5];

/// The parts of setup, which the kernel does in other steps as well.
pub(super) fn parts(details: &Details, steps: &Steps) -> Option<Parts> {
    let Parts {
        lru_drain_ns,
        invalidate_ns,
        rmap_ns,
        split_ns,
    } = details.parts;
    let all = steps.iter().flatten().copied();
    fits([lru_drain_ns, invalidate_ns, rmap_ns, split_ns], all).then_some(details.parts)
}

/// Those of the driver's steps; of none where one is not known.
pub(super) fn driver_parts(details: &Details, steps: &Steps) -> Option<[DriverParts; 2]> {
    let known = OF_DRIVER
        .iter()
        .zip(&details.driver)
        .all(|(step, parts)| fits(each_part(parts), steps[*step as usize]));
    known.then_some(details.driver)
}

/// How long the thread did not run in each step; of none where one is not known.
pub(super) fn off_cpu(details: &Details, steps: &Steps) -> Option<[u64; 5]> {
    let off_cpu = details.off_cpu.steps;
    let known = off_cpu
        .iter()
        .zip(steps)
        .all(|(off_cpu, step)| fits([*off_cpu], *step));
    known.then_some(off_cpu)
}

fn fits<const N: usize>(parts: [u64; N], steps: impl IntoIterator<Item = u64>) -> bool {
    let sum = |all: &mut dyn Iterator<Item = u64>| all.fold(0, u64::saturating_add);
    sum(&mut parts.into_iter()) <= sum(&mut steps.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: Steps = [Some(100), Some(50), Some(10), Some(5), None];

    #[test]
    fn what_fits_is_known() {
        let mut details = Details::default();
        details.parts.rmap_ns = 90;
        details.parts.split_ns = 75;
        details.driver[0].fence_ns = 50;
        details.driver[1].alloc_ns = 5;
        details.off_cpu.steps = [100, 50, 10, 5, 0];
        assert_eq!(parts(&details, &STEPS), Some(details.parts));
        assert_eq!(driver_parts(&details, &STEPS), Some(details.driver));
        assert_eq!(off_cpu(&details, &STEPS), Some([100, 50, 10, 5, 0]));
    }

    #[test]
    fn what_is_longer_than_its_step_is_unknown() {
        let mut details = Details::default();
        details.parts.rmap_ns = 90;
        details.parts.split_ns = 76;
        details.driver[1].alloc_ns = 3;
        details.driver[1].lock_ns = 3;
        // A step that never began.
        details.off_cpu.steps[4] = 1;
        assert_eq!(parts(&details, &STEPS), None);
        assert_eq!(driver_parts(&details, &STEPS), None);
        assert_eq!(off_cpu(&details, &STEPS), None);
    }

    #[test]
    fn sums_do_not_wrap() {
        let mut details = Details::default();
        details.parts.rmap_ns = u64::MAX;
        details.parts.split_ns = 1;
        assert_eq!(parts(&details, &STEPS), None);
    }
}
