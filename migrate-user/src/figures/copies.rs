//! How fast pages are copied, as dashboard and report say it.

use super::NONE;
use crate::model::{Copied, Model};
use crate::text::{bytes, duration};
use crate::trace::Direction;

/// What the rates rest on.
pub(crate) const ABOUT: &str = "Copies lie between setup and finalize: they took no longer. By fence: its driver waited for fences; they took no less, if those are theirs. Other: no fence was waited for, or pages were made as well, which it may be of.";

/// Copies of one direction: those whose drivers waited for fences, or the others.
pub(crate) struct Row {
    pub(crate) direction: Direction,
    pub(crate) copied: Copied,
}

/// What was copied; none where that is nothing, or where parts of steps were not measured.
pub(crate) fn rows(model: &Model) -> Vec<Row> {
    let of = |direction| {
        [true, false].map(|by_fence| Row {
            direction,
            copied: *model.copies().of(direction, by_fence),
        })
    };
    let all = Direction::ALL.iter().copied().flat_map(of);
    all.filter(|row| row.copied.migrations > 0).collect()
}

impl Row {
    pub(crate) fn name(&self) -> String {
        let how = if self.copied.is_by_fence() {
            "by fence"
        } else {
            "other"
        };
        format!("{}, {how}", self.direction.name())
    }

    /// As text: bytes, the time that they took at most, and at least.
    pub(crate) fn cells(&self, page_size: u64) -> [String; 3] {
        let copied = &self.copied;
        let fence = copied.is_by_fence().then(|| duration(copied.fence_ns));
        [
            bytes(copied.pages as f64 * page_size as f64),
            duration(copied.longest_ns),
            fence.unwrap_or_else(|| NONE.to_owned()),
        ]
    }
}

/// `1.20 to 3.40 GiB/s`, or only what it is at least.
pub(crate) fn rate(copied: &Copied, page_size: u64) -> String {
    let per_second = |pages: f64| format!("{}/s", bytes(pages * page_size as f64));
    match (
        copied.least().map(per_second),
        copied.most().map(per_second),
    ) {
        (Some(least), Some(most)) => range(&least, &most),
        (Some(least), None) => format!("at least {least}"),
        _ => "unknown".to_owned(),
    }
}

/// Two quantities, with a unit that both have written once.
fn range(least: &str, most: &str) -> String {
    match (least.rsplit_once(' '), most.rsplit_once(' ')) {
        _ if least == most => least.to_owned(),
        (Some((number, one)), Some((_, other))) if one == other => format!("{number} to {most}"),
        _ => format!("{least} to {most}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_range_with_its_unit() {
        let of = |longest_ns, fence_ns| {
            let copied = Copied {
                migrations: 1,
                pages: 1 << 18,
                longest_ns,
                fence_ns,
            };
            rate(&copied, 4096)
        };
        assert_eq!(of(800_000_000, 500_000_000), "1.25 to 2.00 GiB/s");
        assert_eq!(of(2_000_000_000, 500_000_000), "512 MiB/s to 2.00 GiB/s");
        assert_eq!(of(500_000_000, 500_000_000), "2.00 GiB/s");
        assert_eq!(of(500_000_000, 0), "at least 2.00 GiB/s");
        assert_eq!(of(0, 0), "unknown");
    }
}
