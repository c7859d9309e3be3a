//! The scenarios. A new one is a file here and a line in [`ALL`].

mod mixed;

use std::fmt::Write as _;

use anyhow::Result;

use crate::worker::Worker;

/// A way to use the driver.
pub trait Scenario: Sync {
    /// What `workload run` calls it.
    fn name(&self) -> &'static str;

    /// One paragraph: what it does, and what it shows.
    fn about(&self) -> &'static str;

    /// Runs one thread of it, as long as [`Worker::goes_on`]. An error ends all threads.
    fn run(&self, worker: &mut Worker<'_>) -> Result<()>;
}

/// Every scenario.
pub static ALL: &[&dyn Scenario] = &[&mixed::Mixed];

/// The scenario with this name.
pub fn find(name: &str) -> Option<&'static dyn Scenario> {
    ALL.iter().copied().find(|scenario| scenario.name() == name)
}

/// The names, for a sentence.
pub fn names() -> String {
    ALL.iter()
        .map(|scenario| scenario.name())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Names and explanations.
pub fn list() -> String {
    ALL.iter().fold(String::new(), |mut list, scenario| {
        let separator = if list.is_empty() { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            list,
            "{separator}{}\n    {}",
            scenario.name(),
            scenario.about()
        );
        list
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_explained() {
        for scenario in ALL {
            let found = find(scenario.name()).map(|found| found.name());
            assert_eq!(found, Some(scenario.name()));
            assert!(names().contains(scenario.name()));
            assert!(list().contains(scenario.about()));
            assert!(!scenario.about().contains('\n'), "one paragraph");
        }
        assert!(find("no such scenario").is_none());
    }
}
