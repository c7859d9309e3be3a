//! What an export does not have, so that nobody takes it for all.

use migrate_ebpf::wire::Loss;

use crate::export::Event;
use crate::text::{count, counted};
use crate::trace::{Facts, Losses, Status};

/// What is known of it while batches pass.
pub(super) struct Missing {
    record_every: u32,
    /// Was more chosen than the tracer did?
    is_chosen: bool,
    /// Were waits followed?
    has_waits: bool,
    /// Is what was chosen what only migrations have, so that no wait was?
    is_of_migrations: bool,
    /// The tracer's last word.
    status: Option<Status>,
    /// Did the kernel tell its totals?
    has_totals: bool,
}

impl Missing {
    pub(super) fn new(facts: &Facts, is_of_migrations: bool) -> Self {
        Self {
            record_every: facts.record_every,
            is_chosen: facts.chosen.is_some(),
            has_waits: facts.details.has_waits(),
            is_of_migrations,
            status: None,
            has_totals: false,
        }
    }

    pub(super) fn pass(&mut self, status: Option<&Status>) {
        if let Some(status) = status {
            self.has_totals |= status.exact.is_some();
            self.status = Some(Status {
                exact: None,
                ..status.clone()
            });
        }
    }

    /// In sentences; `of_totals`: does the format tell the kernel's totals? `events`: what else it
    /// tells.
    pub(super) fn sentences(&self, of_totals: bool, events: &[Event]) -> Vec<String> {
        let of_migrations = events.contains(&Event::Migration);
        let mut sentences = Vec::new();
        if of_migrations {
            sentences.extend(self.of_migrations(of_totals));
        }
        if events.contains(&Event::Wait) {
            sentences.extend(self.of_waits(!of_migrations));
        }
        sentences
    }

    /// Of waits; `alone`: was nothing else asked for?
    fn of_waits(&self, alone: bool) -> Vec<String> {
        let losses = self.status.as_ref().map(|status| status.losses);
        let losses = Losses::new(losses.unwrap_or_default());
        let lost = losses
            .of(Loss::WaitLost)
            .saturating_add(losses.of(Loss::WaitMissed));
        let none = match () {
            () if !alone => None,
            () if !self.has_waits => Some(
                "there are no waits in this recording: it is of an older migscope, or was made with --no-waits.",
            ),
            () if self.record_every == 0 => {
                Some("records are off, so that there are no waits to export.")
            }
            () if self.is_of_migrations => Some(
                "the filter asks for what only migrations have, so that there are no waits to export.",
            ),
            () => None,
        };
        let lost = (lost > 0).then(|| self.lost(&counted(lost, "wait was", "waits were")));
        none.map(str::to_owned).into_iter().chain(lost).collect()
    }

