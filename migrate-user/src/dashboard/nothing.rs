//! Why there is nothing to see, and what to do about it.

use super::app::App;
use crate::figures;
use crate::model::Model;

/// In lines, for where figures would be.
pub(super) fn lines(app: &App, model: &Model) -> &'static [&'static str] {
    let is_filtered = app.filter_words().is_some();
    let is_off = model.facts().record_every == 0;
    if is_off && is_filtered {
        &[
            "Records are off (--totals-only): which migrations match the filter is unknown.",
            "Esc removes it.",
        ]
    } else if is_off && model.totals().migrations() > 0 {
        &[
            "Records are off (--totals-only): this is known from records alone.",
            "Overview, Steps and the ledger under Pages are the kernel's own totals.",
        ]
    } else if app.of_ns().is_some() && is_filtered {
        &["Lately, no migration matched the filter. w shows more time, Esc removes the filter."]
    } else if app.of_ns().is_some() && model.totals().migrations() == 0 {
        &["No migration lately. w shows more time."]
    } else if is_filtered && figures::lack_records(model) {
        &["No recorded migration matches the filter. Esc removes it, / changes it."]
    } else if is_filtered {
        &["No migration matches the filter. Esc removes it, / changes it."]
    } else if app.data.counts_anew() {
        &["No migration since the counts began anew, which r asked for."]
    } else if app.is_replaying() {
        &["Nothing had been recorded by this moment. Space plays on, . is one migration further."]
    } else if app.ended.is_some() {
        &[
            "This recording ended without a migration. `migscope doctor`, on the machine where it",
            "was made, tells which drivers are there and whether they migrate to device memory.",
        ]
    } else if model.losses().is_none() {
        &["Waiting for the tracer's first word."]
    } else {
        &[
            "No migration yet. Is a driver loaded that migrates to device memory,",
            "and a program running that uses it? `migscope doctor` tells which drivers are there.",
        ]
    }
}
