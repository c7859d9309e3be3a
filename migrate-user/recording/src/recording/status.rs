//! What the tracer tells of itself and of all migrations, as the text in column `status`: one JSON
//! object.
//!
//! `ended`: migrations that ended; `losses`: what was lost, by name; `hanging_ns`: how long the
//! oldest migration under way had been so, 0 for less than a second; `phases_opened`: how many
//! phases programs opened, where those were followed; and now and then `totals`, the
//! kernel's own: `counts`, for each direction, cause and outcome, and `figures`, for each direction
//! and cause a histogram in HdrHistogram's V2 encoding, compressed, in base64, as HdrHistogram's
//! decoders of every language take it; and of waits, where they were followed, `waits` and
//! `wait_figures`. All count from when the tracer started; unknown is `null`.

use std::sync::Arc;

use migrate_ebpf::wire::{Cause, Direction, Figure, Outcome, WaitFigure, WaitKind, WaitResult};
use serde::{Deserialize, Serialize};

use super::bounded::{Losses, few};
use super::column::Told;
use super::histogram;
use super::limits::{MAX_COUNTS, MAX_FIGURES, MAX_WAIT_FIGURES, MAX_WAITS};
use crate::trace::{
    Exact, ExactCount, ExactFigure, ExactWaitFigure, ExactWaits, Ledger, Reasons, Status, Values,
};

/// What is wrong with a status.
type Wrong = String;

#[derive(Serialize, Deserialize)]
struct Account {
    ended: u64,
    losses: Losses,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    hanging_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    phases_opened: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    totals: Option<Totals>,
}

#[derive(Serialize, Deserialize)]
struct Totals {
    #[serde(deserialize_with = "few::<_, _, MAX_COUNTS>")]
    counts: Vec<Count>,
    #[serde(deserialize_with = "few::<_, _, MAX_FIGURES>")]
    figures: Vec<OfFigure>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[serde(deserialize_with = "few::<_, _, MAX_WAITS>")]
    waits: Vec<Waits>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[serde(deserialize_with = "few::<_, _, MAX_WAIT_FIGURES>")]
    wait_figures: Vec<OfWaitFigure>,
}

/// Sums over the migrations of one direction, cause and outcome. Unit of the ledger: base pages.
#[derive(Serialize, Deserialize)]
struct Count {
    direction: Option<String>,
    #[serde(alias = "trigger")]
    cause: Option<String>,
    outcome: String,
    migrations: u64,
    requested: u64,
    skipped: u64,
    declined: u64,
    moved: u64,
    populated: u64,
    wasted_copy: u64,
    wasted_fill: u64,
    rolled_back: u64,
    rejected: u64,
    not_collected: u64,
    unmap_failed: u64,
    /// Skipped, and nobody saw why.
    unknown: u64,
    /// Skipped, and nobody used it.
    #[serde(default)]
    free: u64,
    /// Declined, and nothing was mapped there.
    #[serde(default)]
    declined_holes: u64,
    probe_ns: u64,
    unbalanced: u64,
}

/// The histogram of one figure over the migrations of one direction and cause.
#[derive(Serialize, Deserialize)]
struct OfFigure {
    direction: Option<String>,
    #[serde(alias = "trigger")]
    cause: Option<String>,
    figure: String,
    sum: u64,
    histogram: String,
}

/// Sums over the waits of one kind and result.
#[derive(Serialize, Deserialize)]
struct Waits {
    kind: String,
    result: String,
    waits: u64,
    pages: u64,
    total_ns: u64,
    before_setup_ns: u64,
    in_migration_ns: u64,
    page_lock_ns: u64,
}

/// The histogram of one figure of waits.
#[derive(Serialize, Deserialize)]
struct OfWaitFigure {
    figure: String,
    histogram: String,
}

/// A status as text. Fails for counts that no machine reaches.
pub(super) fn encode(status: &Status) -> Result<Told, Wrong> {
    let account = Account {
        ended: status.ended,
        losses: Losses(status.losses),
        hanging_ns: status.hanging_ns,
        phases_opened: status.phases_opened,
        totals: status.exact.as_deref().map(Totals::of).transpose()?,
    };
    let text = serde_json::to_string(&account).map_err(|error| error.to_string())?;
    Ok(Told {
        time_ns: status.time_ns,
        text,
    })
}

/// Reads it back.
pub(super) fn decode(time_ns: u64, text: &str) -> Result<Status, Wrong> {
    let account: Account =
        serde_json::from_str(text).map_err(|error| format!("a status of other form ({error})"))?;
    let exact = account.totals.map(Totals::exact).transpose()?;
    Ok(Status {
        time_ns,
        ended: account.ended,
        losses: account.losses.0,
        hanging_ns: account.hanging_ns,
        phases_opened: account.phases_opened,
        exact: exact.map(Arc::new),
    })
}

impl Totals {
    fn of(exact: &Exact) -> Result<Self, Wrong> {
        Ok(Self {
            counts: exact.counts.iter().map(Count::of).collect(),
            figures: all(exact.figures.iter().map(OfFigure::of))?,
            waits: exact.waits.iter().map(Waits::of).collect(),
            wait_figures: all(exact.wait_figures.iter().map(OfWaitFigure::of))?,
        })
    }

    fn exact(self) -> Result<Exact, Wrong> {
        Ok(Exact {
            counts: all(self.counts.into_iter().map(Count::exact))?,
            figures: all(self.figures.into_iter().map(OfFigure::exact))?,
            waits: all(self.waits.into_iter().map(Waits::exact))?,
            wait_figures: all(self.wait_figures.into_iter().map(OfWaitFigure::exact))?,
        })
    }
}

