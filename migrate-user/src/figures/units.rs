//! In what unit amounts of memory are shown.

use crate::text::{bytes, count, quantity};

/// A unit. It always stands beside the number, or at the head of its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Base pages.
    #[default]
    Pages,
    /// Bytes, with the prefix that fits.
    Bytes,
    /// Gibibytes.
    Gib,
}

/// Bytes in a gibibyte.
const GIB: f64 = (1u64 << 30) as f64;

impl Unit {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Pages => Self::Bytes,
            Self::Bytes => Self::Gib,
            Self::Gib => Self::Pages,
        }
    }

    /// What stands at the head of a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Bytes => "bytes",
            Self::Gib => "GiB",
        }
    }

    /// So many pages, without the word `pages`: that stands at the head.
    pub(crate) fn amount(self, pages: u64, page_size: u64) -> String {
        let size = pages as f64 * page_size as f64;
        match self {
            Self::Pages => count(pages),
            Self::Bytes => bytes(size),
            Self::Gib => format!("{:.3} GiB", size / GIB),
        }
    }

    /// So many pages per second, with the unit.
    pub(crate) fn rate(self, pages: f64, page_size: u64) -> String {
        let size = pages * page_size as f64;
        match self {
            Self::Pages => format!("{} pages/s", quantity(pages)),
            Self::Bytes => format!("{}/s", bytes(size)),
            Self::Gib => format!("{:.3} GiB/s", size / GIB),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_always_written() {
        let of = |unit: Unit| (unit.amount(512, 4096), unit.rate(2560.0, 4096));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(of(Unit::Pages), pair("512", "2.56 k pages/s"));
        assert_eq!(of(Unit::Bytes), pair("2.00 MiB", "10.0 MiB/s"));
        assert_eq!(of(Unit::Gib), pair("0.002 GiB", "0.010 GiB/s"));
        assert_eq!(Unit::Gib.next(), Unit::Pages);
    }
}
