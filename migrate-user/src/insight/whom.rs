//! Whose something is, in words.

use super::scene::{Scene, share};
use crate::model::{Driver, Model, Process, Sums};
use crate::text::{count, percent, printable};

/// Something that processes and drivers have some of.
pub(super) struct Most<'a> {
    /// What it is: `pages`.
    pub(super) what: &'a str,
    /// What a share of it is of, in the plural: `them`.
    pub(super) them: &'a str,
    /// How much of it there is.
    pub(super) all: u64,
}

impl Scene<'_> {
    /// The process with most of something, and the driver: a line for each.
    pub(super) fn by_whom(&self, what: &str, of: impl Fn(&Sums) -> u64) -> Vec<String> {
        let most = Most {
            what,
            them: self.them(),
            all: of(&self.records),
        };
        self.most_by(&most, |one| of(&one.sums), |one| of(&one.sums))
    }

    /// What the records tell of something.
    fn them(&self) -> &'static str {
        if self.has_all_records() {
            "them"
        } else {
            "those recorded"
        }
    }

    /// The same where processes and drivers are not counted alike. Who has none is not named.
    pub(super) fn most_by(
        &self,
        most: &Most<'_>,
        of_process: impl Fn(&Process) -> u64,
        of_driver: impl Fn(&Driver) -> u64,
    ) -> Vec<String> {
        let processes = self.model.processes();
        let process = processes.iter().max_by_key(|process| of_process(process));
        let drivers = self.model.drivers().sorted().into_iter();
        let driver = drivers.max_by_key(|driver| of_driver(driver));
        let process = process.map(|process| (named(process), of_process(process)));
        let driver = driver.and_then(|driver| Some((driver_named(driver)?, of_driver(driver))));
        let there = [process, driver].into_iter().flatten();
        there
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| most.line(&name, number))
            .collect()
    }
}

/// Who gave up most for what was missing: drivers that want all or nothing, and the processes that
/// they did it for. Which of a process's calls are theirs is known where all drivers are so.
pub(super) fn by_whom_given_up(scene: &Scene<'_>) -> Vec<String> {
    let most = Most {
        what: "pages",
        them: scene.them(),
        all: scene.given_up.pages,
    };
    let is_all = scene.given_up.pages == scene.records.given_up.pages;
    scene.most_by(
        &most,
        |process| {
            if is_all {
                process.sums.given_up.pages
            } else {
                0
            }
        },
        given_up_by,
    )
}

/// Who declined most without that.
pub(super) fn by_whom_declined(scene: &Scene<'_>) -> Vec<String> {
    let given_up = scene.given_up.pages;
    let most = Most {
        what: "pages",
        them: scene.them(),
        all: scene.records.ledger.declined.saturating_sub(given_up),
    };
    let is_all = given_up == scene.records.given_up.pages;
    let of_process = |sums: &Sums| match given_up {
        0 => sums.ledger.declined,
        _ if is_all => sums.ledger.declined.saturating_sub(sums.given_up.pages),
        _ => 0,
    };
    scene.most_by(
        &most,
        |process| of_process(&process.sums),
        |driver| {
            driver
                .sums
                .ledger
                .declined
                .saturating_sub(given_up_by(driver))
        },
    )
}

fn given_up_by(driver: &Driver) -> u64 {
    let given_up = &driver.sums.given_up;
    if given_up.is_for_what_was_missing() {
        given_up.pages
    } else {
        0
    }
}

impl Most<'_> {
    fn line(&self, name: &str, number: u64) -> String {
        let (what, them) = (self.what, self.them);
        let share = percent(share(number, self.all));
        format!(
            "most by {name}: {} {what}, {share} of {them}",
            count(number)
        )
    }
}

/// `process trainer (1200)`.
fn named(process: &Process) -> String {
    match (&process.comm, process.pid) {
        (Some(comm), Some(pid)) => format!("process {} ({pid})", printable(comm)),
        (None, Some(pid)) => format!("process {pid}"),
        (_, None) => NOBODY.to_owned(),
    }
}

/// Whose memory it is where nobody is known to own it.
const NOBODY: &str = "memory of nobody in particular";

fn driver_named(driver: &Driver) -> Option<String> {
    let name = driver.name.as_deref()?;
    Some(format!("driver {}", printable(name)))
}

/// Whose memory a migration was about.
pub(super) fn owner(model: &Model, pid: Option<u32>) -> String {
    pid.map_or_else(|| NOBODY.to_owned(), |pid| process(model, pid))
}

/// The same for a process by its number.
pub(super) fn process(model: &Model, pid: u32) -> String {
    let known = model
        .processes()
        .iter()
        .find(|process| process.pid == Some(pid));
    known.map_or_else(|| format!("process {pid}"), named)
}
