//! The figures of runs that are counted by totals alone, one by one: what `stat` prints of a
//! command's runs, and takes means of. Their names are those of reports.

pub(crate) mod phases;

use migrate_ebpf::wire::Loss;

use crate::model::{Model, Phases};
use crate::trace::{
    ExactWaits, Kind, Ledger, Losses, Step, WaitKind, WaitResult,
    ledger::{Row, arrived, wasted},
};

/// A run of a command, as far as it was counted.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'a> {
    /// What the kernel's totals say of it.
    pub(crate) model: &'a Model,
    /// What its records say by phase, where those were followed.
    pub(crate) phases: Option<&'a Phases>,
    /// How long the command ran, nanoseconds.
    pub(crate) elapsed_ns: u64,
}

/// What figures are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// How many migrations there were, and of which kind.
    Migrations,
    /// Where their pages went.
    Pages,
    /// How long their steps took.
    Steps,
    /// What threads waited for.
    Waits,
    /// What the tracer did not see.
    Losses,
    /// How long the command ran.
    Elapsed,
}

impl Group {
    /// All of them, in the order in which they are listed.
    pub(crate) const ALL: [Self; 6] = [
        Self::Migrations,
        Self::Pages,
        Self::Steps,
        Self::Waits,
        Self::Losses,
        Self::Elapsed,
    ];

    /// The name used in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Migrations => "migrations",
            Self::Pages => "pages",
            Self::Steps => "steps",
            Self::Waits => "waits",
            Self::Losses => "losses",
            Self::Elapsed => "elapsed",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Migrations.
    Migrations,
    /// Base pages.
    Pages,
    /// Waits.
    Waits,
    /// Stacks.
    Stacks,
    /// Phases that programs opened or closed.
    Phases,
    /// Nanoseconds.
    Ns,
}

impl Unit {
    /// How it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Migrations => "migrations",
            Self::Pages => "pages",
            Self::Waits => "waits",
            Self::Stacks => "stacks",
            Self::Phases => "phases",
            Self::Ns => "ns",
        }
    }
}

/// What a figure is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// What that is, in words.
    pub(crate) name: &'static str,
    /// In each run.
    pub(crate) values: Vec<u64>,
}

/// One figure, in each run. Within its unit, no two have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) group: Group,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// How many figures above it, one in the other, it is a part of.
    pub(crate) depth: usize,
    /// 0 where there was none.
    pub(crate) values: Vec<u64>,
    pub(crate) of: Option<Whole>,
}

/// Every figure that was not 0 in all of these runs, and those that every run has.
pub(crate) fn figures(runs: &[Counted<'_>]) -> Vec<Figure> {
    let list = List { runs };
    [
        list.migrations(),
        list.pages(),
        list.steps(),
        list.waits(),
        list.losses(),
        vec![list.elapsed()],
    ]
    .concat()
}

/// The migrations by which a run's counts are off, because they ended just when the totals were
/// read: of some it is not known whether they are this run's.
pub(crate) fn blurred(model: &Model) -> u64 {
    let incomplete = losses(model).of(Loss::Incomplete);
    let counted = model.totals().migrations().saturating_add(incomplete);
    model.ended().map_or(0, |ended| ended.abs_diff(counted))
}

/// Runs of which figures are made.
struct List<'a> {
    runs: &'a [Counted<'a>],
}

