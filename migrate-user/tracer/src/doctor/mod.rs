//! What this kernel and this user allow, what is missing, and what to do about it.
//!
//! Every check reads one fact of the machine and judges it by itself. A fact that cannot be read is
//! unknown, which is neither good nor bad.

mod btf;
mod cgroups;
mod clock;
mod drivers;
mod hooks;
mod kernel;
mod module_file;
mod permission;
mod root;
mod symbols;
mod trial;
mod unhooked;

use serde::Serialize;

pub use root::Root;
pub use trial::{Outcome, Trial};

use btf::Btf;
use symbols::Symbols;

/// How good what was found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Good,
    /// Nothing is known about it.
    Unknown,
    /// Tracing works, and something is missing from what it shows.
    Limited,
    /// Tracing cannot work.
    Missing,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is part of: `kernel`, `permission`, `hooks`, `fields`, `clock`, `cgroups`,
    /// `drivers`, `tracer`.
    pub group: &'static str,
    /// What was looked at.
    pub name: String,
    /// How good it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it, where something can be done.
    pub advice: Option<String>,
}

impl Check {
    fn new(group: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            group,
            name: name.into(),
            state: State::Good,
            found: found.into(),
            advice: None,
        }
    }

    fn judged(self, state: State, advice: impl Into<String>) -> Self {
        Self {
            state,
            advice: Some(advice.into()),
            ..self
        }
    }

    fn unknown(self, why: impl Into<String>) -> Self {
        self.judged(State::Unknown, why)
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// [`State::Missing`] if any check is. Else, where a trial of the tracer has succeeded, the
    /// worst state of those that are known; and unknown where none was made.
    pub verdict: State,
    /// In the order in which to read them.
    pub checks: Vec<Check>,
}

impl Examination {
    /// Looks at the machine behind `root`. Changes nothing and loads nothing.
    pub fn of(root: &Root) -> Self {
        let (btf, symbols) = (Btf::of(root), Symbols::of(root));
        let checks = [
            kernel::checks(root, &btf),
            permission::checks(root),
            hooks::checks(root, &btf, symbols.as_ref()),
            clock::checks(root),
            cgroups::checks(root),
            drivers::checks(root, symbols.as_ref()),
        ]
        .concat();
        let verdict = match worst(&checks) {
            State::Missing => State::Missing,
            _ => State::Unknown,
        };
        Self { verdict, checks }
    }

    /// Adds what trials showed.
    pub fn add_trial(&mut self, trial: &Trial) {
        let checks = trial.checks(&self.checks);
        self.checks.extend(checks);
        if trial.was_made() {
            self.verdict = worst(&self.checks);
        }
    }
}

/// What is unknown may be good or bad, which makes nothing worse.
fn worst(checks: &[Check]) -> State {
    let states = checks.iter().map(|check| check.state);
    let known = states.filter(|state| *state != State::Unknown);
    known.max().unwrap_or(State::Unknown)
}

#[cfg(test)]
mod tests;
