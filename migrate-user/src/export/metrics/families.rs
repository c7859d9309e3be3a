//! From the model to families.

mod tops;

use std::borrow::Cow;

use migrate_ebpf::wire::Figure;

use super::container::Container;
use super::definition::{self as define, Definition};
use super::top::{Counts, Tops};
use super::{Constant, Family, Histogram, Label, Series, Value};
use crate::model::waits::WaitTotals;
use crate::model::{Driver, Model, Process};
use crate::trace::{
    Exact, ExactCount, ExactFigure, ExactWaitFigure, Facts, Losses, Moment, Step, WaitFigure,
    WaitKind, ledger, ledger::Row,
};

/// What metrics are made of.
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'a> {
    /// The figures.
    pub model: &'a Model,
    /// Does the source go on?
    pub running: bool,
    /// Of how many processes there are series: those whose migrations took most time.
    pub processes: usize,
    /// The phases and mappings that have series of their own; `None`: none is asked for.
    pub tops: Option<&'a Tops>,
    /// Labels that every series has besides its own.
    pub constants: &'a [Constant],
    /// When things were, since 1970.
    pub times: Times,
}

/// What becomes of the times of a recording's clock, since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When counting began, nanoseconds; `None` if the recording does not say.
    pub started_unix_ns: Option<u64>,
    /// A moment that both clocks tell.
    pub moment: Option<Moment>,
}

impl Times {
    /// Those of a recording, by the wall clock of when it began.
    pub fn recorded(facts: &Facts) -> Self {
        let both = facts.started_ns.zip(facts.started_unix_ns);
        Self {
            started_unix_ns: facts.started_unix_ns,
            moment: both.map(|(time_ns, unix_ns)| Moment { time_ns, unix_ns }),
        }
    }
}