fn all<T>(each: impl Iterator<Item = Result<T, Wrong>>) -> Result<Vec<T>, Wrong> {
    each.collect()
}

impl Count {
    fn of(count: &ExactCount) -> Self {
        let Ledger {
            requested,
            skipped,
            declined,
            moved,
            populated,
            wasted_copy,
            wasted_fill,
            rolled_back,
            rejected,
        } = count.ledger;
        Self {
            direction: direction(count.direction),
            cause: cause(count.cause),
            outcome: count.outcome.name().to_owned(),
            migrations: count.migrations,
            requested,
            skipped,
            declined,
            moved,
            populated,
            wasted_copy,
            wasted_fill,
            rolled_back,
            rejected,
            not_collected: count.reasons.not_collected,
            unmap_failed: count.reasons.unmap_failed,
            unknown: count.reasons.unknown,
            free: count.reasons.free,
            declined_holes: count.reasons.declined_holes,
            probe_ns: count.probe_ns,
            unbalanced: count.unbalanced,
        }
    }

    fn exact(self) -> Result<ExactCount, Wrong> {
        Ok(ExactCount {
            direction: or_unknown(self.direction, Direction::from_name, Direction::Unknown)?,
            cause: or_unknown(self.cause, cause_named, Cause::Unknown)?,
            outcome: named(&self.outcome, Outcome::from_name)?,
            migrations: self.migrations,
            ledger: Ledger {
                requested: self.requested,
                skipped: self.skipped,
                declined: self.declined,
                moved: self.moved,
                populated: self.populated,
                wasted_copy: self.wasted_copy,
                wasted_fill: self.wasted_fill,
                rolled_back: self.rolled_back,
                rejected: self.rejected,
            },
            reasons: Reasons {
                not_collected: self.not_collected,
                unmap_failed: self.unmap_failed,
                unknown: self.unknown,
                free: self.free,
                declined_holes: self.declined_holes,
            },
            probe_ns: self.probe_ns,
            unbalanced: self.unbalanced,
        })
    }
}

impl OfFigure {
    fn of(figure: &ExactFigure) -> Result<Self, Wrong> {
        Ok(Self {
            direction: direction(figure.direction),
            cause: cause(figure.cause),
            figure: figure.figure.name().to_owned(),
            sum: figure.sum,
            histogram: histogram::encode(&figure.values.histogram())?,
        })
    }

    fn exact(self) -> Result<ExactFigure, Wrong> {
        Ok(ExactFigure {
            direction: or_unknown(self.direction, Direction::from_name, Direction::Unknown)?,
            cause: or_unknown(self.cause, cause_named, Cause::Unknown)?,
            figure: named(&self.figure, Figure::from_name)?,
            sum: self.sum,
            values: Values::of_histogram(&histogram::decode(&self.histogram)?),
        })
    }
}

impl Waits {
    fn of(of: &ExactWaits) -> Self {
        Self {
            kind: of.kind.name().to_owned(),
            result: of.result.name().to_owned(),
            waits: of.waits,
            pages: of.pages,
            total_ns: of.total_ns,
            before_setup_ns: of.before_setup_ns,
            in_migration_ns: of.in_migration_ns,
            page_lock_ns: of.page_lock_ns,
        }
    }

    fn exact(self) -> Result<ExactWaits, Wrong> {
        Ok(ExactWaits {
            kind: named(&self.kind, WaitKind::from_name)?,
            result: named(&self.result, WaitResult::from_name)?,
            waits: self.waits,
            pages: self.pages,
            total_ns: self.total_ns,
            before_setup_ns: self.before_setup_ns,
            in_migration_ns: self.in_migration_ns,
            page_lock_ns: self.page_lock_ns,
        })
    }
}

impl OfWaitFigure {
    fn of(of: &ExactWaitFigure) -> Result<Self, Wrong> {
        Ok(Self {
            figure: of.figure.name().to_owned(),
            histogram: histogram::encode(&of.values.histogram())?,
        })
    }

    fn exact(self) -> Result<ExactWaitFigure, Wrong> {
        Ok(ExactWaitFigure {
            figure: named(&self.figure, WaitFigure::from_name)?,
            values: Values::of_histogram(&histogram::decode(&self.histogram)?),
        })
    }
}

fn direction(direction: Direction) -> Option<String> {
    (direction != Direction::Unknown).then(|| direction.name().to_owned())
}

fn cause(cause: Cause) -> Option<String> {
    (cause != Cause::Unknown).then(|| cause.name().to_owned())
}

/// The cause of this name, in this format or an older one.
fn cause_named(name: &str) -> Option<Cause> {
    Cause::from_name(name).or_else(|| cause_of_trigger(name))
}

/// What older formats called the trigger: a fault was taken for one of a CPU's, which nearly all
/// are.
pub(super) fn cause_of_trigger(name: &str) -> Option<Cause> {
    match name {
        "fault" => Some(Cause::CpuFault),
        "driver" => Some(Cause::Driver),
        "eviction" => Some(Cause::Eviction),
        _ => None,
    }
}

fn named<T>(name: &str, from_name: fn(&str) -> Option<T>) -> Result<T, Wrong> {
    from_name(name).ok_or_else(|| format!("a status with {name:?}"))
}

fn or_unknown<T>(
    name: Option<String>,
    from_name: fn(&str) -> Option<T>,
    unknown: T,
) -> Result<T, Wrong> {
    name.map_or(Ok(unknown), |name| named(&name, from_name))
}
