//! Numbers as people read them, with their units, the same in every view.

use std::borrow::Cow;

mod function;
mod harmless;
mod number;
mod time;

pub use function::{function, stack};
pub use harmless::{harmless_json, printable, printable_lines};
pub use number::{bytes, count, mean_count, percent, quantity};
pub use time::{clock, duration, file_stamp, signed_duration, since, utc};

/// A text on as many lines of `width` columns as it takes, broken between words; a longer word is
/// broken.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width.max(1))
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(Cow::into_owned).collect()
}

/// A process: `trainer (1200)`. Memory can be of nobody in particular.
pub fn process(comm: Option<&str>, pid: Option<u32>) -> String {
    let comm = comm.map(printable);
    match (comm, pid) {
        (Some(comm), Some(pid)) => format!("{comm} ({pid})"),
        (None, Some(pid)) => format!("({pid})"),
        (comm, None) => comm.unwrap_or_else(|| NOBODY.to_owned()),
    }
}

/// The owner of memory that is not known to have one: pages that are evicted may be anybody's.
pub const NOBODY: &str = "(owner unknown)";

/// A word for a number of things: `1 call`, `2 calls`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number of pages of which bounds are known: `2 pages`, or `at least 2 pages (at most 6)`.
pub fn at_least(least: u64, most: u64) -> String {
    let pages = counted(least, "page", "pages");
    if least >= most {
        pages
    } else {
        format!("at least {pages} (at most {})", count(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_many() {
        assert_eq!(counted(1, "page", "pages"), "1 page");
        assert_eq!(counted(0, "page", "pages"), "0 pages");
        assert_eq!(at_least(1, 1), "1 page");
        assert_eq!(at_least(2, 6), "at least 2 pages (at most 6)");
    }
}
