//! What hangs, for people.

use anstyle::{AnsiColor, Style};

use super::Stuck;
use crate::text::{count, counted, duration, function, printable, process};
use crate::threads::Thread;
use crate::trace::Unfinished;

pub(super) const HEAD: Style = AnsiColor::Red.on_default().bold();

/// The page.
pub(super) fn page(found: &Stuck) -> String {
    let older = duration(found.older.as_nanos() as u64);
    if !found.is_any() {
        return format!(
            "No migration has been under way for {older}. (What a driver did between the kernel's functions before migscope came is unknown.)\n"
        );
    }
    let mut page = String::new();
    let calls = &found.in_flight.calls;
    let all = calls.len() as u64 + found.in_flight.more;
    if let Some(oldest) = found.in_flight.oldest_ns {
        let migrations = counted(all, "migration has", "migrations have");
        let oldest = duration(oldest);
        page += &format!(
            "{HEAD}{migrations} been under way for more than {older}{HEAD:#}, the oldest for {oldest}.\n"
        );
    }
    calls.iter().for_each(|call| page += &of_call(call));
    if found.in_flight.more > 0 {
        page += &format!("\n  {} more are not shown.\n", count(found.in_flight.more));
    }
    if !found.earlier.is_empty() {
        let threads = counted(found.earlier.len() as u64, "thread has", "threads have");
        page += &format!(
            "{HEAD}{threads} been in a migration since before migscope came{HEAD:#}: for more than {older}.\n"
        );
    }
    (found.earlier.iter()).for_each(|thread| page += &of_thread(thread));
    page
}

fn of_call(call: &Unfinished) -> String {
    let migration = &call.migration;
    let mut text = format!(
        "\n  in {} for {}, under way for {}\n",
        call.step.name(),
        duration(call.step_ns),
        duration(call.age_ns)
    );
    let whose = process(migration.comm.as_deref(), migration.pid);
    let by = match &migration.worker {
        Some(worker) => format!("worker {} ({})", printable(&worker.comm), worker.tid),
        None => format!("thread {}", call.thread),
    };
    let driver = migration.driver.as_deref().unwrap_or("unknown");
    text += &format!("    process {whose}, {by}, driver {}\n", printable(driver));
    let pages = counted(migration.ledger.requested, "page", "pages");
    let at = migration
        .address
        .map(|address| format!(" at {address:#x}"))
        .unwrap_or_default();
    let direction = migration.known_direction().unwrap_or("direction unknown");
    let cause = migration.known_cause().unwrap_or("cause unknown");
    text += &format!("    {pages}{at}, {direction}, {cause}\n");
    text + &stack(call.stack.as_deref())
}

fn of_thread(thread: &Thread) -> String {
    let step = thread.step.map_or("the driver", |step| step.name());
    let comm = printable(&thread.comm);
    let (pid, tid) = (thread.pid, thread.tid);
    format!("\n  in {step}\n    process {comm} ({pid}), thread {tid}\n")
        + &stack(Some(&thread.stack))
}

fn stack(frames: Option<&[String]>) -> String {
    let Some(frames) = frames else {
        return "    what its thread is in may not be seen\n".to_owned();
    };
    if frames.is_empty() {
        return "    its thread runs: it has no stack to show\n".to_owned();
    }
    let line = |frame: &String| {
        let (name, module) = frame.split_once(' ').unwrap_or((frame, ""));
        let (name, module) = (printable(&function(name)), printable(module));
        let line = format!("      {name} {module}");
        line.trim_end().to_owned() + "\n"
    };
    frames.iter().map(line).collect()
}
