//! How a recording was read, and what a reader of its figures should know of that.

use crate::source::Error;
use crate::text::{clock, counted, printable};
use crate::trace::Ending;

/// One of the recordings that are read as one, at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it was read from.
    pub input: String,
    /// How it ended.
    pub ending: Ending,
    /// How long nothing was recorded before it and after the one before, nanoseconds; 0 where it
    /// goes on where that ends.
    pub gap_ns: u64,
}

impl Part {
    /// A recording that was read by itself.
    pub fn new(input: impl ToString, ending: Ending) -> Self {
        Self {
            input: input.to_string(),
            ending,
            gap_ns: 0,
        }
    }

    /// How several that were read as one ended: as the first that did not end as it should.
    pub fn together(parts: &[Self]) -> Ending {
        let mut endings = parts.iter().map(|part| &part.ending);
        let wrong = endings.find(|ending| **ending != Ending::Complete);
        wrong.cloned().unwrap_or(Ending::Complete)
    }

    /// What a reader of the figures should know, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let input = printable(&self.input);
        let gap = (self.gap_ns > 0).then(|| {
            format!(
                "{input}: nothing was recorded for {} before it; averages are over that time, too.",
                clock(self.gap_ns)
            )
        });
        let ending = match &self.ending {
            Ending::Complete => None,
            Ending::Unfinished { lost_bytes, .. } => Some(format!(
                "{input} has no end mark: its recorder is still writing, or was killed. Everything up to its last whole batch is \
                 here.{}",
                cut(*lost_bytes)
            )),
            Ending::Damaged { at, found } => Some(format!(
                "{input} is damaged at byte {at}: {}. Nothing of it after that byte is here.",
                printable(found)
            )),
            Ending::LeftOut { at: 0, why } => {
                Some(format!("{input} is left out: {}.", printable(why)))
            }
            Ending::LeftOut { at, why } => Some(format!(
                "{input} holds another recording from byte {at} on, which is left out: {}.",
                printable(why)
            )),
        };
        gap.into_iter().chain(ending).collect()
    }

    /// The ending as an error, where it is one.
    pub fn check(&self) -> Result<(), Error> {
        let input = self.input.clone();
        match self.ending.clone() {
            Ending::Complete | Ending::Unfinished { .. } => Ok(()),
            Ending::Damaged { at, found } => Err(Error::Damaged { input, at, found }),
            Ending::LeftOut { at, why } => Err(Error::LeftOut { input, at, why }),
        }
    }
}

fn cut(lost_bytes: u64) -> String {
    match lost_bytes {
        0 => String::new(),
        bytes => format!(
            " {} of a last batch that is not whole were left out.",
            counted(bytes, "byte", "bytes")
        ),
    }
}
