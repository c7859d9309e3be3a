//! The figures of every view, taken from the model in one place, so that dashboard and report
//! agree.

pub(crate) mod copies;
pub(crate) mod mappings;
pub(crate) mod phases;
pub(crate) mod stat;
pub(crate) mod units;
pub(crate) mod waits;

use crate::model::{Model, Origin, PARTS, Rate};
use crate::text::{bytes, clock, count, counted, duration, percent, printable, quantity, utc};
use crate::trace::{DRIVER_PARTS, Direction, Filter, OF_DRIVER, Step, ledger::Row};

/// What stands where there is no number.
pub(crate) const NONE: &str = "–";

/// What is said where nothing was traced while something ran.
pub(crate) const NOTHING_MIGRATED: &str = "No memory was migrated in that time. Is a driver loaded that uses device memory, and a program running \
                                           that uses the device?";

/// The seconds over which a rate is averaged on screen.
pub(crate) const RATE_SECONDS: usize = 5;

/// What the figures cover, where that is not simply every migration that was recorded.
pub(crate) fn coverage(model: &Model) -> Vec<String> {
    let coverage = model.coverage();
    let filter = only(model);
    let sampled = match coverage.record_every {
        0 => Some("records off".to_owned()),
        1 => None,
        every => Some(format!("1 of {} recorded", count(every.into()))),
    };
    let totals = match coverage.from {
        Origin::Kernel => Some("kernel totals".to_owned()),
        // Of a filter that came later, the kernel's totals know nothing.
        Origin::Records => of_records(model),
    };
    [filter, sampled, totals].into_iter().flatten().collect()
}

/// Which migrations the figures are about, where not every one: `only pid=7, and of these comm=a`.
pub(crate) fn only(model: &Model) -> Option<String> {
    let coverage = model.coverage();
    let filters = [coverage.filter, coverage.chosen].into_iter().flatten();
    let filters: Vec<_> = filters.map(printable).collect();
    (!filters.is_empty()).then(|| format!("only {}", filters.join(", and of these ")))
}

/// Of how many migrations there are records, where not of every one.
pub(crate) fn of_records(model: &Model) -> Option<String> {
    let (records, ended) = model.left_records()?;
    let of_all = match model.coverage().chosen {
        Some(_) => ", before the filter",
        None => "",
    };
    let (records, ended) = (count(records), count(ended));
    Some(format!(
        "from records: {records} of {ended} recorded{of_all}"
    ))
}

/// Is there nothing that the figures could be from? Of a filter that came later the kernel's totals
/// know nothing, and there are no records.
pub(crate) fn are_unknown(model: &Model) -> bool {
    let coverage = model.coverage();
    coverage.record_every == 0 && coverage.chosen.is_some()
}

/// What is said where figures are unknown for that reason.
pub(crate) const UNKNOWN: &str =
    "Records are off: which migrations the filter lets through is unknown.";

/// Did migrations happen, and came none as a record? Then what is from records is unknown.
pub(crate) fn has_no_records(model: &Model) -> bool {
    model.totals().migrations() > 0 && model.drivers().sum().migrations == 0
}

/// Are there migrations of which no record came? Then what is from records is of some.
pub(crate) fn lack_records(model: &Model) -> bool {
    model.left_records().is_some()
}

/// Are counts less than there was, because they are of records and those of some?
pub(crate) fn are_at_least(model: &Model) -> bool {
    model.coverage().from == Origin::Records && lack_records(model)
}

/// What is said of figures from records where there are not all.
pub(crate) const OF_RECORDED: &str = "of the recorded migrations";

/// When it was recorded: `2026-11-28 02:20:47 UTC, for 0:00:11`.
pub(crate) fn recorded(model: &Model) -> String {
    let chosen = model.coverage().chosen.map(str::parse::<Filter>);
    let is_by_time = |filter: Filter| filter.extent_ns(&model.facts().run()).is_some();
    // It begins behind the end.
    if model.elapsed_ns() == 0 && chosen.and_then(Result::ok).is_some_and(is_by_time) {
        return "nothing of it in the time that the filter asks for".to_owned();
    }
    let began = model.facts().started_unix_ns;
    let began = began.map_or_else(|| "unknown".to_owned(), utc);
    format!("{began}, for {}", clock(model.elapsed_ns()))
}

