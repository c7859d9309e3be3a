//! Lines of the file with the calls in which somebody may have waited.

use anyhow::Result;
use serde::Serialize;

use super::names::{result_name, wait_name};
use crate::uapi::{UNKNOWN, Wait, WaitTotals};

/// One call.
#[derive(Serialize)]
pub(super) struct WaitLine {
    what: &'static str,
    result: &'static str,
    errno: Option<u32>,
    /// Touches are no device's.
    device: Option<u32>,
    /// The process that the memory belongs to.
    owner: Option<u32>,
    /// The one that called.
    pid: u32,
    tid: u32,
    address: u64,
    pages: u64,
    began_ns: u64,
    total_ns: u64,
    lock_wait_ns: Option<u64>,
    locked_ns: Option<u64>,
    holder: Option<u32>,
    setup_ns: Option<u64>,
}

/// The last line.
#[derive(Serialize)]
pub(super) struct LastWaitLine {
    totals: Sums,
}

#[derive(Serialize)]
struct Sums {
    /// Lines before this one.
    calls: u64,
    /// By kind and result: the driver's own sums while the workload ran, over all devices.
    by_kind: Vec<Kind>,
    /// Calls that have no line.
    lost: u64,
}

#[derive(Serialize)]
struct Kind {
    what: &'static str,
    result: &'static str,
    calls: u64,
    pages: u64,
    total_ns: u64,
    lock_wait_ns: u64,
}

impl TryFrom<&Wait> for WaitLine {
    type Error = anyhow::Error;

    fn try_from(wait: &Wait) -> Result<Self> {
        let known = |time| (time != UNKNOWN).then_some(time);
        let some = |number| (number != 0).then_some(number);
        Ok(Self {
            what: wait_name(wait.what)?,
            result: result_name(wait.result)?,
            errno: some(wait.errno),
            device: (wait.device != u32::MAX).then_some(wait.device),
            owner: some(wait.owner),
            pid: wait.pid,
            tid: wait.tid,
            address: wait.address,
            pages: wait.pages,
            began_ns: wait.began_ns,
            total_ns: wait.total_ns,
            lock_wait_ns: known(wait.lock_wait_ns),
            locked_ns: known(wait.locked_ns),
            holder: some(wait.holder),
            setup_ns: known(wait.setup_ns),
        })
    }
}

impl LastWaitLine {
    pub(super) fn new(calls: u64, sums: &WaitTotals) -> Result<Self> {
        let kinds = sums.by_kind.iter().enumerate();
        let occurred = kinds.filter(|(_, total)| total.calls > 0);
        let by_kind = occurred.map(|(index, total)| {
            let (what, result) = WaitTotals::kind(index);
            Ok(Kind {
                what: wait_name(what)?,
                result: result_name(result)?,
                calls: total.calls,
                pages: total.pages,
                total_ns: total.total_ns,
                lock_wait_ns: total.lock_wait_ns,
            })
        });
        Ok(Self {
            totals: Sums {
                calls,
                by_kind: by_kind.collect::<Result<_>>()?,
                lost: sums.lost,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::{wait, wait_result};

    const FAULT: Wait = Wait {
        what: wait::FAULT,
        result: wait_result::NOTHING,
        errno: 0,
        device: 0,
        owner: 7,
        pid: 7,
        tid: 9,
        holder: 0,
        address: 4096,
        pages: 0,
        began_ns: 100,
        total_ns: 50,
        lock_wait_ns: UNKNOWN,
        locked_ns: UNKNOWN,
        setup_ns: UNKNOWN,
    };

    #[test]
    fn what_is_not_known_is_null() {
        let line = serde_json::to_value(WaitLine::try_from(&FAULT).unwrap()).unwrap();
        assert_eq!(line["what"], "fault");
        assert_eq!(line["result"], "nothing");
        assert_eq!(line["device"], 0);
        for name in ["errno", "lock_wait_ns", "locked_ns", "holder", "setup_ns"] {
            assert!(line[name].is_null(), "{name}");
        }
    }

    #[test]
    fn the_last_line_has_the_kinds_that_occurred() {
        let mut sums = WaitTotals::default();
        sums.count(&FAULT);
        sums.count(&Wait {
            lock_wait_ns: 30,
            ..FAULT
        });
        let line = serde_json::to_value(LastWaitLine::new(2, &sums).unwrap()).unwrap();
        let kinds = line["totals"]["by_kind"].as_array().unwrap();
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0]["calls"], 2);
        assert_eq!(kinds[0]["total_ns"], 100);
        assert_eq!(kinds[0]["lock_wait_ns"], 30);
    }

    #[test]
    fn what_has_no_name_is_an_error() {
        let strange = Wait { what: 77, ..FAULT };
        assert!(WaitLine::try_from(&strange).is_err());
    }
}
