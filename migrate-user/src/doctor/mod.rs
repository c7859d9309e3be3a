//! What this kernel and this user allow, what is missing, and what to do about it.
//!
//! Every check reads one fact of the machine and judges it by itself. A fact that cannot be read is unknown, which
//! is neither good nor bad.

mod clock;
mod drivers;
mod hooks;
mod kernel;
mod permission;
mod root;

use serde::Serialize;

pub use root::Root;

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
    /// What it is part of: `kernel`, `permission`, `hooks`, `fields`, `clock`, `drivers`, `tracer`.
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
#[derive(Clone, Debug, Default, Serialize)]
pub struct Examination {
    /// The worst state of all checks.
    pub verdict: Option<State>,
    /// In the order in which to read them.
    pub checks: Vec<Check>,
}

impl Examination {
    /// Looks at the machine behind `root`. Changes nothing and loads nothing.
    pub fn of(root: &Root) -> Self {
        let mut examination = Self::default();
        examination.add(kernel::checks(root));
        examination.add(permission::checks(root));
        examination.add(hooks::checks(root));
        examination.add(clock::checks(root));
        examination.add(drivers::checks(root));
        examination
    }

    /// Adds what a trial of the tracer itself showed: `None` if it could not be tried.
    pub fn add_trial(&mut self, trial: Option<Result<(), String>>) {
        let check = |found| Check::new("tracer", "attaching", found);
        let check = match trial {
            Some(Ok(())) => check("every probe was loaded, attached and removed again"),
            Some(Err(cause)) => check(cause.as_str()).judged(
                State::Missing,
                "The checks above may say why; report it with the output of `migscope doctor --json` if they do not",
            ),
            None => check("not tried").unknown("It takes the permission to load BPF programs: run it with sudo"),
        };
        self.add(vec![check]);
    }

    fn add(&mut self, checks: Vec<Check>) {
        for check in checks {
            // What is unknown may be good or bad, which makes nothing worse.
            if check.state != State::Unknown {
                self.verdict = self.verdict.max(Some(check.state));
            }
            self.checks.push(check);
        }
    }
}

#[cfg(test)]
mod tests;