impl List<'_> {
    fn each(&self, of: impl Fn(&Model) -> u64) -> Vec<u64> {
        self.runs.iter().map(|run| of(run.model)).collect()
    }

    fn figure(
        &self,
        (group, depth): (Group, usize),
        name: impl Into<String>,
        unit: Unit,
        of: impl Fn(&Model) -> u64,
    ) -> Figure {
        Figure {
            group,
            name: name.into(),
            unit,
            depth,
            values: self.each(of),
            of: None,
        }
    }

    fn of_all(&self, name: &'static str, of: impl Fn(&Model) -> u64) -> Option<Whole> {
        let values = self.each(of);
        Some(Whole { name, values })
    }

    /// What any of the runs has, each once and sorted.
    fn any<T: Ord>(&self, of: impl Fn(&Model) -> Vec<T>) -> Vec<T> {
        let mut any: Vec<_> = self.runs.iter().flat_map(|run| of(run.model)).collect();
        any.sort();
        any.dedup();
        any
    }

    fn migrations(&self) -> Vec<Figure> {
        let at = |depth| (Group::Migrations, depth);
        let all = |model: &Model| model.totals().migrations();
        let mut figures = vec![self.figure(at(0), "migrations", Unit::Migrations, all)];
        let key = |kind: Kind| (kind.direction, kind.cause, kind.outcome);
        for kind in self.any(|model| model.totals().kinds().map(key).collect()) {
            let names = [kind.0.name(), kind.1.name(), kind.2.name()];
            let number = |model: &Model| {
                let of = model.totals().kinds().find(|of| key(*of) == kind);
                of.map_or(0, |of| of.migrations)
            };
            figures.push(Figure {
                of: self.of_all("all", all),
                ..self.figure(at(1), names.join(" "), Unit::Migrations, number)
            });
        }
        figures
    }

    fn pages(&self) -> Vec<Figure> {
        let requested = |model: &Model| ledger(model).requested;
        let page = |depth, name: &'static str, of: &dyn Fn(&Model) -> u64| Figure {
            of: self.of_all("requested", requested),
            ..self.figure((Group::Pages, depth), name, Unit::Pages, of)
        };
        let mut figures = vec![Figure {
            of: None,
            ..page(0, "requested", &requested)
        }];
        for row in Row::ALL {
            figures.push(page(1, row.name(), &|model| row.of(&ledger(model))));
            if row == Row::Skipped {
                let reasons = self.any(|model| names(&super::reasons(model)));
                figures.extend(
                    reasons.into_iter().map(|reason| {
                        page(2, reason, &|model| named(&super::reasons(model), reason))
                    }),
                );
            }
        }
        figures.push(Figure {
            of: self.of_all("copied or made", |model| {
                let ledger = ledger(model);
                arrived(&ledger).saturating_add(wasted(&ledger))
            }),
            ..page(0, "wasted", &|model| wasted(&ledger(model)))
        });
        figures
    }

    fn steps(&self) -> Vec<Figure> {
        let all = |model: &Model| model.steps().total_ns(None);
        let step = |step: Step| Figure {
            of: self.of_all("all steps", all),
            ..self.time(step.name(), |model| model.steps().sum(step, None))
        };
        let mut figures: Vec<_> = Step::ALL.into_iter().map(step).collect();
        figures.push(self.time("total", all));
        figures.push(self.time("probe", |model| model.totals().probe_ns()));
        figures
    }

    fn time(&self, name: &str, of: impl Fn(&Model) -> u64) -> Figure {
        self.figure((Group::Steps, 0), name, Unit::Ns, of)
    }

    fn waits(&self) -> Vec<Figure> {
        // All runs follow the same.
        let kinds = self.any(|model| model.followed().collect());
        kinds
            .into_iter()
            .flat_map(|kind| self.of_kind(kind))
            .collect()
    }

    /// The waits of a kind, and where they ended in several ways, those of each.
    fn of_kind(&self, kind: WaitKind) -> Vec<Figure> {
        let all = self.number_and_time(0, kind.name().to_owned(), |of| of.kind == kind);
        let mut figures = Vec::from(all);
        let counts = |model: &Model| model.wait_totals().counts().to_vec();
        let is_kind = |of: &ExactWaits| (of.kind == kind).then_some(of.result);
        let results = self.any(|model| counts(model).iter().filter_map(is_kind).collect());
        if results == [WaitResult::Done] {
            return figures;
        }
        for result in results {
            let name = format!("{} {}", kind.name(), result.name());
            let is = |of: &ExactWaits| (of.kind, of.result) == (kind, result);
            figures.extend(self.number_and_time(1, name, is));
        }
        figures
    }

    fn number_and_time(
        &self,
        depth: usize,
        name: String,
        is: impl Fn(&ExactWaits) -> bool,
    ) -> [Figure; 2] {
        let sum = |model: &Model, each: fn(&ExactWaits) -> u64| {
            let totals = model.wait_totals();
            let counts = totals.counts().iter().filter(|of| is(of));
            counts.map(each).fold(0, u64::saturating_add)
        };
        let at = (Group::Waits, depth);
        let number = self.figure(at, name.clone(), Unit::Waits, |model| {
            sum(model, |of| of.waits)
        });
        let time = self.figure(at, name, Unit::Ns, |model| sum(model, |of| of.total_ns));
        let of = Whole {
            name: "elapsed",
            values: self.elapsed().values,
        };
        let of = Some(of);
        [number, Figure { of, ..time }]
    }

    fn losses(&self) -> Vec<Figure> {
        let at = |depth| (Group::Losses, depth);
        let lost = |model: &Model| losses(model).lost();
        let mut figures = vec![self.figure(at(0), "lost", Unit::Migrations, lost)];
        for loss in Loss::ALL.iter().copied() {
            let is_of_lost = Losses::is_of_migrations(loss.name());
            let unit = match loss {
                Loss::WaitLost | Loss::WaitMissed => Unit::Waits,
                Loss::StackLost => Unit::Stacks,
                Loss::PhaseLost | Loss::PhaseUnopened => Unit::Phases,
                _ => Unit::Migrations,
            };
            let figure = self.figure(at(is_of_lost.into()), loss.name(), unit, |model| {
                losses(model).of(loss)
            });
            if figure.values.iter().any(|number| *number > 0) {
                figures.push(figure);
            }
        }
        figures
    }

    fn elapsed(&self) -> Figure {
        let elapsed = self.runs.iter().map(|run| run.elapsed_ns);
        Figure {
            values: elapsed.collect(),
            ..self.figure((Group::Elapsed, 0), "elapsed", Unit::Ns, |_| 0)
        }
    }
}

