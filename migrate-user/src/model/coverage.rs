//! What the figures cover.

use super::Model;

/// Where figures come from. No figure mixes the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the records that came.
    Records,
    /// From the kernel's own totals, because the records do not tell everything.
    Kernel,
}

impl Origin {
    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Kernel => "kernel",
        }
    }
}

/// Which migrations the figures are about, and where those come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage<'a> {
    /// Which migrations were traced at all, in the words of a filter; `None`: every one.
    pub filter: Option<&'a str>,
    /// Which of those were chosen afterwards, in the same words; `None`: all.
    pub chosen: Option<&'a str>,
    /// Every n-th of those is recorded; 0: none is.
    pub record_every: u32,
    /// Where counts, ledgers, steps and rates come from. Everything else is from records.
    pub from: Origin,
    /// When the kernel's totals were read last, nanoseconds of the recording's clock; `None` if
    /// never.
    pub totals_ns: Option<u64>,
}

impl Model {
    /// What the figures cover.
    pub fn coverage(&self) -> Coverage<'_> {
        let complete = self.facts.record_every == 1 && self.unrecorded() == 0;
        let from = if complete || !self.kernel.is_known() {
            Origin::Records
        } else {
            Origin::Kernel
        };
        Coverage {
            filter: self.facts.filter.as_deref(),
            chosen: self.facts.chosen.as_deref(),
            record_every: self.facts.record_every,
            from,
            totals_ns: self.kernel.time_ns(),
        }
    }
}
