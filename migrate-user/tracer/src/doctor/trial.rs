//! What was tried out on this machine, in place of being read.

use super::{Check, State, permission};
use crate::kernel::{Feature, Refusal};

/// How loading and attaching the tracer itself went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By trampolines.
    Trampolines,
    /// By kprobes, and why not by trampolines.
    Kprobes(String),
    /// By neither, and what was wrong with trampolines.
    Refused(String),
    /// This program was built without it.
    NotBuiltIn,
}

/// What was tried; nothing without the permission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What the kernel offers, each by a program or a map of a few bytes: whether it does, or what
    /// it said instead.
    pub features: Vec<(Feature, Result<bool, Refusal>)>,
    /// The tracer itself.
    pub tracer: Option<Outcome>,
}

impl Trial {
    pub(super) fn was_made(&self) -> bool {
        self.tracer.is_some()
    }

    /// What it showed on a machine of which all else is known by the checks `before`.
    pub(super) fn checks(&self, before: &[Check]) -> Vec<Check> {
        // What was attached all the same can do without.
        let forbidden = match self.tracer {
            Some(Outcome::Trampolines | Outcome::Kprobes(_)) => State::Limited,
            _ => State::Missing,
        };
        let features = Feature::ALL.into_iter().map(|feature| {
            let tried = self.features.iter().find(|(tried, _)| *tried == feature);
            match tried {
                Some((_, Err(refusal))) if refusal.is_forbidden() => Check::new(
                    "tracer",
                    told(feature).name,
                    format!("forbidden: {refusal}"),
                )
                .judged(forbidden, permission::why_forbidden(before)),
                _ => check(feature, tried.map(|(_, outcome)| outcome)),
            }
        });
        features.chain([self.attaching(before)]).collect()
    }

    /// Did the kernel say no to the smallest of programs, which has nothing in it to find fault
    /// with?
    fn is_forbidden(&self) -> bool {
        let refused =
            |tried: &Result<bool, Refusal>| tried.as_ref().is_err_and(Refusal::is_forbidden);
        self.features.iter().any(|(_, tried)| refused(tried))
    }

    fn attaching(&self, before: &[Check]) -> Check {
        let check = |found: &str| Check::new("tracer", "attaching", found);
        match &self.tracer {
            Some(Outcome::Trampolines) => {
                check("every probe was loaded, attached by trampolines and removed again")
            }
            Some(Outcome::Kprobes(why)) => {
                check("every probe was loaded, attached by kprobes and removed again").judged(
                    State::Limited,
                    format!("Kprobes take longer, and can miss calls. Trampolines were refused: {why}"),
                )
            }
            Some(Outcome::NotBuiltIn) => check("not tried").judged(
                State::Missing,
                "This migscope was built without the tracer, so that it can only read recordings. Build it with `cargo xtask build`, \
                 which compiles the eBPF program first",
            ),
            Some(Outcome::Refused(cause)) if self.is_forbidden() => {
                check(cause).judged(State::Missing, permission::why_forbidden(before))
            }
            Some(Outcome::Refused(cause)) => check(cause).judged(
                State::Missing,
                "The checks above may say why; report it with the output of `migscope doctor --json` if they do not",
            ),
            None => check("not tried").unknown(PERMISSION),
        }
    }
}

const PERMISSION: &str = "It takes the permission to load BPF programs: run it with sudo";

/// How a feature is told of.
struct Told {
    name: &'static str,
    works: &'static str,
    /// What follows if the kernel does not have it, and how bad that is.
    without: &'static str,
    state: State,
}

fn told(feature: Feature) -> Told {
    let (name, works, without, state) = match feature {
        Feature::Trampolines => (
            "trampoline",
            "a small program was attached to a function and removed again",
            "Kprobes are used instead, which take longer",
            State::Limited,
        ),
        Feature::RingBuffer => (
            "ring buffer",
            "a small one was made and removed again",
            "Records have no way out of the kernel: use a newer kernel",
            State::Missing,
        ),
        Feature::Loops => (
            "bpf_loop",
            "the verifier takes a program that calls it",
            "Arrays of pages cannot be walked without it: use a newer kernel",
            State::Missing,
        ),
    };
    Told {
        name,
        works,
        without,
        state,
    }
}

fn check(feature: Feature, tried: Option<&Result<bool, Refusal>>) -> Check {
    let told = told(feature);
    let check = |found: &str| Check::new("tracer", told.name, found);
    match tried {
        Some(Ok(true)) => check(told.works),
        Some(Ok(false)) => check("not in this kernel").judged(told.state, told.without),
        Some(Err(cause)) => {
            check("unknown").unknown(format!("The kernel said neither yes nor no: {cause}"))
        }
        None => check("not tried").unknown(PERMISSION),
    }
}
