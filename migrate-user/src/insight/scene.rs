//! What most checks look at, and how they put it into words.

use super::{Severity, Thresholds};
use crate::model::{GivenUp, Model, Origin, Sums};
use crate::text::{bytes, count, counted, duration, percent};
use crate::trace::{Ledger, Reasons, WaitKind, ledger};

/// A run, and from where on something in it is a finding.
pub(super) struct Scene<'a> {
    pub(super) model: &'a Model,
    pub(super) at: &'a Thresholds,
    /// Of all migrations that the figures cover. Unit: base pages.
    pub(super) ledger: Ledger,
    /// How many these are.
    pub(super) migrations: u64,
    /// The time of all their steps, nanoseconds.
    pub(super) total_ns: u64,
    /// Of the records that came.
    pub(super) records: Sums,
    recorded: Recorded,
    /// Of those, what drivers gave up that want all or nothing.
    pub(super) given_up: GivenUp,
}

/// Which migrations there are records of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recorded {
    /// Of all of which the figures are.
    All,
    /// Of every n-th: these are like the others.
    Sample,
    /// Of those that were not lost, which are not like the others.
    NotLost,
    /// The recording does not say whether any were lost.
    Unknown,
}

impl Recorded {
    fn of(model: &Model) -> Self {
        match model.lost_since() {
            _ if model.has_all_records() => Self::All,
            None => Self::Unknown,
            Some(0) => Self::Sample,
            Some(_) => Self::NotLost,
        }
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(model: &'a Model, at: &'a Thresholds) -> Self {
        let totals = model.totals();
        Self {
            model,
            at,
            ledger: totals.ledger(None),
            migrations: totals.migrations(),
            total_ns: model.steps().total_ns(None),
            records: model.drivers().sum(),
            recorded: Recorded::of(model),
            given_up: given_up(model),
        }
    }

    /// Are there enough migrations for averages to mean something?
    pub(super) fn has_enough(&self) -> bool {
        self.migrations >= self.at.migrations
    }

    /// The same of the records.
    pub(super) fn has_enough_records(&self) -> bool {
        self.records.migrations >= self.at.migrations
    }

    /// How bad it is to lose this share of all.
    pub(super) fn severity(&self, share: f64) -> Severity {
        if share >= self.at.serious_share {
            Severity::Serious
        } else if share >= self.at.notable_share {
            Severity::Notable
        } else {
            Severity::Minor
        }
    }

    /// A time of the records as a share of theirs, 0 to 1.
    fn share_of_records(&self, ns: u64) -> f64 {
        share(ns, self.records.time_ns)
    }

    /// How bad a share of the totals is. Where those are of the records that came because some were
    /// lost, they tell of the others as little as the records do.
    pub(super) fn severity_of_totals(&self, share: f64) -> Severity {
        if self.has_exact_totals() {
            self.severity(share)
        } else {
            self.severity(self.as_far_as_recorded(share))
        }
    }

    /// How bad it is to lose so much time in the records. Where some were lost, those that came are
    /// not like the others: then it is the share of all time that counts, as far as it is known. Of
    /// a sample it is the share of its own.
    pub(super) fn severity_of_records(&self, ns: u64) -> Severity {
        let of_all = self.least_share_of_all(ns);
        let of_records = || self.as_far_as_recorded(self.share_of_records(ns));
        self.severity(of_all.unwrap_or_else(of_records))
    }

    /// A share of the records as one of all. Where some were lost, and nothing is known of them but
    /// their number, it is as if they had taken as long as those that came, and nothing of it had
    /// been in them.
    fn as_far_as_recorded(&self, share: f64) -> f64 {
        let recorded = self.model.recorded_share();
        match (self.recorded, recorded) {
            (Recorded::NotLost, Some(recorded)) => share * recorded,
            _ => share,
        }
    }

    /// Where records were lost and the time of all is known, a time of the records as a share of
    /// it: at least that.
    fn least_share_of_all(&self, ns: u64) -> Option<f64> {
        let is_known = self.recorded == Recorded::NotLost && self.has_exact_totals();
        is_known.then(|| share(ns, self.total_ns))
    }

    /// Are counts, ledgers and times of steps the kernel's own?
    fn has_exact_totals(&self) -> bool {
        self.model.coverage().from == Origin::Kernel
    }

    /// What counts, ledgers and times of steps are about: `all migrations`, or those of which
    /// records came where that is all that is known.
    pub(super) fn all(&self) -> String {
        if self.has_exact_totals() {
            every(self.through())
        } else {
            self.recorded()
        }
    }

    /// What figures of the records are about: the same, or `the 248 recorded migrations of 20,000`.
    pub(super) fn recorded(&self) -> String {
        if self.has_all_records() {
            return every(self.through());
        }
        let recorded = counted(
            self.records.migrations,
            "recorded migration",
            "recorded migrations",
        );
        let of = if self.migrations > self.records.migrations {
            format!(" of {}", count(self.migrations))
        } else {
            String::new()
        };
        format!("the {recorded}{of}{}", self.through())
    }

    /// ` that the filter lets through`, where there is one.
    fn through(&self) -> &'static str {
        if self.model.facts().filters().next().is_some() {
            " that the filter lets through"
        } else {
            ""
        }
    }

