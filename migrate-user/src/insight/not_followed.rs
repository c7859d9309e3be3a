//! Migrations of which the tracer did not see enough to say anything.

use migrate_ebpf::wire::Loss;

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::{count, counted, percent};

/// In none of the figures, not even in the kernel's totals.
const NOT_FOLLOWED: [Loss; 4] = [
    Loss::InFlightFull,
    Loss::Headless,
    Loss::HookMissed,
    Loss::Unfinished,
];

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let (losses, ended) = (scene.model.losses()?, scene.model.ended()?);
    let named = NOT_FOLLOWED.map(|loss| (loss, losses.of(loss)));
    let lost = named
        .iter()
        .fold(0u64, |sum, (_, number)| sum.saturating_add(*number));
    let made = ended.saturating_add(lost);
    let part = share(lost, made);
    if lost == 0 || part < scene.at.lost_share {
        return None;
    }
    let there = || named.into_iter().filter(|(_, number)| *number > 0);
    Some(Finding {
        kind: Kind::NotFollowed,
        severity: scene.severity(part),
        what: format!(
            "{} of {} could not be followed: they are in no figure of this run.",
            counted(lost, "migration", "migrations"),
            count(made)
        ),
        evidence: there()
            .map(|(loss, number)| {
                let name = loss.name();
                format!("{name}: {}; {}", count(number), meaning(loss))
            })
            .collect(),
        cost: format!("{} of all migrations", percent(part)),
        try_this: there().map(|(loss, _)| advice(loss).to_owned()).collect(),
        cost_ns: None,
    })
}

fn meaning(loss: Loss) -> &'static str {
    match loss {
        Loss::InFlightFull => "more calls were under way at once than the tracer has room for",
        Loss::Headless => "they ended, and no beginning was seen: most began before the tracer did",
        Loss::HookMissed => "the kernel did not run the hook at their beginning",
        _ => "no end was seen: their thread died, or they were under way when tracing ended",
    }
}

fn advice(loss: Loss) -> &'static str {
    match loss {
        Loss::InFlightFull => {
            "Thousands of threads wait within migrations at once: see what they wait for (--off-cpu, --kernel-stacks)."
        }
        Loss::Headless => {
            "Start the recorder before the program, so that it sees migrations begin."
        }
        Loss::HookMissed => {
            "Trace by trampolines (--attach fentry; `migscope doctor` says why not): kprobes are left out more often."
        }
        _ => {
            "Let the program end before the recorder, and look for threads that died within a migration."
        }
    }
}