/// How many ledgers do not add up.
pub(crate) fn unbalanced(model: &Model) -> String {
    if are_unknown(model) {
        return "unknown".to_owned();
    }
    counted(model.totals().unbalanced(), "ledger", "ledgers")
}

/// How long migrations took, and of how much time: `2.73 s in migrations, of 11.0 s by 4 threads
/// (6.2% of their time)`.
pub(crate) fn time(model: &Model) -> String {
    if are_unknown(model) {
        return "unknown: records are off".to_owned();
    }
    let time = model.migration_time();
    let (busy, wall) = (duration(time.busy_ns()), duration(time.wall_ns));
    let busy = if are_at_least(model) {
        format!("at least {busy} in recorded migrations,")
    } else {
        format!("{busy} in migrations,")
    };
    let at_least = if time.has_all_threads {
        ""
    } else {
        "at least "
    };
    let threads = counted(time.threads, "thread", "threads");
    let whose = if time.threads == 1 { "its" } else { "their" };
    let share = time
        .share()
        .map(|share| format!(" ({} of {whose} time)", percent(share)));
    let share = share.unwrap_or_default();
    match time.threads {
        0 if time.busy_ns() == 0 => format!("{busy} of {wall}"),
        0 => format!("{busy} of {wall}; by how many threads is not known"),
        _ => format!("{busy} of {wall} by {at_least}{threads}{share}"),
    }
}

/// One part of the kernel's work, where that was asked for.
pub(crate) struct PartFigure {
    pub(crate) name: &'static str,
    pub(crate) sum_ns: u64,
    /// Of all steps of the migrations that were measured so, 0 to 1.
    pub(crate) share: f64,
}

/// The parts; none where they were not asked for.
pub(crate) fn parts(model: &Model) -> Vec<PartFigure> {
    let parts = model.parts();
    if parts.migrations == 0 {
        return Vec::new();
    }
    let figure = |(name, sum_ns): (&'static str, u64)| PartFigure {
        name,
        sum_ns,
        share: sum_ns as f64 / parts.total_ns.max(1) as f64,
    };
    PARTS.into_iter().zip(parts.sums_ns).map(figure).collect()
}

/// A step of the driver's, and where its time goes.
pub(crate) struct DriverStep {
    pub(crate) step: Step,
    /// How long it took in all the migrations that were measured so, nanoseconds.
    pub(crate) total_ns: u64,
    /// The shares are of the step.
    pub(crate) parts: Vec<PartFigure>,
}

/// Where the time of the driver's steps goes; none where that was not asked for.
pub(crate) fn driver_steps(model: &Model) -> Vec<DriverStep> {
    let sums = model.driver_parts();
    if sums.migrations == 0 {
        return Vec::new();
    }
    let step = |(nth, step): (usize, Step)| {
        let total_ns = sums.steps_ns[nth];
        let part = |(name, sum_ns): (&'static str, u64)| PartFigure {
            name,
            sum_ns,
            share: sum_ns as f64 / total_ns.max(1) as f64,
        };
        let parts = DRIVER_PARTS.into_iter().zip(sums.sums_ns[nth]);
        DriverStep {
            step,
            total_ns,
            parts: parts.map(part).collect(),
        }
    };
    OF_DRIVER.into_iter().enumerate().map(step).collect()
}

/// The share of each step in which the thread did not run, 0 to 1; `None` where that was not asked
/// for, or the step never happened.
pub(crate) fn off_cpu(model: &Model) -> [Option<f64>; Step::COUNT] {
    let off_cpu = model.off_cpu();
    Step::ALL.map(|step| {
        let (off, all) = (
            off_cpu.off_ns[step as usize],
            off_cpu.steps_ns[step as usize],
        );
        (all > 0).then(|| off as f64 / all as f64)
    })
}

/// The directions that are listed: both, and `unknown` only where it occurs.
pub(crate) fn directions(model: &Model) -> Vec<Direction> {
    let occurs = |direction: &Direction| {
        matches!(direction, Direction::ToDevice | Direction::ToSystem)
            || model.totals().in_direction(*direction) > 0
    };
    Direction::ALL.iter().copied().filter(occurs).collect()
}

