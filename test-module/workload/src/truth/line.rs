//! Lines of the truth file: the names that the tracer exports.

use anyhow::Result;
use serde::Serialize;

use crate::uapi::{self, Steps, Total, Totals, Truth, direction, outcome, trigger};

/// One migration.
#[derive(Serialize)]
pub(super) struct Line {
    time_ns: u64,
    pid: u32,
    tid: u32,
    direction: &'static str,
    trigger: &'static str,
    outcome: &'static str,
    errno: Option<u32>,
    /// An eviction has none.
    address: Option<u64>,
    #[serde(flatten)]
    ledger: Ledger,
    setup_ns: Option<u64>,
    alloc_and_copy_ns: Option<u64>,
    pages_ns: Option<u64>,
    finalize_and_map_ns: Option<u64>,
    finalize_ns: Option<u64>,
    invalidate_ns: u64,
    #[serde(flatten)]
    unseen: Unseen,
}

/// What no tracer can see, and what tells whether a scenario does what it says.
#[derive(Serialize)]
struct Unseen {
    device: u32,
    pinned: u64,
    locked: u64,
    referenced: u64,
    failed: u64,
    whole: u64,
    split: u64,
    evictions: u64,
    engine_ns: u64,
}

#[derive(Serialize)]
struct Ledger {
    requested: u64,
    skipped: u64,
    declined: u64,
    moved: u64,
    populated: u64,
    wasted_copy: u64,
    wasted_fill: u64,
    rolled_back: u64,
    rejected: u64,
}

/// The last line.
#[derive(Serialize)]
pub(super) struct LastLine {
    totals: TotalsLine,
}

#[derive(Serialize)]
struct TotalsLine {
    /// Lines before this one.
    migrations: u64,
    /// By direction and trigger: the driver's own sums while the workload ran, over all devices.
    by_kind: Vec<Kind>,
    log_lost: u64,
    unbalanced: u64,
}

#[derive(Serialize)]
struct Kind {
    direction: &'static str,
    trigger: &'static str,
    migrations: u64,
    #[serde(flatten)]
    ledger: Ledger,
}

fn known(nanoseconds: u64) -> Option<u64> {
    (nanoseconds != uapi::UNKNOWN).then_some(nanoseconds)
}

fn direction_name(direction: u32) -> Result<&'static str> {
    match direction {
        direction::TO_DEVICE => Ok("to_device"),
        direction::TO_SYSTEM => Ok("to_system"),
        other => Err(strange("direction", other)),
    }
}

fn trigger_name(trigger: u32) -> Result<&'static str> {
    match trigger {
        trigger::FAULT => Ok("fault"),
        trigger::DRIVER => Ok("driver"),
        trigger::EVICTION => Ok("eviction"),
        other => Err(strange("trigger", other)),
    }
}

fn outcome_name(outcome: u32) -> Result<&'static str> {
    match outcome {
        outcome::COMPLETED => Ok("completed"),
        outcome::ROLLED_BACK => Ok("rolled_back"),
        outcome::ABANDONED => Ok("abandoned"),
        outcome::REJECTED => Ok("rejected"),
        other => Err(strange("outcome", other)),
    }
}

fn strange(what: &str, number: u32) -> anyhow::Error {
    anyhow::anyhow!("the driver reports {what} {number}, which has no name")
}

impl From<uapi::Ledger> for Ledger {
    fn from(ledger: uapi::Ledger) -> Self {
        Self {
            requested: ledger.requested,
            skipped: ledger.skipped,
            declined: ledger.declined,
            moved: ledger.moved,
            populated: ledger.populated,
            wasted_copy: ledger.wasted_copy,
            wasted_fill: ledger.wasted_fill,
            rolled_back: ledger.rolled_back,
            rejected: ledger.rejected,
        }
    }
}

impl From<&Truth> for Unseen {
    fn from(truth: &Truth) -> Self {
        Self {
            device: truth.device,
            pinned: truth.pinned,
            locked: truth.locked,
            referenced: truth.referenced,
            failed: truth.failed,
            whole: truth.whole,
            split: truth.split,
            evictions: truth.evictions,
            engine_ns: truth.engine_ns,
        }
    }
}

impl TryFrom<&Truth> for Line {
    type Error = anyhow::Error;

