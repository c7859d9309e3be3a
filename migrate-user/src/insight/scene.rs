//! What most checks look at, and how they put it into words.

use super::{Severity, Thresholds};
use crate::model::{Driver, GivenUp, Model, Process, Sums};
use crate::text::{bytes, count, counted, duration, percent, printable};
use crate::trace::{Ledger, Reasons};

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
    /// Of some: every n-th, or those that were not lost.
    Some { is_sample: bool },
}

impl Recorded {
    fn of(model: &Model) -> Self {
        if model.has_all_records() {
            return Self::All;
        }
        let losses = model.losses();
        let lost = losses.map_or(0, |losses| losses.lost_of_ended());
        Self::Some {
            is_sample: lost == 0,
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

    /// How bad it is to lose this share of the time.
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

    /// How bad it is to lose so much time in the records. Where some were lost, those that came are
    /// not like the others: then it is the share of all time that counts, as far as it is known. Of
    /// a sample it is the share of its own.
    pub(super) fn severity_of_records(&self, ns: u64) -> Severity {
        self.severity(match self.recorded {
            Recorded::Some { is_sample: false } if self.total_ns > self.records.time_ns => {
                share(ns, self.total_ns)
            }
            _ => self.share_of_records(ns),
        })
    }

    /// What figures of all migrations are about: `all migrations`.
    pub(super) fn all(&self) -> &'static str {
        if self.model.facts().filters().next().is_some() {
            "all migrations that the filter lets through"
        } else {
            "all migrations"
        }
    }

    /// What figures of the records are about: the same, or `the 248 recorded migrations of 20,000`.
    pub(super) fn recorded(&self) -> String {
        match self.recorded {
            Recorded::All => self.all().to_owned(),
            Recorded::Some { .. } => {
                let recorded = counted(
                    self.records.migrations,
                    "recorded migration",
                    "recorded migrations",
                );
                if self.migrations > self.records.migrations {
                    format!("the {recorded} of {}", count(self.migrations))
                } else {
                    format!("the {recorded}")
                }
            }
        }
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
        match self.recorded {
            Recorded::Some { is_sample: false } if self.total_ns > self.records.time_ns => {
                let of_all = percent(share(ns, self.total_ns));
                format!("{text}, and at least {of_all} of that of {}", self.all())
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
        vec![
            format!(
                "not_collected: {}: absent, there already, locked, of another kind, or anonymous and pinned",
                self.pages(not_collected)
            ),
            format!(
                "unmap_failed: {}: somebody else holds a reference, as a pin does",
                self.pages(reasons.unmap_failed)
            ),
        ]
    }

    /// The process with most of something, and the driver, if there is more than one that could
    /// have it: a line for each.
    pub(super) fn by_whom(&self, what: &str, of: impl Fn(&Sums) -> u64) -> Vec<String> {
        let all = of(&self.records);
        let line = |name: String, number: u64| {
            let (number, share) = (count(number), percent(share(number, all)));
            let of = if self.has_all_records() {
                "them"
            } else {
                "those recorded"
            };
            format!("most by {name}: {number} {what}, {share} of {of}")
        };
        let processes = self.model.processes();
        let process = processes.iter().max_by_key(|process| of(&process.sums));
        let drivers = self.model.drivers().sorted();
        let driver = drivers.into_iter().max_by_key(|driver| of(&driver.sums));
        let process = process.map(|process| (named(process), of(&process.sums)));
        let driver = driver.and_then(|driver| Some((driver_named(driver)?, of(&driver.sums))));
        [process, driver]
            .into_iter()
            .flatten()
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| line(name, number))
            .collect()
    }
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

/// `process trainer (1200)`.
fn named(process: &Process) -> String {
    match (&process.comm, process.pid) {
        (Some(comm), Some(pid)) => format!("process {} ({pid})", printable(comm)),
        (None, Some(pid)) => format!("process {pid}"),
        (_, None) => NOBODY.to_owned(),
    }
}

/// Whose memory it is where nobody is known to own it.
const NOBODY: &str = "memory of nobody in particular";

fn driver_named(driver: &Driver) -> Option<String> {
    let name = driver.name.as_deref()?;
    Some(format!("driver {}", printable(name)))
}

/// Whose memory a migration was about.
pub(super) fn owner(model: &Model, pid: Option<u32>) -> String {
    pid.map_or_else(|| NOBODY.to_owned(), |pid| process(model, pid))
}

/// The same for a process by its number.
pub(super) fn process(model: &Model, pid: u32) -> String {
    let known = model
        .processes()
        .iter()
        .find(|process| process.pid == Some(pid));
    known.map_or_else(|| format!("process {pid}"), named)
}
