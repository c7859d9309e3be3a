//! What is different between recordings besides their figures: then those may differ for that
//! reason alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Model;
use crate::text::{counted, printable};
use crate::trace::{Details, Filter};

/// As many values of one thing are told by name.
const TOLD: usize = 3;

/// Of each thing that is the same in recordings which can be compared without a second thought,
/// what it is in those of one side. A side that does not know of something has no value of it.
#[derive(Default)]
pub(super) struct Traits(BTreeMap<&'static str, BTreeSet<String>>);

impl Traits {
    /// Adds what a recording says of itself.
    pub(super) fn add(&mut self, model: &Model) {
        let facts = model.facts();
        self.note("filter", &filter(facts.filter.as_deref()));
        self.note("records", &records(facts.record_every));
        self.note("kernel", &facts.kernel);
        self.note("waits", followed(facts.details));
        self.note("sub-steps", measured(facts.details));
        self.note("page size", &format!("{} bytes", facts.page_size));
        let known = [("attached", &facts.attached), ("clock", &facts.clocksource)];
        for (what, value) in known {
            if let Some(value) = value {
                self.note(what, value);
            }
        }
        let names = model
            .processes()
            .iter()
            .filter_map(|process| process.comm.as_deref());
        names.for_each(|name| self.note("workload", name));
        let drivers = model
            .drivers()
            .sorted()
            .into_iter()
            .filter_map(|driver| driver.name.as_deref());
        drivers.for_each(|name| self.note("driver", name));
    }

    fn note(&mut self, what: &'static str, value: &str) {
        self.0.entry(what).or_default().insert(printable(value));
    }

    /// What both sides know of, and is not the same: what it is, on this side and on the other.
    pub(super) fn differences(&self, new: &Self) -> Vec<(String, String, String)> {
        let one = |(what, base): (&&'static str, &BTreeSet<String>)| {
            let new = new.0.get(what).filter(|new| *new != base)?;
            Some(((*what).to_owned(), told(base), told(new)))
        };
        self.0.iter().filter_map(one).collect()
    }
}

/// The filter while it was traced, the same for the same filter: older recordings have it as
/// options.
fn filter(words: Option<&str>) -> String {
    let Some(words) = words else {
        return "none".to_owned();
    };
    let read = words.parse::<Filter>();
    read.map_or_else(|_| words.to_owned(), |filter| filter.words())
}

fn records(every: u32) -> String {
    match every {
        0 => "off".to_owned(),
        1 => "all".to_owned(),
        every => format!("1 of {every}"),
    }
}

/// Whose waits were followed. To follow them takes time.
fn followed(details: Details) -> &'static str {
    match (details.waits, details.device_side) {
        (true, true) => "of CPUs and devices",
        (true, false) => "of CPUs",
        (false, true) => "of devices",
        (false, false) => "not followed",
    }
}

/// Were parts of steps measured? That takes time, too.
fn measured(details: Details) -> &'static str {
    if details.sub_steps {
        "measured"
    } else {
        "not measured"
    }
}

fn told(values: &BTreeSet<String>) -> String {
    let mut names: Vec<_> = values.iter().take(TOLD).cloned().collect();
    let more = values.len().saturating_sub(TOLD) as u64;
    if more > 0 {
        names.push(counted(more, "more", "more"));
    }
    names.join(", ")
}
