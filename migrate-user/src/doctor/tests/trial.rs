//! What was tried out decides.

use super::*;
use crate::source::kernel::Feature;

/// Everything works, by trampolines.
pub(super) fn successful() -> Trial {
    Trial {
        features: Feature::ALL.map(|feature| (feature, Ok(true))).to_vec(),
        tracer: Some(Outcome::Trampolines),
    }
}

fn after(trial: &Trial) -> Examination {
    let mut examination = Machine::good().examine();
    examination.checks.retain(|check| check.group != "clock");
    examination.add_trial(trial);
    examination
}

fn state(trial: &Trial, name: &str) -> State {
    let checks = after(trial).checks;
    checks
        .iter()
        .find(|check| check.name == name)
        .unwrap()
        .state
}

#[test]
fn a_trial_decides() {
    let with = |tracer| Trial {
        tracer,
        ..successful()
    };
    let verdict = |tracer| after(&with(tracer)).verdict;
    let refused = "the verifier said no".to_owned();
    assert_eq!(after(&Trial::default()).verdict, State::Unknown);
    assert_eq!(verdict(Some(Outcome::Trampolines)), State::Good);
    assert_eq!(
        verdict(Some(Outcome::Kprobes(refused.clone()))),
        State::Limited
    );
    assert_eq!(verdict(Some(Outcome::Refused(refused))), State::Missing);
}

#[test]
fn each_feature_is_told() {
    let names = ["trampoline", "ring buffer", "bpf_loop"];
    for name in names {
        assert_eq!(state(&successful(), name), State::Good);
        assert_eq!(
            state(&Trial::default(), name),
            State::Unknown,
            "nothing was tried"
        );
    }
    let refused = Trial {
        features: Feature::ALL.map(|feature| (feature, Ok(false))).to_vec(),
        ..successful()
    };
    let states = names.map(|name| state(&refused, name));
    assert_eq!(states, [State::Limited, State::Missing, State::Missing]);
    let unclear = Trial {
        features: vec![(Feature::Trampolines, Err("out of memory".to_owned()))],
        ..successful()
    };
    assert_eq!(names.map(|name| state(&unclear, name)), [State::Unknown; 3]);
}

/// Scripts look for the verdict of the last one.
#[test]
fn attaching_comes_last() {
    for trial in [Trial::default(), successful()] {
        assert_eq!(after(&trial).checks.last().unwrap().name, "attaching");
    }
}
