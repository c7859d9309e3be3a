//! A migration that does not come to an end.

use super::scene::Scene;
use super::{Finding, Kind, Severity};
use crate::text::duration;

const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let age = scene.model.hanging_ns()?;
    if age < scene.at.stuck_seconds.saturating_mul(SECOND_NS) {
        return None;
    }
    let age = duration(age);
    Some(Finding {
        kind: Kind::Stuck,
        severity: Severity::Serious,
        what: format!(
            "A migration had been under way for {age} when the tracer last looked, and is in no other figure."
        ),
        evidence: vec![format!("the oldest migration under way: {age}")],
        cost: "whoever touches the pages that it has collected waits for it".to_owned(),
        try_this: vec![
            "Run `migscope stuck --wait 1h` on that machine: it says in which step the next one hangs, for whom, and what \
             its thread is in."
                .to_owned(),
            "Look for tasks that the kernel takes for hung: `dmesg | grep 'blocked for more than'`.".to_owned(),
        ],
        cost_ns: None,
    })
}
