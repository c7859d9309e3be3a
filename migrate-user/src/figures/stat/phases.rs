//! The figures of runs by phase. Each phase has what its records tell; what is left of the totals
//! is in an unknown one: a record that was lost, or a phase that nobody could tell.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Counted, Figure, Group, Unit, Whole, ledger as all_pages};
use crate::model::{Model, Phase, Phases};
use crate::trace::{
    Ledger, Step, WaitKind,
    ledger::{Row, arrived, difference, wasted},
};

/// In which phase: by this, rows of several runs are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Which {
    /// In the one with this path.
    Named(Arc<str>),
    /// In none.
    None,
    /// In one of those that came when too many were there already.
    Later,
    /// In one that is not known.
    Unknown,
}

impl Which {
    fn of(path: Option<&Arc<str>>) -> Self {
        match path {
            None => Self::Unknown,
            Some(path) if path.is_empty() => Self::None,
            Some(path) => Self::Named(Arc::clone(path)),
        }
    }

    /// Its path as records tell it: empty for none, `None` where it is not known.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Named(path) => Some(path),
            Self::None => Some(""),
            Self::Later | Self::Unknown => None,
        }
    }

    /// As it stands behind the name of a figure. No two are the same, whatever programs call
    /// theirs.
    pub(crate) fn within(&self) -> String {
        match self {
            Self::Named(path) => format!("in phase {path}"),
            Self::None => "in no phase".to_owned(),
            Self::Later => "in later phases".to_owned(),
            Self::Unknown => "in an unknown phase".to_owned(),
        }
    }
}

/// The figures of one phase, in each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InPhase {
    pub(crate) which: Which,
    /// Those of other groups, under the same names, each as a part of what there was in all.
    pub(crate) figures: Vec<Figure>,
}

impl InPhase {
    /// One of them; `None` where it was not followed.
    pub(crate) fn figure(&self, name: &str, unit: Unit) -> Option<&Figure> {
        let mut figures = self.figures.iter();
        figures.find(|figure| (figure.name.as_str(), figure.unit) == (name, unit))
    }
}

/// By phase what was in any of the runs, those first whose migrations took most time, then those
/// that are not told apart, and what is unknown; `None` where phases were not followed.
pub(crate) fn phases(runs: &[Counted<'_>]) -> Option<Vec<InPhase>> {
    let runs = runs.iter().map(|run| Some((run.model, run.phases?)));
    let runs: Vec<(&Model, &Phases)> = runs.collect::<Option<_>>()?;
    let kinds: Vec<_> = runs.first()?.0.followed().collect();
    let list = List {
        rows: runs.iter().map(|(_, phases)| rows(phases)).collect(),
        all: runs.iter().map(|(model, _)| Sums::of_all(model)).collect(),
        kinds,
    };
    let mut phases: Vec<_> = list
        .whiches()
        .into_iter()
        .map(|it| list.phase(it))
        .collect();
    phases.sort_by_cached_key(|phase| {
        let time = phase.figure("total", Unit::Ns);
        let time = time.map_or(0, |figure| figure.values.iter().sum::<u64>());
        let is_last = matches!(phase.which, Which::Later | Which::Unknown);
        (is_last, Reverse(time), phase.which.clone())
    });
    Some(phases)
}

/// Migrations of which no record came, and how many more came than the totals have counted: those
/// ended just when these were read.
pub(crate) fn unrecorded(run: &Counted<'_>) -> Option<[u64; 2]> {
    let phases = run.phases?;
    let all = phases.all().iter().chain(phases.others());
    let recorded: u64 = all.map(|phase| phase.sums.migrations).sum();
    let counted = run.model.totals().migrations();
    Some([
        counted.saturating_sub(recorded),
        recorded.saturating_sub(counted),
    ])
}

/// What is told of a phase, or of all of them.
#[derive(Clone, Copy, Default)]
struct Sums {
    migrations: u64,
    ledger: Ledger,
    steps_ns: [u64; Step::COUNT],
    /// By [`WaitKind`]: their number and time.
    waits: [[u64; 2]; WaitKind::ALL.len()],
}

impl Sums {
    fn of(phase: &Phase) -> Self {
        Self {
            migrations: phase.sums.migrations,
            ledger: phase.sums.ledger,
            steps_ns: phase.steps_ns,
            waits: each_kind(|kind| {
                let sums = phase.waits(kind);
                [sums.waits, sums.total_ns]
            }),
        }
    }

    /// The totals.
    fn of_all(model: &Model) -> Self {
        let waits = model.wait_totals();
        Self {
            migrations: model.totals().migrations(),
            ledger: all_pages(model),
            steps_ns: Step::ALL.map(|step| model.steps().sum(step, None)),
            waits: each_kind(|kind| [waits.of_kind(kind), waits.total_ns(kind)]),
        }
    }

    /// What is left of it without these.
    fn without<'a>(self, known: impl Iterator<Item = &'a Self>) -> Self {
        known.fold(self, |left, of| Self {
            migrations: left.migrations.saturating_sub(of.migrations),
            ledger: difference(&left.ledger, &of.ledger),
            steps_ns: std::array::from_fn(|at| left.steps_ns[at].saturating_sub(of.steps_ns[at])),
            waits: std::array::from_fn(|kind| {
                std::array::from_fn(|at| left.waits[kind][at].saturating_sub(of.waits[kind][at]))
            }),
        })
    }
}

