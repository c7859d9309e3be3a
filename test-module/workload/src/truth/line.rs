//! Lines of the truth file: the names that the tracer exports.

use anyhow::Result;
use serde::Serialize;

use super::names::{cause_name, direction_name, kind, name, outcome_name, place};
use crate::uapi::{self, Steps, Total, Totals, Truth};

/// One migration.
#[derive(Serialize)]
pub(super) struct Line {
    time_ns: u64,
    /// The process that the memory belongs to; null where it can be anybody's.
    pid: Option<u32>,
    comm: Option<String>,
    /// The calling thread, where it is one of that process's.
    tid: Option<u32>,
    /// And where it is not.
    worker_tid: Option<u32>,
    worker_comm: Option<String>,
    direction: &'static str,
    cause: &'static str,
    outcome: &'static str,
    errno: Option<u32>,
    /// An eviction by page frames has none.
    address: Option<u64>,
    mapping_start: Option<u64>,
    mapping_end: Option<u64>,
    #[serde(flatten)]
    ledger: Ledger,
    from: Option<&'static str>,
    to: Option<&'static str>,
    from_place: Option<String>,
    to_place: Option<String>,
    from_system_pages: u64,
    from_private_pages: u64,
    from_coherent_pages: u64,
    to_system_pages: u64,
    to_private_pages: u64,
    to_coherent_pages: u64,
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
    fence_ns: u64,
    mutex_ns: u64,
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
    declined_holes: u64,
    /// Only of evictions by page frames can be said who uses a page that was not found.
    free: Option<u64>,
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
    /// By direction and cause: the driver's own sums while the workload ran, over all devices.
    by_kind: Vec<Kind>,
    log_lost: u64,
    unbalanced: u64,
}

#[derive(Serialize)]
struct Kind {
    direction: &'static str,
    cause: &'static str,
    migrations: u64,
    #[serde(flatten)]
    ledger: Ledger,
}