fn ledger(model: &Model) -> Ledger {
    model.totals().ledger(None)
}

fn losses(model: &Model) -> Losses {
    model.losses().unwrap_or_default()
}

fn names(of: &[(&'static str, u64)]) -> Vec<&'static str> {
    of.iter().map(|(name, _)| *name).collect()
}

fn named(of: &[(&'static str, u64)], name: &str) -> u64 {
    of.iter().find(|of| of.0 == name).map_or(0, |of| of.1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trace::{Batch, Facts};
    use migscope_testkit::{Synthetic, facts};

    /// Runs of which only the kernel's totals are known.
    fn models() -> Vec<Model> {
        let facts = Facts {
            record_every: 0,
            details: crate::trace::Details::ALL,
            ..facts()
        };
        let mut synthetic = Synthetic::new(3).with_totals().with_waits();
        let mut before = synthetic.status();
        let mut model = |size| {
            let mut batch = synthetic.batch(size);
            batch.migrations = Vec::new().into();
            batch.waits.clear();
            let status = batch.status.clone().unwrap();
            let since = Some(status.since(&before));
            before = status;
            let mut model = Model::new(facts.clone());
            model.apply(Batch {
                status: since,
                ..batch
            });
            model
        };
        vec![model(300), model(0), model(200)]
    }

    fn counted(models: &[Model]) -> Vec<Counted<'_>> {
        let run = |model| Counted {
            model,
            phases: None,
            elapsed_ns: 2_000_000_000,
        };
        models.iter().map(run).collect()
    }

    #[test]
    fn each_run_has_its_own_numbers() {
        let models = models();
        let figures = figures(&counted(&models));
        let of = |unit, name: &str| {
            let found = figures.iter().find(|it| it.unit == unit && it.name == name);
            found.unwrap().values.clone()
        };
        assert_eq!(of(Unit::Migrations, "migrations"), [300, 0, 200]);
        for row in Row::ALL {
            let expected: Vec<_> = models.iter().map(|model| row.of(&ledger(model))).collect();
            assert_eq!(of(Unit::Pages, row.name()), expected);
        }
        assert_eq!(of(Unit::Ns, "elapsed"), [2_000_000_000; 3]);
        assert!(models.iter().all(|model| blurred(model) == 0));
    }

    /// Parts add up to what they are parts of, and every figure can be told by its name.
    #[test]
    fn parts_add_up_and_names_are_unique() {
        let models = models();
        let figures = figures(&counted(&models));
        let names: BTreeSet<_> = figures
            .iter()
            .map(|figure| (figure.unit.name(), &figure.name))
            .collect();
        assert_eq!(names.len(), figures.len());
        let sum = |group, depth| {
            let parts = figures.iter().filter(|it| {
                it.group == group && it.depth == depth && !matches!(it.unit, Unit::Ns)
            });
            parts.fold([0; 3], |sum, of| {
                std::array::from_fn(|run| sum[run] + of.values[run])
            })
        };
        let wasted: [u64; 3] = std::array::from_fn(|run| wasted(&ledger(&models[run])));
        assert_eq!(sum(Group::Migrations, 1), sum(Group::Migrations, 0));
        let requested: [u64; 3] =
            std::array::from_fn(|run| sum(Group::Pages, 0)[run] - wasted[run]);
        assert_eq!(sum(Group::Pages, 1), requested);
    }

    #[test]
    fn a_read_in_the_middle_of_a_migration_is_known() {
        let models = models();
        let facts = models[0].facts().clone();
        let mut synthetic = Synthetic::new(3).with_totals();
        synthetic.batch(10);
        let mut status = synthetic.status();
        status.ended += 2;
        let mut model = Model::new(facts);
        model.apply(Batch {
            status: Some(status),
            ..Batch::default()
        });
        assert_eq!(blurred(&model), 2);
    }
}
