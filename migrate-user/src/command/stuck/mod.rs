//! `stuck`: which migrations hang at this moment, and where.

mod json;
mod text;

use std::collections::HashSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::stdout_failed;
use super::stop::Stop;
use super::tell_note;
use crate::Error;
use crate::cli;
use crate::kernel::Options;
use crate::source::{KernelSource, Source};
use crate::tell_line;
use crate::text::duration;
use crate::threads::{self, Thread};
use crate::trace::{InFlight, Migration};

/// Longer than a call has to be under way: what began right after the probes came is told, too.
const MARGIN: Duration = Duration::from_millis(100);
/// A watch that lasts longer than this is announced.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is looked for calls that hang.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What hangs.
struct Stuck {
    older: Duration,
    /// Calls that began while this looked.
    in_flight: InFlight,
    /// Threads that have been in a call since before that.
    earlier: Vec<Thread>,
}

/// Watches, prints. The exit status says whether anything hangs.
pub(super) async fn stuck(options: &cli::Stuck) -> Result<ExitCode, Error> {
    let mut stop = Stop::new()?;
    let older = options.older_than.0;
    let mut source = KernelSource::open(&Options::default(), tell_note)?;
    let before = threads::migrating();
    let time = options.wait.map_or(older, |wait| wait.0.max(older)) + MARGIN;
    if time > QUIET && io::stderr().is_terminal() {
        let time = duration(time.as_nanos() as u64);
        tell_line!("migscope: watching for {time}. Ctrl-C ends it.");
    }
    let began = Instant::now();
    let (busy, in_flight) = watch(&mut source, &mut stop, older, began + time).await?;
    if began.elapsed() < older {
        tell_line!("migscope: it was ended before it could tell.");
        return Ok(ExitCode::from(2));
    }
    let found = Stuck {
        older,
        earlier: earlier(before, &threads::migrating(), &busy, &in_flight),
        in_flight,
    };
    print(&found, options.json)?;
    Ok(ExitCode::from(u8::from(found.is_any())))
}

/// Watches until a call has been under way for too long, until then, or until somebody asks for the
/// end; the threads that ended a call meanwhile, and what is under way.
async fn watch(
    source: &mut KernelSource,
    stop: &mut Stop,
    older: Duration,
    until: Instant,
) -> Result<(HashSet<u32>, InFlight), Error> {
    let mut busy = HashSet::new();
    let mut next_look = Instant::now() + older;
    loop {
        let batch = tokio::select! {
            batch = timeout_at(next_look.min(until), source.next()) => batch,
            () = stop.wait() => return Ok((busy, source.in_flight(older)?)),
        };
        if let Ok(batch) = batch {
            let migrations = batch?.map(|batch| batch.migrations.into_vec());
            busy.extend(migrations.iter().flatten().filter_map(thread));
        }
        let now = Instant::now();
        if now < next_look.min(until) {
            continue;
        }
        next_look = now + LOOK_EVERY;
        let in_flight = source.in_flight(older)?;
        if now >= until || in_flight.oldest_ns.is_some() {
            return Ok((busy, in_flight));
        }
    }
}

/// The thread that made a migration.
fn thread(migration: &Migration) -> Option<u32> {
    let worker = migration.worker.as_ref().map(|worker| worker.tid);
    worker.or(migration.tid)
}

/// The threads that were in a call before, are in one now, and began none in between.
fn earlier(
    before: Vec<Thread>,
    now: &[Thread],
    busy: &HashSet<u32>,
    in_flight: &InFlight,
) -> Vec<Thread> {
    let told: HashSet<_> = in_flight.calls.iter().map(|call| call.thread).collect();
    let began_none = |thread: &Thread| !busy.contains(&thread.tid) && !told.contains(&thread.tid);
    let before: HashSet<_> = before.into_iter().map(|thread| thread.tid).collect();
    let still = now
        .iter()
        .filter(|thread| before.contains(&thread.tid) && began_none(thread));
    still.cloned().collect()
}