fn known(nanoseconds: u64) -> Option<u64> {
    (nanoseconds != uapi::UNKNOWN).then_some(nanoseconds)
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
            declined_holes: ledger.declined_holes,
            free: Some(ledger.free),
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
            fence_ns: truth.fence_ns,
            mutex_ns: truth.mutex_ns,
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
        let (is_owned, is_worker) = (truth.owner != 0, truth.worker != 0);
        let (from, to) = (&truth.from, &truth.to);
        let ledger = Ledger {
            free: (!is_owned).then_some(truth.ledger.free),
            ..truth.ledger.into()
        };
        Ok(Self {
            time_ns: truth.time_ns,
            pid: is_owned.then_some(truth.owner),
            comm: is_owned.then(|| name(&truth.comm)),
            tid: (!is_worker).then_some(truth.tid),
            worker_tid: is_worker.then_some(truth.tid),
            worker_comm: is_worker.then(|| name(&truth.worker_comm)),
            direction: direction_name(truth.direction)?,
            cause: cause_name(truth.cause)?,
            outcome: outcome_name(truth.outcome)?,
            errno: (truth.errno != 0).then_some(truth.errno),
            address: is_owned.then_some(truth.address),
            mapping_start: is_owned.then_some(truth.mapping_start),
            mapping_end: is_owned.then_some(truth.mapping_end),
            ledger,
            from: kind(from),
            to: kind(to),
            from_place: place(from),
            to_place: place(to),
            from_system_pages: from.system,
            from_private_pages: from.device_private,
            from_coherent_pages: from.device_coherent,
            to_system_pages: to.system,
            to_private_pages: to.device_private,
            to_coherent_pages: to.device_coherent,
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
        for (index, Total { migrations, ledger }) in sums.by_kind.iter().enumerate() {
            if *migrations == 0 {
                continue;
            }
            let (direction, cause) = Totals::kind(index);
            by_kind.push(Kind {
                direction: direction_name(direction)?,
                cause: cause_name(cause)?,
                migrations: *migrations,
                ledger: (*ledger).into(),
            });
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
    use crate::uapi::{Comm, Memory, cause, direction, outcome};

    const REJECTED: &str = concat!(
        r#"{"time_ns":5,"pid":7,"comm":"sh","tid":8,"worker_tid":null,"worker_comm":null,"#,
        r#""direction":"to_device","cause":"driver","outcome":"rejected","#,
        r#""errno":22,"address":4096,"mapping_start":0,"mapping_end":8192,"requested":2,"skipped":0,"declined":0,"moved":0,"populated":0,"#,
        r#""wasted_copy":0,"wasted_fill":0,"rolled_back":0,"rejected":2,"declined_holes":0,"free":null,"#,
        r#""from":null,"to":null,"from_place":null,"to_place":null,"from_system_pages":0,"#,
        r#""from_private_pages":0,"from_coherent_pages":0,"to_system_pages":0,"to_private_pages":0,"#,
        r#""to_coherent_pages":0,"setup_ns":9,"#,
        r#""alloc_and_copy_ns":null,"pages_ns":null,"finalize_and_map_ns":null,"finalize_ns":null,"invalidate_ns":0,"#,
        r#""device":1,"pinned":0,"locked":3,"referenced":0,"failed":0,"whole":0,"split":0,"evictions":0,"#,
        r#""engine_ns":0,"fence_ns":0,"mutex_ns":0}"#
    );

    fn comm(name: &str) -> Comm {
        let mut comm = Comm::default();
        comm[..name.len()].copy_from_slice(name.as_bytes());
        comm
    }

    fn rejected() -> Truth {
        Truth {
            time_ns: 5,
            address: 4096,
            mapping_end: 8192,
            owner: 7,
            comm: comm("sh"),
            pid: 7,
            tid: 8,
            direction: direction::TO_DEVICE,
            cause: cause::DRIVER,
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

    fn value(truth: &Truth) -> serde_json::Value {
        serde_json::to_value(Line::try_from(truth).unwrap()).unwrap()
    }

    #[test]
    fn an_eviction_has_no_address_and_no_owner() {
        let line = value(&Truth {
            direction: direction::TO_SYSTEM,
            cause: cause::EVICTION,
            address: 0,
            owner: 0,
            worker: 1,
            worker_comm: comm("kworker/u8:1"),
            ..rejected()
        });
        for name in [
            "address",
            "mapping_start",
            "mapping_end",
            "pid",
            "comm",
            "tid",
        ] {
            assert!(line[name].is_null(), "{name}");
        }
        assert_eq!(line["worker_tid"], 8);
        assert_eq!(line["worker_comm"], "kworker/u8:1");
        assert_eq!(line["free"], 0);
    }

    #[test]
    fn places_are_told_where_there_is_one() {
        let there = Memory {
            device_private: 3,
            device: 1,
            ..Memory::NONE
        };
        let system = Memory {
            system: 2,
            node: 1,
            ..Memory::NONE
        };
        let line = value(&Truth {
            from: system,
            to: there,
            ..rejected()
        });
        assert_eq!(line["from"], "system");
        assert_eq!(line["from_place"], "node1");
        assert_eq!(line["to"], "device_private");
        assert_eq!(line["to_place"], "device1");
        assert_eq!(line["to_private_pages"], 3);
        let several = Memory {
            node: uapi::NO_PLACE,
            ..system
        };
        assert_eq!(place(&several), None);
        let mixed = Memory {
            system: 1,
            node: 0,
            ..there
        };
        assert_eq!((kind(&mixed), place(&mixed)), (Some("mixed"), None));
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
        let fault = &mut sums.by_kind[Totals::index(direction::TO_SYSTEM, cause::CPU_FAULT)];
        fault.migrations = 2;
        fault.ledger.moved = 1;
        let line = serde_json::to_value(LastLine::new(9, &sums).unwrap()).unwrap();
        let totals = &line["totals"];
        assert_eq!(totals["migrations"], 9);
        assert_eq!(totals["log_lost"], 4);
        assert_eq!(totals["by_kind"].as_array().map(Vec::len), Some(1));
        assert_eq!(totals["by_kind"][0]["cause"], "cpu_fault");
        assert_eq!(totals["by_kind"][0]["moved"], 1);
    }
}
