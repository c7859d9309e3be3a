//! The scenarios. A new one is a file here and a line in [`ALL`].

mod abandoned;
mod all_or_nothing;
mod amdgpu;
mod arrays;
mod batching;
mod coherent;
mod contended;
mod convoy;
mod crowd;
mod declined;
mod exclusive;
mod fork;
mod handover;
mod hang;
mod huge;
mod idle;
mod mirrored;
mod mixed;
mod multi;
mod nouveau;
mod oversubscribe;
mod pages;
mod phases;
mod ping_pong;
mod pinned;
mod retries;
mod rogue;
mod sequences;
mod stacks;
mod storm;
mod thrash;
mod uvm;
mod uvm_numa;
mod waiting;
mod wasted;
mod xe;

use std::fmt::Write as _;

use anyhow::Result;

use crate::{uapi::Configuration, worker::Process};

/// What `workload run` calls all of them, each in turn.
pub const EACH: &str = "all";

/// What [`EACH`] is.
const ABOUT_EACH: &str = "Each of the scenarios above in turn but hang, convoy, crowd, retries, exclusive and waiting, as far as the devices are there that it needs. They share the time or the calls that were asked for; without either \
     each takes ten seconds, over and over again.";

/// A way to use the driver.
pub trait Scenario: Sync {
    /// What `workload run` calls it.
    fn name(&self) -> &'static str;

    /// One paragraph: what it does, and what it shows.
    fn about(&self) -> &'static str;

    /// How many processes it has.
    fn processes(&self) -> u16 {
        1
    }

    /// Files of devices that it cannot do without and that may not be there.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    /// How the device with this number behaves.
    fn configuration(&self, _device: usize) -> Configuration {
        Configuration::default()
    }

    /// Is it one of those that are run by the name of [`EACH`]?
    fn is_of_each(&self) -> bool {
        true
    }

    /// Runs one process of it, until its control says that it is over. An error ends the run.
    fn run(&self, process: &Process<'_>) -> Result<()>;
}

/// Every scenario.
pub static ALL: &[&dyn Scenario] = &[
    &mixed::Mixed,
    &sequences::Sequences,
    &pages::Pages,
    &batching::Batching,
    &pinned::Pinned,
    &declined::Declined,
    &wasted::Wasted,
    &thrash::Thrash,
    &huge::Huge,
    &oversubscribe::Oversubscribe,
    &fork::Fork,
    &multi::Multi,
    &contended::Contended,
    &mirrored::Mirrored,
    &hang::Hang,
    &convoy::Convoy,
    &crowd::Crowd,
    &retries::Retries,
    &exclusive::Exclusive,
    &waiting::Waiting,
    &handover::Handover,
    &uvm::Uvm,
    &uvm_numa::UvmNuma,
    &coherent::Coherent,
    &amdgpu::Amdgpu,
    &xe::Xe,
    &nouveau::Nouveau,
    &ping_pong::PingPong,
    &arrays::Arrays,
    &all_or_nothing::AllOrNothing,
    &abandoned::Abandoned,
    &phases::Phases,
    &idle::Idle,
    &storm::Storm,
];

/// Scenarios of which a tracer cannot tell all that the driver does. They are found by their names,
/// and listed nowhere.
static BEYOND: &[&dyn Scenario] = &[&rogue::Claim, &rogue::Vanish, &stacks::Stacks];

/// The scenarios that a name stands for.
pub fn named(name: &str) -> Option<Vec<&'static dyn Scenario>> {
    if name == EACH {
        let each = ALL.iter().copied();
        return Some(each.filter(|scenario| scenario.is_of_each()).collect());
    }
    let mut all = ALL.iter().chain(BEYOND).copied();
    all.find(|scenario| scenario.name() == name)
        .map(|scenario| vec![scenario])
}

/// Names and explanations.
fn explained() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter()
        .map(|scenario| (scenario.name(), scenario.about()))
        .chain([(EACH, ABOUT_EACH)])
}

/// The names, for a sentence.
pub fn names() -> String {
    explained()
        .map(|(name, _)| name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names and explanations, for a terminal.
pub fn list() -> String {
    explained().fold(String::new(), |mut list, (name, about)| {
        let separator = if list.is_empty() { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{separator}{name}\n    {about}");
        list
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_explained() {
        for scenario in ALL {
            let found = named(scenario.name()).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].name(), scenario.name());
            assert!(names().contains(scenario.name()));
            assert!(list().contains(scenario.about()));
        }
        let left_out = ALL.iter().filter(|scenario| !scenario.is_of_each());
        let left_out: Vec<_> = left_out.map(|scenario| scenario.name()).collect();
        assert_eq!(
            left_out,
            ["hang", "convoy", "crowd", "retries", "exclusive", "waiting"]
        );
        assert!(left_out.iter().all(|name| ABOUT_EACH.contains(name)));
        let each = named(EACH).map(|all| all.len());
        assert_eq!(each, Some(ALL.len() - left_out.len()));
        assert!(named("no such scenario").is_none());
    }

    #[test]
    fn what_no_tracer_can_tell_is_for_those_who_ask_for_it() {
        for scenario in BEYOND {
            assert_eq!(named(scenario.name()).map(|found| found.len()), Some(1));
            assert!(!list().contains(scenario.name()));
        }
    }

    #[test]
    fn an_explanation_is_one_paragraph_of_sentences() {
        for (name, about) in explained() {
            assert!(!about.contains('\n') && about.ends_with('.'), "{name}");
            assert!(!about.contains("  "), "{name}: {about}");
        }
    }
}