fn each_kind(of: impl Fn(WaitKind) -> [u64; 2]) -> [[u64; 2]; WaitKind::ALL.len()] {
    // Numbers on the wire begin at 1.
    std::array::from_fn(|at| of(WaitKind::ALL[at]))
}

/// What is known of one run: not what its records call unknown, which is a part of what is left.
fn rows(phases: &Phases) -> HashMap<Which, Sums> {
    let all = phases.all().iter();
    let known = all.map(|phase| (Which::of(phase.path.as_ref()), Sums::of(phase)));
    let known = known.filter(|(which, _)| *which != Which::Unknown);
    let later = phases.others().map(|phase| (Which::Later, Sums::of(phase)));
    known.chain(later).collect()
}

/// Runs of which figures are made.
struct List {
    rows: Vec<HashMap<Which, Sums>>,
    all: Vec<Sums>,
    kinds: Vec<WaitKind>,
}

impl List {
    /// The phases that there are: none, and what is unknown, always.
    fn whiches(&self) -> Vec<Which> {
        let known = self.rows.iter().flat_map(|rows| rows.keys().cloned());
        let mut all: Vec<_> = known.chain([Which::None, Which::Unknown]).collect();
        all.sort();
        all.dedup();
        all
    }

    fn phase(&self, which: Which) -> InPhase {
        let runs = self.rows.iter().zip(&self.all);
        let sums = runs.map(|(rows, all)| match which {
            Which::Unknown => all.without(rows.values()),
            _ => rows.get(&which).copied().unwrap_or_default(),
        });
        let sums: Vec<_> = sums.collect();
        InPhase {
            which,
            figures: self.figures(&sums),
        }
    }

    fn figures(&self, sums: &[Sums]) -> Vec<Figure> {
        let figure = |group, name: &str, unit, of: &dyn Fn(&Sums) -> u64| Figure {
            group,
            name: name.to_owned(),
            unit,
            depth: 0,
            values: sums.iter().map(of).collect(),
            of: Some(Whole {
                name: "all",
                values: self.all.iter().map(of).collect(),
            }),
        };
        let page =
            |name: &str, of: &dyn Fn(&Sums) -> u64| figure(Group::Pages, name, Unit::Pages, of);
        let time = |name: &str, of: &dyn Fn(&Sums) -> u64| figure(Group::Steps, name, Unit::Ns, of);
        let mut figures = vec![
            figure(Group::Migrations, "migrations", Unit::Migrations, &|of| {
                of.migrations
            }),
            page("requested", &|of| of.ledger.requested),
        ];
        figures.extend(Row::ALL.map(|row| page(row.name(), &|of| row.of(&of.ledger))));
        figures.push(page("arrived", &|of| arrived(&of.ledger)));
        figures.push(page("wasted", &|of| wasted(&of.ledger)));
        figures.extend(Step::ALL.map(|step| time(step.name(), &|of| of.steps_ns[step as usize])));
        figures.push(time("total", &|of| of.steps_ns.iter().sum()));
        for kind in &self.kinds {
            let (at, name) = (*kind as usize - 1, kind.name());
            figures.push(figure(Group::Waits, name, Unit::Waits, &|of| {
                of.waits[at][0]
            }));
            figures.push(figure(Group::Waits, name, Unit::Ns, &|of| of.waits[at][1]));
        }
        figures
    }
}