    fn of_migrations(&self, of_totals: bool) -> Vec<String> {
        let Some(status) = &self.status else {
            return Vec::new();
        };
        let totals = of_totals && self.has_totals;
        let losses = Losses::new(status.losses);
        // The kernel has counted what did not fit into the ring, and nothing else of the lost.
        let counted_too = if totals { losses.of(Loss::RingFull) } else { 0 };
        let lost = losses.lost().saturating_sub(counted_too);
        [
            self.left_out(status.ended, totals),
            (counted_too > 0).then(|| in_totals(counted_too)),
            (lost > 0).then(|| self.lost(&counted(lost, "migration was", "migrations were"))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn lost(&self, lost: &str) -> String {
        let before = self.before_the_filter();
        format!("{lost} lost while recording{before}, and not exported.")
    }

    /// What was not to be recorded at all. `totals`: they are told, and have it.
    fn left_out(&self, ended: u64, totals: bool) -> Option<String> {
        let (before, all) = (
            self.before_the_filter(),
            counted(ended, "migration", "migrations"),
        );
        match self.record_every {
            0 if totals => None,
            0 => Some(format!(
                "records are off, so that there is nothing to export of {all}{before}: {}-f openmetrics exports the kernel's totals.",
                if self.is_chosen {
                    "without the filter, "
                } else {
                    ""
                }
            )),
            every => {
                let left_out = ended - ended.div_ceil(u64::from(every));
                let (left, sample) = (count(left_out), count(every.into()));
                let become_of_it = match totals {
                    true => {
                        "counted in what is from the kernel's totals, and missing from the rest"
                    }
                    false => "not exported",
                };
                (left_out > 0).then(|| {
                    format!(
                        "{left} of {all} were not to be recorded{before}, as the recording is a sample, 1 of {sample}: {become_of_it}."
                    )
                })
            }
        }
    }

    /// Counts of the tracer are of all that it traced.
    fn before_the_filter(&self) -> &'static str {
        if self.is_chosen {
            ", before the filter"
        } else {
            ""
        }
    }
}

fn in_totals(number: u64) -> String {
    format!(
        "{} lost while recording: counted in what is from the kernel's totals, and missing from the rest.",
        counted(number, "migration was", "migrations were")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::{Synthetic, facts};

    fn said(record_every: u32, of_totals: bool, chosen: Option<&str>) -> Vec<String> {
        let mut synthetic = Synthetic::new(1).with_totals();
        synthetic.batch(30);
        synthetic.lose(Loss::RingFull as usize, 7);
        synthetic.lose(Loss::Incomplete as usize, 3);
        let mut facts = facts();
        facts.record_every = record_every;
        facts.chosen = chosen.map(str::to_owned);
        let mut missing = Missing::new(&facts, false);
        let mut status = synthetic.status();
        if chosen.is_some() {
            status.exact = None;
        }
        missing.pass(Some(&status));
        missing.pass(None);
        missing.sentences(of_totals, &[Event::Migration])
    }

    #[test]
    fn waits_that_are_not_there_are_told_where_waits_were_asked_for() {
        let mut synthetic = Synthetic::new(1).with_waits();
        synthetic.lose(Loss::WaitLost as usize, 2);
        synthetic.lose(Loss::WaitMissed as usize, 1);
        let (mut facts, status) = (facts(), synthetic.status());
        let said = |facts: &Facts, is_of_migrations, events: &[Event]| {
            let mut missing = Missing::new(facts, is_of_migrations);
            missing.pass(Some(&status));
            missing.sentences(false, events)
        };
        let alone = &[Event::Wait];
        assert!(said(&facts, false, alone)[0].contains("no waits in this recording"));
        facts.details.waits = true;
        let lost = "3 waits were lost while recording, and not exported.";
        assert_eq!(said(&facts, false, alone), [lost]);
        assert_eq!(said(&facts, true, &[Event::Migration, Event::Wait]), [lost]);
        assert!(said(&facts, false, &[Event::Migration]).is_empty());
        let none = said(&facts, true, alone).remove(0);
        assert!(none.contains("what only migrations have"), "{none}");
        facts.record_every = 0;
        let off = said(&facts, false, alone).remove(0);
        assert!(off.contains("records are off"), "{off}");
    }

    #[test]
    fn what_the_kernel_counted_is_exported_where_its_totals_are() {
        assert_eq!(
            said(1, false, None),
            ["10 migrations were lost while recording, and not exported."]
        );
        assert_eq!(
            said(1, true, None),
            [
                "7 migrations were lost while recording: counted in what is from the kernel's totals, and missing from the rest.",
                "3 migrations were lost while recording, and not exported."
            ]
        );
        let filtered =
            "10 migrations were lost while recording, before the filter, and not exported.";
        assert_eq!(said(1, true, Some("pid=7")), [filtered]);
    }

    #[test]
    fn what_was_not_to_be_recorded_is_told() {
        // 40 ended: the 1st, 11th, 21st and 31st were to be recorded.
        assert_eq!(
            said(10, false, None)[0],
            "36 of 40 migrations were not to be recorded, as the recording is a sample, 1 of 10: not exported."
        );
        assert_eq!(
            said(10, true, None)[0],
            "36 of 40 migrations were not to be recorded, as the recording is a sample, 1 of 10: counted in what is from the kernel's totals, and missing from the rest."
        );
        let filtered = said(10, false, Some("pid=7")).remove(0);
        assert!(
            filtered
                .starts_with("36 of 40 migrations were not to be recorded, before the filter, as"),
            "{filtered}"
        );
        let off = said(0, true, Some("pid=7")).remove(0);
        assert!(off.contains("without the filter, -f openmetrics"), "{off}");
        assert!(
            said(0, false, None)[0].contains("nothing to export of 40 migrations: -f openmetrics")
        );
        assert!(
            !said(0, true, None)
                .iter()
                .any(|said| said.contains("records are off"))
        );
        assert!(
            Missing::new(&facts(), false)
                .sentences(false, &[Event::Migration])
                .is_empty()
        );
    }
}