    /// What a number of pages is of, where not of all migrations: ` in the recorded migrations`.
    pub(super) fn in_records(&self) -> &'static str {
        if self.has_all_records() {
            ""
        } else {
            " in the recorded migrations"
        }
    }

    /// Were waits of this kind followed, and not chosen by how long they took?
    pub(super) fn judges_waits(&self, kind: WaitKind) -> bool {
        self.model.follows(kind) && !self.model.hidden().by_result
    }

    /// A time in which threads waited, as a share of it and the time of all migrations together.
    pub(super) fn share_beside(&self, ns: u64) -> f64 {
        share(ns, self.total_ns.saturating_add(ns))
    }

    /// The same in words: `1.2 s, 12.3% of that and the time of all migrations together`.
    pub(super) fn beside(&self, ns: u64) -> String {
        let part = percent(self.share_beside(ns));
        let all = self.all();
        format!(
            "{}, {part} of that and the time of {all} together",
            duration(ns)
        )
    }

    /// Is everything recorded?
    pub(super) fn has_all_records(&self) -> bool {
        self.recorded == Recorded::All
    }

    /// A time of the records: `1.2 s, 12.3% of the time of all migrations`.
    pub(super) fn time(&self, ns: u64) -> String {
        let share_of_records = percent(self.share_of_records(ns));
        let time = duration(ns);
        let recorded = self.recorded();
        let text = format!("{time}, {share_of_records} of the time of {recorded}");
        match (self.recorded, self.least_share_of_all(ns)) {
            (_, Some(of_all)) => {
                let of_all = percent(of_all);
                format!("{text}, and at least {of_all} of that of {}", self.all())
            }
            (Recorded::NotLost, None) => {
                format!("{text}; how much of the time of all is unknown, as records were lost")
            }
            _ => text,
        }
    }

    /// `12 pages (48.0 KiB)`.
    pub(super) fn pages(&self, pages: u64) -> String {
        let size = bytes(pages as f64 * self.model.facts().page_size as f64);
        format!("{} ({size})", counted(pages, "page", "pages"))
    }

    /// Why pages were not taken, free ones aside: a line for each reason.
    pub(super) fn why_missing(&self, missing: u64, reasons: Reasons) -> Vec<String> {
        if missing == 0 {
            return Vec::new();
        }
        if !reasons.known() {
            return vec!["this kernel does not let it be seen why".to_owned()];
        }
        let not_collected = reasons.not_collected.saturating_sub(reasons.free);
        let named = [
            (
                "not_collected",
                not_collected,
                "absent, there already, locked, of another kind, or anonymous and pinned",
            ),
            (
                "unmap_failed",
                reasons.unmap_failed,
                "somebody else holds a reference, as a pin does",
            ),
        ];
        let there = named.into_iter().filter(|(_, pages, _)| *pages > 0);
        there
            .map(|(name, pages, why)| format!("{name}: {}: {why}", self.pages(pages)))
            .collect()
    }
}

/// `all migrations that the filter lets through`.
fn every(through: &str) -> String {
    format!("all migrations{through}")
}

/// The pages that the kernel had collected for drivers, whatever became of them.
pub(super) fn collected(ledger: &Ledger) -> u64 {
    let given = ledger::arrived(ledger).saturating_add(ledger::wasted(ledger));
    let back = ledger.declined.saturating_add(ledger.rolled_back);
    given.saturating_add(back)
}

/// What was given up by drivers that want all or nothing. Others had other reasons.
fn given_up(model: &Model) -> GivenUp {
    let drivers = model.drivers().sorted().into_iter();
    let given_up = drivers.map(|driver| driver.sums.given_up);
    given_up
        .filter(GivenUp::is_for_what_was_missing)
        .fold(GivenUp::default(), |mut sum, more| {
            sum.add(&more);
            sum
        })
}

/// A part of a whole, 0 to 1; 0 if there is no whole.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