impl<'a> Metrics<'a> {
    /// Every family of which there is something to say.
    pub fn families(&self) -> Vec<Family<'a>> {
        let mut families = self.about_the_source();
        families.extend(self.totals());
        families.extend(self.losses());
        families.extend(self.waits());
        families.extend(self.drivers());
        families.extend(self.processes());
        if let Some(tops) = self.tops {
            families.extend(tops::by_phase(self.model, tops));
            families.extend(tops::by_mapping(self.model, tops));
        }
        families.retain(|family| !family.series.is_empty());
        for series in families.iter_mut().flat_map(|family| &mut family.series) {
            series
                .labels
                .extend(self.constants.iter().map(Constant::label));
        }
        families
    }

    /// When counting began, nanoseconds since 1970; `None` if the recording does not say.
    pub fn started_unix_ns(&self) -> Option<u64> {
        self.times.started_unix_ns
    }

    /// The kernel's totals where it tells them: only those never decrease when records are lost.
    fn exact(&self) -> &'a Exact {
        self.model.exact().unwrap_or(self.model.records())
    }

    fn about_the_source(&self) -> Vec<Family<'a>> {
        let facts = self.model.facts();
        let source = vec![
            ("host", Cow::from(&facts.host)),
            ("kernel", Cow::from(&facts.kernel)),
            ("tracer", Cow::from(&facts.tracer)),
            (
                "attached",
                facts.attached.as_deref().unwrap_or_default().into(),
            ),
            (
                "filter",
                facts.filters().collect::<Vec<_>>().join(" and ").into(),
            ),
        ];
        let version = vec![("version", env!("CARGO_PKG_VERSION").into())];
        let started = self.started_unix_ns();
        let totals = self
            .model
            .coverage()
            .totals_ns
            .and_then(|at_ns| self.times.moment?.unix_ns(at_ns));
        vec![
            family(define::BUILD_INFO, [number(version, 1.0)]),
            family(define::SOURCE_INFO, [number(source, 1.0)]),
            family(
                define::SOURCE_UP,
                [number(vec![], u64::from(self.running) as f64)],
            ),
            family(
                define::START_TIME,
                started.map(|ns| number(vec![], seconds(ns))),
            ),
            family(
                define::TOTALS_TIME,
                totals.map(|ns| number(vec![], seconds(ns))),
            ),
        ]
    }

    fn totals(&self) -> Vec<Family<'a>> {
        let exact = self.exact();
        let page_size = self.model.facts().page_size;
        let bytes = |pages: u64| (pages.saturating_mul(page_size)) as f64;
        let by_kind = |definition, of: &dyn Fn(&ExactCount) -> f64| {
            let series = exact.counts.iter();
            family(
                definition,
                series.map(|count| number(kind(count), of(count))),
            )
        };
        let figures = |definition, wanted: &[Figure]| {
            let figures = exact.figures.iter();
            let wanted = figures.filter(|figure| wanted.contains(&figure.figure));
            family(definition, wanted.map(distribution))
        };
        let steps = Step::ALL.map(Figure::from);
        vec![
            by_kind(define::MIGRATIONS, &|count| count.migrations as f64),
            family(define::PAGES, exact.counts.iter().flat_map(pages)),
            family(define::SKIPPED_PAGES, exact.counts.iter().flat_map(reasons)),
            by_kind(define::MIGRATED_BYTES, &|count| {
                bytes(ledger::arrived(&count.ledger))
            }),
            by_kind(define::WASTED_COPY_BYTES, &|count| {
                bytes(count.ledger.wasted_copy)
            }),
            figures(define::STEP_DURATION, &steps),
            figures(define::MIGRATION_DURATION, &[Figure::Total]),
            figures(define::MIGRATION_PAGES, &[Figure::Batch]),
            figures(define::PAGE_DURATION, &[Figure::PerPage]),
            by_kind(define::PROBE_SECONDS, &|count| seconds(count.probe_ns)),
            by_kind(define::UNBALANCED, &|count| count.unbalanced as f64),
        ]
    }

    fn losses(&self) -> Vec<Family<'a>> {
        let losses = self.model.losses();
        let named = |lost, label| {
            let numbers = losses
                .into_iter()
                .flat_map(move |losses| by_name(losses, lost));
            numbers.map(move |(name, count)| number(vec![(label, name.into())], count as f64))
        };
        let ended = self.model.ended().map(|ended| number(vec![], ended as f64));
        let hanging = self.model.hanging_ns();
        vec![
            family(
                define::OLDEST_IN_FLIGHT,
                hanging.map(|ns| number(vec![], seconds(ns))),
            ),
            family(define::ENDED, ended),
            family(define::RECORDS_LOST, named(true, "reason")),
            family(define::ANOMALIES, named(false, "kind")),
        ]
    }

    /// Waits, where they were followed; from where [`Metrics::exact`] is.
    fn waits(&self) -> Vec<Family<'a>> {
        if !self.model.follows_waits() {
            return Vec::new();
        }
        let exact = self.model.exact();
        let totals = exact.map_or_else(|| self.model.waits().totals(), WaitTotals::of_totals);
        let counts = totals.counts().iter().map(|count| {
            let kind = ("kind", count.kind.name().into());
            let result = ("result", count.result.name().into());
            number(vec![kind, result], count.waits as f64)
        });
        let histogram = |of: &'a ExactWaitFigure| {
            let sum = totals.sum_of(of.figure);
            Value::Histogram(Histogram::of_ns(&of.values, sum))
        };
        let kind = |of: &'a ExactWaitFigure| {
            let kind = WaitKind::ALL.iter();
            let kind = kind
                .copied()
                .find(|kind| WaitFigure::from(*kind) == of.figure)?;
            let labels = vec![("kind", kind.name().into())];
            let value = histogram(of);
            Some(Series { labels, value })
        };
        let figures = totals.figures().iter();
        let before = figures
            .clone()
            .filter(|of| of.figure == WaitFigure::BeforeSetup);
        vec![
            family(define::WAITS, counts),
            family(define::WAIT_SECONDS, figures.filter_map(kind)),
            family(
                define::WAIT_BEFORE_SETUP,
                before.map(|of| Series {
                    labels: vec![],
                    value: histogram(of),
                }),
            ),
        ]
    }

    fn drivers(&self) -> [Family<'a>; 3] {
        let row = |driver: &'a Driver| {
            let name = driver.name.as_deref().unwrap_or("unknown");
            (vec![("driver", name.into())], Counts::of_sums(&driver.sums))
        };
        let rows: Vec<_> = self.model.drivers().sorted().into_iter().map(row).collect();
        of_rows(
            &rows,
            [
                define::DRIVER_MIGRATIONS,
                define::DRIVER_PAGES,
                define::DRIVER_SECONDS,
            ],
        )
    }

    fn processes(&self) -> [Family<'a>; 3] {
        let row = |process: &'a Process| {
            let pid = process.pid.map(|pid| pid.to_string());
            let container = process.cgroup.as_deref().map(Container::of);
            let Container { pod_uid, id } = container.unwrap_or_default();
            // What is not known is empty, which to Prometheus is no label.
            let labels = vec![
                ("pid", pid.unwrap_or_default().into()),
                ("comm", process.comm.as_deref().unwrap_or_default().into()),
                ("pod_uid", pod_uid.unwrap_or_default()),
                ("container_id", id.unwrap_or_default().into()),
            ];
            (labels, Counts::of_sums(&process.sums))
        };
        let processes = self.model.processes().sorted();
        let rows: Vec<_> = processes
            .into_iter()
            .take(self.processes)
            .map(row)
            .collect();
        of_rows(
            &rows,
            [
                define::PROCESS_MIGRATIONS,
                define::PROCESS_PAGES,
                define::PROCESS_SECONDS,
            ],
        )
    }
}

