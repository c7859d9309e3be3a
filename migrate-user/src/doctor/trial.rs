//! What was tried out on this machine, in place of being read.

use super::{Check, State};
use crate::source::kernel::Feature;

/// How loading and attaching the tracer itself went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By trampolines.
    Trampolines,
    /// By kprobes, and why not by trampolines.
    Kprobes(String),
    /// By neither, and what was wrong with trampolines.
    Refused(String),
}

/// What was tried; nothing without the permission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What the kernel offers, each by a program or a map of a few bytes: whether it does, or what it said instead.
    pub features: Vec<(Feature, Result<bool, String>)>,
    /// The tracer itself.
    pub tracer: Option<Outcome>,
}

impl Trial {
    pub(super) fn was_made(&self) -> bool {
        self.tracer.is_some()
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let features = Feature::ALL.into_iter().map(|feature| {
            let tried = self.features.iter().find(|(tried, _)| *tried == feature);
            check(feature, tried.map(|(_, outcome)| outcome))
        });
        features.chain([self.attaching()]).collect()
    }

    fn attaching(&self) -> Check {
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
            Some(Outcome::Refused(cause)) => check(cause).judged(
                State::Missing,
                "The checks above may say why; report it with the output of `migscope doctor --json` if they do not",
            ),
            None => check("not tried").unknown(PERMISSION),
        }
    }
}

const PERMISSION: &str = "It takes the permission to load BPF programs: run it with sudo";

fn check(feature: Feature, tried: Option<&Result<bool, String>>) -> Check {
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
    let check = |found: &str| Check::new("tracer", name, found);
    match tried {
        Some(Ok(true)) => check(works),
        Some(Ok(false)) => check("refused").judged(state, without),
        Some(Err(cause)) => {
            check("unknown").unknown(format!("The kernel said neither yes nor no: {cause}"))
        }
        None => check("not tried").unknown(PERMISSION),
    }
}