    fn try_from(truth: &Truth) -> Result<Self> {
        let Steps {
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
        } = truth.steps;
        Ok(Self {
            time_ns: truth.time_ns,
            pid: truth.pid,
            tid: truth.tid,
            direction: direction_name(truth.direction)?,
            trigger: trigger_name(truth.trigger)?,
            outcome: outcome_name(truth.outcome)?,
            errno: (truth.errno != 0).then_some(truth.errno),
            address: (truth.trigger != trigger::EVICTION).then_some(truth.address),
            ledger: truth.ledger.into(),
            setup_ns: known(setup_ns),
            alloc_and_copy_ns: known(alloc_and_copy_ns),
            pages_ns: known(pages_ns),
            finalize_and_map_ns: known(finalize_and_map_ns),
            finalize_ns: known(finalize_ns),
            invalidate_ns: truth.invalidate_ns,
            unseen: truth.into(),
        })
    }
}

impl LastLine {
    pub(super) fn new(migrations: u64, sums: &Totals) -> Result<Self> {
        let mut by_kind = Vec::new();
        for direction in [direction::TO_DEVICE, direction::TO_SYSTEM] {
            for trigger in [trigger::FAULT, trigger::DRIVER, trigger::EVICTION] {
                let Total { migrations, ledger } = sums.by_kind[Totals::index(direction, trigger)];
                if migrations > 0 {
                    by_kind.push(Kind {
                        direction: direction_name(direction)?,
                        trigger: trigger_name(trigger)?,
                        migrations,
                        ledger: ledger.into(),
                    });
                }
            }
        }
        Ok(Self {
            totals: TotalsLine {
                migrations,
                by_kind,
                log_lost: sums.log_lost,
                unbalanced: sums.unbalanced,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTED: &str = concat!(
        r#"{"time_ns":5,"pid":7,"tid":8,"direction":"to_device","trigger":"driver","outcome":"rejected","#,
        r#""errno":22,"address":4096,"requested":2,"skipped":0,"declined":0,"moved":0,"populated":0,"#,
        r#""wasted_copy":0,"wasted_fill":0,"rolled_back":0,"rejected":2,"setup_ns":9,"#,
        r#""alloc_and_copy_ns":null,"pages_ns":null,"finalize_and_map_ns":null,"finalize_ns":null,"invalidate_ns":0,"#,
        r#""device":1,"pinned":0,"locked":3,"referenced":0,"failed":0,"whole":0,"split":0,"evictions":0,"#,
        r#""engine_ns":0}"#
    );

    fn rejected() -> Truth {
        Truth {
            time_ns: 5,
            address: 4096,
            pid: 7,
            tid: 8,
            direction: direction::TO_DEVICE,
            trigger: trigger::DRIVER,
            outcome: outcome::REJECTED,
            errno: 22,
            device: 1,
            locked: 3,
            ledger: uapi::Ledger {
                requested: 2,
                rejected: 2,
                ..Default::default()
            },
            steps: Steps {
                setup_ns: 9,
                ..Steps::NONE
            },
            ..Truth::default()
        }
    }

    fn json(truth: &Truth) -> String {
        serde_json::to_string(&Line::try_from(truth).unwrap()).unwrap()
    }

    #[test]
    fn a_line_has_the_tracers_names_and_null_for_what_did_not_happen() {
        assert_eq!(json(&rejected()), REJECTED);
    }

    #[test]
    fn an_eviction_has_no_address() {
        let eviction = Truth {
            direction: direction::TO_SYSTEM,
            trigger: trigger::EVICTION,
            address: 0,
            ..rejected()
        };
        assert!(json(&eviction).contains(r#""address":null"#));
    }

    #[test]
    fn what_has_no_name_is_an_error() {
        let strange = Truth {
            outcome: 77,
            ..rejected()
        };
        let error = Line::try_from(&strange).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("outcome 77"), "{error}");
    }

    #[test]
    fn the_last_line_has_the_kinds_that_occurred() {
        let mut sums = Totals {
            log_lost: 4,
            ..Totals::default()
        };
        let fault = &mut sums.by_kind[Totals::index(direction::TO_SYSTEM, trigger::FAULT)];
        fault.migrations = 2;
        fault.ledger.moved = 1;
        let line = serde_json::to_value(LastLine::new(9, &sums).unwrap()).unwrap();
        let totals = &line["totals"];
        assert_eq!(totals["migrations"], 9);
        assert_eq!(totals["log_lost"], 4);
        assert_eq!(totals["by_kind"].as_array().map(Vec::len), Some(1));
        assert_eq!(totals["by_kind"][0]["trigger"], "fault");
        assert_eq!(totals["by_kind"][0]["moved"], 1);
    }
}
