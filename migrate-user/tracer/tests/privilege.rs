//! What is left of privileges, and that it does not come back.
//!
//! Each case is a process of its own, because it is for good and takes one thread; so this has its
//! own `main`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use migscope_tracer::privilege::{Needs, can_be_confined, confine};
use rustix::process::{Uid, getegid, geteuid, getgroups};
use rustix::thread::{CapabilitySet, capabilities, set_thread_res_uid};

/// A kernel that asks for no capability of whoever has a map open.
const RELEASE: &str = "7.2.13";

type Case = (&'static str, fn(PathBuf));

const CASES: [Case; 4] = [
    ("whoever writes nothing is nobody", is_nobody),
    (
        "whoever writes files does it in one folder",
        writes_in_one_folder,
    ),
    (
        "whoever looks at processes keeps the right to",
        looks_at_processes,
    ),
    ("another thread would keep everything", is_not_alone),
];

/// Runs each case in a process and a folder of its own.
fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, flag, name, folder] = &arguments[..]
        && flag == "--case"
    {
        let (_, case) = CASES.iter().find(|(known, _)| known == name).unwrap();
        return case(folder.into());
    }
    // As cargo's other tests are asked what there is.
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    for (name, _) in CASES {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--case", name])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(status.success(), "{name}: {status}");
        println!("test {name} ... ok");
    }
}

fn can_write(path: &Path) -> bool {
    let written = fs::write(path, "x");
    written.and_then(|()| fs::remove_file(path)).is_ok()
}

fn all_capabilities() -> CapabilitySet {
    let left = capabilities(None).unwrap();
    left.effective | left.permitted | left.inheritable
}

fn is_nobody(folder: PathBuf) {
    let confined = confine(&Needs::default(), RELEASE).unwrap();
    assert_eq!(all_capabilities(), CapabilitySet::empty());
    assert!(confined.is_another_user && !geteuid().is_root());
    assert!(!getegid().is_root());
    assert!(getgroups().unwrap().iter().all(|group| !group.is_root()));
    assert!(set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_err());
    assert!(!can_write(&folder.join("new")) || !confined.files);
    assert_eq!(confined.files, can_be_confined());
    // What a tracer goes on reading of itself.
    for file in ["fdinfo/0", "cgroup", "mountinfo", "status"] {
        let read = fs::read(format!("/proc/self/{file}"));
        assert!(read.is_ok(), "{file}: {read:?}");
    }
    // A thread that starts later has no more.
    std::thread::spawn(|| assert_eq!(all_capabilities(), CapabilitySet::empty()))
        .join()
        .unwrap();
}

fn writes_in_one_folder(folder: PathBuf) {
    let (inside, outside) = (folder.join("inside"), folder.join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    let needs = Needs {
        writes: Some(inside.clone()),
        ..Needs::default()
    };
    let confined = confine(&needs, RELEASE).unwrap();
    assert_eq!(confined.files, can_be_confined());
    assert!(CapabilitySet::DAC_OVERRIDE.contains(all_capabilities()));
    assert!(can_write(&inside.join("new")));
    fs::write(inside.join("a"), "a").unwrap();
    fs::rename(inside.join("a"), inside.join("b")).unwrap();
    assert_eq!(can_write(&outside.join("new")), !confined.files);
    let executed = Command::new("/bin/true").status().is_ok();
    assert_eq!(executed, !confined.files);
    // What can be read is as it was.
    assert!(fs::read("/proc/self/status").is_ok());
}

fn looks_at_processes(_folder: PathBuf) {
    let before = capabilities(None).unwrap().permitted;
    let needs = Needs {
        processes: true,
        ..Needs::default()
    };
    let confined = confine(&needs, RELEASE).unwrap();
    assert!(!confined.files);
    let kept = capabilities(None).unwrap().effective;
    let held = before & CapabilitySet::SYS_PTRACE;
    assert_eq!(kept & CapabilitySet::SYS_PTRACE, held);
    assert!(!kept.contains(CapabilitySet::SYS_ADMIN));
}

fn is_not_alone(_folder: PathBuf) {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || receiver.recv());
    let refused = confine(&Needs::default(), RELEASE).unwrap_err();
    assert!(refused.to_string().contains("other threads"), "{refused}");
    drop(sender);
    let _ = thread.join();
    // It takes a moment until it is gone.
    assert!(confine(&Needs::default(), RELEASE).is_ok());
}
