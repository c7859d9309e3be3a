//! Pages are copied, and the copies thrown away.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::percent;
use crate::trace::ledger;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let (wasted, arrived) = (
        ledger::wasted(&scene.ledger),
        ledger::arrived(&scene.ledger),
    );
    let part = share(wasted, wasted.saturating_add(arrived));
    if wasted == 0 || part < scene.at.wasted_share {
        return None;
    }
    let cost_ns = scene.records.wasted_ns;
    let mut evidence = vec![format!(
        "wasted_copy: {}; wasted_fill: {}",
        scene.pages(scene.ledger.wasted_copy),
        scene.pages(scene.ledger.wasted_fill)
    )];
    evidence.extend(scene.by_whom("pages", |sums| ledger::wasted(&sums.ledger)));
    Some(Finding {
        kind: Kind::WastedCopies,
        severity: scene.severity_of_records(cost_ns),
        what: format!(
            "{} of the pages that drivers copied or made in {} were thrown away, because they could not move after that.",
            percent(part),
            scene.all()
        ),
        evidence,
        cost: format!(
            "{} in vain{}, about {}",
            scene.pages(ledger::wasted(&scene.records.ledger)),
            scene.in_records(),
            scene.time(cost_ns)
        ),
        try_this: vec![
            "Find out who takes references to the pages while they migrate: direct I/O, io_uring, RDMA, ptrace, other \
             threads of the process that touch the range."
                .to_owned(),
            "Keep files' pages and memory under userfaultfd out of the ranges: they are copied before the kernel refuses."
                .to_owned(),
            "In a driver: start the copy late, and do not retry such a page at once.".to_owned(),
        ],
        cost_ns: Some(cost_ns),
    })
}
