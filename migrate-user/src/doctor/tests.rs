use std::fs;

use tempfile::TempDir;

use super::*;

/// A machine with these files.
fn machine(files: &[(&str, &str)]) -> (TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = Root::at(folder.path());
    (folder, root)
}

fn find<'a>(examination: &'a Examination, name: &str) -> &'a Check {
    let found = examination.checks.iter().find(|check| check.name == name);
    found.unwrap_or_else(|| panic!("no check {name}"))
}

#[test]
fn an_old_kernel_of_an_ordinary_user_cannot_be_traced() {
    let (_folder, root) = machine(&[
        ("proc/sys/kernel/osrelease", "5.10.0-28-amd64\n"),
        ("proc/sys/net/core/bpf_jit_enable", "0\n"),
        ("proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n"),
        (
            "sys/kernel/security/lockdown",
            "none integrity [confidentiality]\n",
        ),
        ("proc/modules", "xe 123 0 - Live 0x0\n"),
        ("proc/kallsyms", "0000000000000000 T migrate_vma_setup\n"),
    ]);
    let examination = Examination::of(&root);
    assert_eq!(examination.verdict, Some(State::Missing));
    for name in ["version", "BPF compiler", "BPF programs", "lockdown", "BTF"] {
        let check = find(&examination, name);
        assert_eq!(check.state, State::Missing, "{name}");
        assert!(check.advice.is_some(), "{name}");
    }
    assert_eq!(find(&examination, "kernel symbols").state, State::Limited);
    assert_eq!(find(&examination, "xe").state, State::Good);
}

#[test]
fn what_cannot_be_read_is_unknown_and_no_verdict() {
    let (_folder, root) = machine(&[]);
    let examination = Examination::of(&root);
    for name in ["version", "BPF programs", "source", "loaded"] {
        assert_eq!(find(&examination, name).state, State::Unknown, "{name}");
    }
}

#[test]
fn a_coarse_clock_is_said() {
    let (_folder, root) = machine(&[(
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "refined-jiffies\n",
    )]);
    assert_eq!(
        find(&Examination::of(&root), "source").state,
        State::Limited
    );
}

#[test]
fn a_failed_trial_is_the_verdict() {
    let mut examination = Examination::default();
    examination.add_trial(None);
    assert_eq!(examination.verdict, None);
    examination.add_trial(Some(Ok(())));
    assert_eq!(examination.verdict, Some(State::Good));
    examination.add_trial(Some(Err("the verifier said no".to_owned())));
    assert_eq!(examination.verdict, Some(State::Missing));
}