/// The rows of a table: migrations, pages and seconds of each.
fn of_rows<'a>(
    rows: &[(Vec<Label<'a>>, Counts)],
    [migrations, pages, time]: [Definition; 3],
) -> [Family<'a>; 3] {
    let each = |definition, of: &dyn Fn(&Counts) -> f64| {
        let series = rows.iter();
        family(
            definition,
            series.map(|(labels, sums)| number(labels.clone(), of(sums))),
        )
    };
    let by_ledger = rows.iter().flat_map(|(labels, sums)| {
        Row::ALL.map(|row| {
            let mut labels = labels.clone();
            labels.push(("ledger", row.name().into()));
            number(labels, row.of(&sums.ledger) as f64)
        })
    });
    [
        each(migrations, &|sums| sums.migrations as f64),
        family(pages, by_ledger),
        each(time, &|sums| seconds(sums.time_ns)),
    ]
}

fn family<'a>(definition: Definition, series: impl IntoIterator<Item = Series<'a>>) -> Family<'a> {
    Family {
        definition,
        series: series.into_iter().collect(),
    }
}

fn number(labels: Vec<Label<'_>>, number: f64) -> Series<'_> {
    Series {
        labels,
        value: Value::Number(number),
    }
}

fn kind(count: &ExactCount) -> Vec<Label<'static>> {
    vec![
        ("direction", count.direction.name().into()),
        ("cause", count.cause.name().into()),
        ("outcome", count.outcome.name().into()),
    ]
}

fn pages(count: &ExactCount) -> [Series<'static>; Row::ALL.len()] {
    Row::ALL.map(|row| {
        let mut labels = kind(count);
        labels.push(("ledger", row.name().into()));
        number(labels, row.of(&count.ledger) as f64)
    })
}

fn reasons(count: &ExactCount) -> [Series<'static>; 3] {
    let reasons = [
        ("not_collected", count.reasons.not_collected),
        ("unmap_failed", count.reasons.unmap_failed),
        ("unknown", count.reasons.unknown),
    ];
    reasons.map(|(reason, pages)| {
        let mut labels = kind(count);
        labels.push(("reason", reason.into()));
        number(labels, pages as f64)
    })
}

fn distribution(figure: &ExactFigure) -> Series<'_> {
    let mut labels: Vec<Label<'_>> = vec![
        ("direction", figure.direction.name().into()),
        ("cause", figure.cause.name().into()),
    ];
    let step = Step::ALL
        .into_iter()
        .find(|step| Figure::from(*step) == figure.figure);
    labels.extend(step.map(|step| ("step", step.name().into())));
    let histogram = match figure.figure {
        Figure::Batch => Histogram::of_numbers(&figure.values, figure.sum),
        _ => Histogram::of_ns(&figure.values, figure.sum),
    };
    Series {
        labels,
        value: Value::Histogram(histogram),
    }
}

/// The counters of lost migrations, or those of everything else.
fn by_name(losses: Losses, lost: bool) -> impl Iterator<Item = (&'static str, u64)> {
    let named: Vec<_> = losses.named().collect();
    named
        .into_iter()
        .filter(move |(name, _)| Losses::is_of_migrations(name) == lost)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
