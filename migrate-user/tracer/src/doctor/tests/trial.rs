//! What was tried out decides.

use super::*;
use crate::kernel::{Feature, Refusal};
use rustix::io::Errno;

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
        features: vec![(Feature::Trampolines, Err(refusal(Errno::NOMEM)))],
        ..successful()
    };
    assert_eq!(names.map(|name| state(&unclear, name)), [State::Unknown; 3]);
}

fn refusal(errno: Errno) -> Refusal {
    Refusal::new(&std::io::Error::from(errno))
}

/// Whatever the capabilities say. Why is read from what else is known of the machine.
#[test]
fn a_kernel_that_forbids_bpf_is_told_from_one_that_has_none() {
    let forbidden = |tracer| Trial {
        features: Feature::ALL
            .map(|feature| (feature, Err(refusal(Errno::PERM))))
            .to_vec(),
        tracer: Some(tracer),
    };
    let refused = || forbidden(Outcome::Refused("no".to_owned()));
    assert_eq!(after(&refused()).verdict, State::Missing);
    let advice = |machine: Machine| {
        let mut examination = machine.examine();
        examination.add_trial(&refused());
        let last = examination.checks.pop().unwrap();
        (last.state, last.advice.unwrap())
    };
    let (state, unknown) = advice(Machine::good());
    assert_eq!(state, State::Missing);
    assert!(unknown.contains("security module"), "{unknown}");
    let filtered = capabilities(ALL).replace("Seccomp:\t0", "Seccomp:\t2");
    let (_, seccomp) = advice(Machine::good().with("proc/self/status", &filtered));
    assert!(
        seccomp.contains("see seccomp under permission"),
        "{seccomp}"
    );
    // One way was refused, and another was not.
    let kprobes = forbidden(Outcome::Kprobes("no".to_owned()));
    assert_eq!(after(&kprobes).verdict, State::Limited);
    let not_built_in = forbidden(Outcome::NotBuiltIn);
    assert!(
        after(&not_built_in)
            .checks
            .pop()
            .unwrap()
            .advice
            .unwrap()
            .contains("xtask build")
    );
}

/// Scripts look for the verdict of the last one.
#[test]
fn attaching_comes_last() {
    for trial in [Trial::default(), successful()] {
        assert_eq!(after(&trial).checks.last().unwrap().name, "attaching");
    }
}