/// How much per second, as text: pages, bytes, calls.
pub(crate) fn rate(model: &Model, rate: Option<Rate>) -> [String; 3] {
    let Some(rate) = rate else {
        return [NONE; 3].map(str::to_owned);
    };
    let page = model.facts().page_size as f64;
    [
        quantity(rate.pages),
        bytes(rate.pages * page),
        quantity(rate.calls),
    ]
}

/// One row of the ledger.
pub(crate) struct LedgerFigure {
    pub(crate) row: Row,
    pub(crate) pages: u64,
    /// Of all pages requested, 0 to 1.
    pub(crate) share: f64,
}

/// The rows of the ledger, all of them.
pub(crate) fn ledger(model: &Model) -> [LedgerFigure; Row::ALL.len()] {
    let ledger = model.totals().ledger(None);
    let requested = ledger.requested.max(1) as f64;
    Row::ALL.map(|row| {
        let pages = row.of(&ledger);
        LedgerFigure {
            row,
            pages,
            share: pages as f64 / requested,
        }
    })
}

/// Why pages were skipped, as far as any were: name and pages. Those that were not collected are
/// told apart where it is known which of them were there already.
pub(crate) fn reasons(model: &Model) -> Vec<(&'static str, u64)> {
    let reasons = model.totals().reasons();
    let there = model
        .already_there()
        .map(|pages| pages.min(reasons.not_collected));
    let not_collected = match there {
        Some(there) if there > 0 => [
            ("already_there", there),
            ("other_reason", reasons.not_collected - there),
        ],
        _ => [("not_collected", reasons.not_collected), ("", 0)],
    };
    let others = [
        ("unmap_failed", reasons.unmap_failed),
        ("unknown", reasons.unknown),
    ];
    not_collected
        .into_iter()
        .chain(others)
        .filter(|(_, pages)| *pages > 0)
        .collect()
}

/// The times of one step.
pub(crate) struct StepFigure {
    pub(crate) step: Step,
    pub(crate) count: u64,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p90_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) p999_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    /// Of the time of all five, 0 to 1.
    pub(crate) share: Option<f64>,
    /// The part of it in which the thread did not run, 0 to 1, in all directions together.
    pub(crate) off_cpu: Option<f64>,
}

/// The times of the five steps.
pub(crate) fn steps(model: &Model, direction: Option<Direction>) -> [StepFigure; Step::COUNT] {
    let off_cpu = off_cpu(model);
    Step::ALL.map(|step| {
        let durations = model.steps().of(step, direction);
        StepFigure {
            step,
            count: durations.count(),
            p50_ns: durations.quantile(0.50),
            p90_ns: durations.quantile(0.90),
            p99_ns: durations.quantile(0.99),
            p999_ns: durations.quantile(0.999),
            max_ns: durations.max(),
            share: model.steps().share(step, direction),
            off_cpu: off_cpu[step as usize],
        }
    })
}

impl StepFigure {
    /// As text: count, p50, p90, p99, max, share, off-CPU.
    pub(crate) fn cells(&self) -> [String; 7] {
        let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
        let share = |share: Option<f64>| share.map_or_else(|| NONE.to_owned(), percent);
        [
            count(self.count),
            time(self.p50_ns),
            time(self.p90_ns),
            time(self.p99_ns),
            time(self.max_ns),
            share(self.share),
            share(self.off_cpu),
        ]
    }
}

/// A cost with its 95% interval, as text; [`NONE`] where it cannot be told from 0.
pub(crate) fn cost(cost: Option<(f64, f64)>) -> String {
    let Some((ns, error_ns)) = cost else {
        return NONE.to_owned();
    };
    let time = |ns: f64| duration(ns.max(0.0).round() as u64);
    format!("{} ± {}", time(ns), time(error_ns))
}

/// What is said of costs, everywhere.
pub(crate) const COSTS: &str =
    "±: 95% interval. –: cannot be told from 0, or time does not grow in a straight line.";
