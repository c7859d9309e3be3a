//! What threads are in, by what the kernel shows of their stacks in `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use migscope_recording::trace::Step;

/// The kernel's functions that a migration consists of, by the step that each is.
const FUNCTIONS: [(&str, Step); 7] = [
    ("migrate_vma_setup", Step::Setup),
    ("migrate_device_range", Step::Setup),
    ("migrate_device_pfns", Step::Setup),
    ("migrate_vma_pages", Step::Pages),
    ("migrate_device_pages", Step::Pages),
    ("migrate_vma_finalize", Step::Finalize),
    ("migrate_device_finalize", Step::Finalize),
];

/// What has a page brought home, by calling the driver.
const FAULT: &str = "do_swap_page";

/// The inode of the first PID namespace (`PROC_PID_INIT_INO`), in which the kernel counts threads.
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

/// A thread that is in a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number.
    pub tid: u32,
    /// The number of its process.
    pub pid: u32,
    /// Its command name.
    pub comm: String,
    /// The step, where a function of the kernel tells it; `None` where the driver has been called
    /// to bring a page home, and is in none of them.
    pub step: Option<Step>,
    /// What it is in: names of functions, innermost first.
    pub stack: Vec<String>,
}

/// The threads that are in a migration, as far as their stacks tell: in one of the kernel's
/// functions for it, or in a driver that was called for a page of its device. What a driver does
/// between two calls on behalf of somebody else looks like anything else that it does. Empty where
/// stacks may not be seen.
pub fn migrating() -> Vec<Thread> {
    let processes = numbers(Path::new("/proc"));
    let threads = processes.flat_map(|pid| {
        let threads = numbers(&Path::new("/proc").join(pid.to_string()).join("task"));
        threads.filter_map(move |tid| thread(pid, tid))
    });
    threads.collect()
}

/// How often a thread's stack is looked at, and how long after one another. The kernel shows none
/// of a thread that runs; one that looks time and again whether it may go on runs now and then.
const LOOKS: u32 = 8;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What this thread is in at the moment, in the kernel: names of functions, innermost first. Empty
/// where it runs whenever it is looked at. `None` where that may not be seen, in a PID namespace of
/// our own, and for a thread that is gone.
pub(crate) fn stack(tid: u32) -> Option<Vec<String>> {
    // A kernel without PID namespaces has but one.
    let namespace = fs::metadata("/proc/self/ns/pid");
    if namespace.is_ok_and(|namespace| namespace.ino() != FIRST_PID_NAMESPACE) {
        return None;
    }
    let look = || {
        let text = fs::read_to_string(format!("/proc/{tid}/stack")).ok()?;
        Some(frames(&text))
    };
    for _ in 1..LOOKS {
        let stack = look()?;
        if !stack.is_empty() {
            return Some(stack);
        }
        sleep(LOOK_EVERY);
    }
    look()
}

fn thread(pid: u32, tid: u32) -> Option<Thread> {
    let folder = format!("/proc/{pid}/task/{tid}");
    let stack = frames(&fs::read_to_string(format!("{folder}/stack")).ok()?);
    let step = migration(&stack)?;
    let comm = fs::read_to_string(format!("{folder}/comm")).ok()?;
    Some(Thread {
        tid,
        pid,
        comm: comm.trim_end_matches('\n').to_owned(),
        step,
        stack,
    })
}

/// Is this the stack of a migration? In which step, where that is told.
fn migration(stack: &[String]) -> Option<Option<Step>> {
    for (place, frame) in stack.iter().enumerate() {
        let called = FUNCTIONS.iter().find(|(name, _)| frame == name);
        if let Some((_, step)) = called {
            return Some(Some(*step));
        }
        if frame == FAULT {
            let is_module = |frame: &String| frame.ends_with(']');
            return stack[..place].iter().any(is_module).then_some(None);
        }
    }
    None
}

/// The names in what `/proc/TID/stack` says: `[<0>] name+0x1c/0x40 [module]` in each line.
fn frames(text: &str) -> Vec<String> {
    let frames = text.lines().filter_map(|line| {
        let (_, frame) = line.split_once("] ")?;
        let (name, rest) = frame.split_once('+').unwrap_or((frame, ""));
        match rest.split_once(' ') {
            Some((_, module)) => Some(format!("{name} {module}")),
            None => Some(name.to_owned()),
        }
    });
    frames.collect()
}

/// What in a folder is called by a number.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_SETUP: &str = "[<0>] lru_add_drain_all+0x180/0x1a0\n[<0>] migrate_vma_setup+0x2f/0x90\n\
        [<0>] svm_migrate_vma_to_vram+0x1a0/0x4b0 [amdgpu]\n[<0>] __x64_sys_ioctl+0x97/0xc0\n";
    const IN_FAULT: &str = "[<0>] dma_fence_default_wait+0x1ca/0x260\n\
        [<0>] svm_migrate_to_ram+0x1a0/0x4b0 [amdgpu]\n[<0>] do_swap_page+0x2f/0x90\n";
    const SWAP: &str = "[<0>] folio_wait_bit_common+0x10/0x20\n[<0>] do_swap_page+0x2f/0x90\n";

    #[test]
    fn a_stack_tells_the_step_where_the_kernel_has_it() {
        let of = |text| migration(&frames(text));
        assert_eq!(of(IN_SETUP), Some(Some(Step::Setup)));
        assert_eq!(of(IN_FAULT), Some(None));
        assert_eq!(of(SWAP), None, "swap of another kind");
        assert_eq!(of(""), None);
    }

    #[test]
    fn frames_have_their_module() {
        let found = frames(IN_SETUP);
        assert_eq!(found[1], "migrate_vma_setup");
        assert_eq!(found[2], "svm_migrate_vma_to_vram [amdgpu]");
        assert_eq!(found.len(), 4);
    }
}