impl Stuck {
    fn is_any(&self) -> bool {
        !self.in_flight.calls.is_empty() || self.in_flight.more > 0 || !self.earlier.is_empty()
    }
}

fn print(found: &Stuck, as_json: bool) -> Result<(), Error> {
    let page = if as_json {
        json::page(found)
    } else {
        text::page(found)
    };
    let mut out = anstream::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(stdout_failed)
}

#[cfg(test)]
mod tests {
    use migscope_testkit::Synthetic;

    use super::*;
    use crate::trace::{Step, Unfinished};

    fn thread(tid: u32) -> Thread {
        Thread {
            tid,
            pid: 7,
            comm: "train\u{1b}er".to_owned(),
            step: Some(Step::Setup),
            stack: vec![
                "lru_add_drain_all".to_owned(),
                "migrate_vma_setup".to_owned(),
            ],
        }
    }

    fn call() -> Unfinished {
        let migration = Synthetic::new(3).migration();
        Unfinished {
            step: Step::AllocAndCopy,
            step_ns: 12_000_000_000,
            age_ns: 12_300_000_000,
            thread: 41,
            stack: Some(vec!["svm_migrate_copy [amdgpu]".to_owned()]),
            migration,
        }
    }

    fn found(calls: Vec<Unfinished>, earlier: Vec<Thread>) -> Stuck {
        Stuck {
            older: Duration::from_secs(1),
            in_flight: InFlight {
                time_ns: 5,
                oldest_ns: calls.first().map(|oldest| oldest.age_ns),
                calls,
                more: 0,
            },
            earlier,
        }
    }

    #[test]
    fn a_page_says_where_each_call_is() {
        let page = text::page(&found(vec![call()], vec![thread(9)]));
        for part in [
            "1 migration has been under way for more than 1.00 s",
            "the oldest for 12.3 s",
            "in alloc_and_copy for 12.0 s, under way for 12.3 s",
            "svm_migrate_copy [amdgpu]",
            "1 thread has been in a migration since before migscope came",
            "process train\u{fffd}er (7), thread 9",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let none = text::page(&found(Vec::new(), Vec::new()));
        assert!(none.starts_with("No migration"), "{none}");
    }

    #[test]
    fn no_name_is_a_command_for_the_terminal() {
        const NAME: &str = "a\x1b]0;x\x07 [b\u{9b}2J\u{202e}]";
        let mut call = call();
        call.stack = Some(vec![NAME.to_owned()]);
        call.migration.driver = Some(NAME.into());
        call.migration.comm = Some(NAME.into());
        let mut thread = thread(9);
        thread.stack = vec![NAME.to_owned()];
        let found = found(vec![call], vec![thread]);
        for page in [text::page(&found), json::page(&found)] {
            let page = page.replace(&format!("{}", text::HEAD), "");
            let page = page.replace(&format!("{:#}", text::HEAD), "");
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!page.contains(harmful), "{page:?}");
        }
        let page: serde_json::Value = serde_json::from_str(&json::page(&found)).unwrap();
        assert_eq!(page["calls"][0]["stack"][0], NAME);
    }

    #[test]
    fn what_is_unknown_is_null() {
        let mut call = call();
        call.stack = None;
        call.migration.driver = None;
        let page = json::page(&found(vec![call], Vec::new()));
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert!(page["calls"][0]["stack"].is_null() && page["calls"][0]["driver"].is_null());
        assert_eq!(page["calls"][0]["step"], "alloc_and_copy");
        assert_eq!(page["oldest_ns"], 12_300_000_000_u64);
    }

    /// It is the same call only where the thread began no other meanwhile.
    #[test]
    fn threads_that_made_calls_meanwhile_hang_nowhere() {
        let threads = || vec![thread(41), thread(42), thread(43)];
        let told = found(vec![call()], Vec::new()).in_flight;
        let busy = HashSet::from([42]);
        let left = earlier(threads(), &threads(), &busy, &told);
        assert_eq!(left, [thread(43)]);
        let gone = earlier(threads(), &[], &busy, &told);
        assert!(gone.is_empty());
    }
}
