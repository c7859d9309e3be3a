//! Which recordings are runs of their own.

use crate::Error;
use crate::source::{Input, Inputs};
use crate::trace::Facts;

/// The runs that these recordings are of. Files of a rotation that go on from each other are one:
/// as several, they would say how much runs vary, and be none.
pub(super) fn runs(inputs: &[Input]) -> Result<Vec<Inputs>, Error> {
    let alone = |input: &Input| Inputs(vec![input.clone()]);
    // What can be read only once is a run of its own.
    if inputs.len() < 2 || !inputs.iter().all(|input| alone(input).are_files()) {
        return Ok(inputs.iter().map(alone).collect());
    }
    let mut opened = Vec::with_capacity(inputs.len());
    for input in inputs {
        let facts = alone(input).open()?.facts().clone();
        opened.push((facts, input.clone()));
    }
    opened.sort_by(|(a, _), (b, _)| (&a.boot_id, a.started_ns).cmp(&(&b.boot_id, b.started_ns)));
    let mut runs: Vec<Inputs> = Vec::new();
    let mut before: Option<(Facts, Input)> = None;
    for (facts, input) in opened {
        let goes_on = before
            .as_ref()
            .is_some_and(|(earlier, last)| goes_on(earlier, last, &facts));
        match runs.last_mut() {
            Some(run) if goes_on => run.0.push(input.clone()),
            _ => runs.push(alone(&input)),
        }
        before = Some((facts, input));
    }
    Ok(runs)
}

/// Does a recording begin at the very moment at which another ended?
fn goes_on(earlier: &Facts, last: &Input, facts: &Facts) -> bool {
    if earlier.goes_with(facts).is_err() {
        return false;
    }
    // It was opened before.
    let Ok(reader) = Inputs(vec![last.clone()]).open() else {
        return false;
    };
    let ended_ns = reader
        .filter_map(|batch| batch.status)
        .last()
        .map(|status| status.time_ns);
    ended_ns.is_some() && ended_ns == facts.started_ns
}
