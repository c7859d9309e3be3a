//! What the tracer cannot follow is counted once, whatever becomes of it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::{adds_up, all_is_told, loss, number};
use super::headless::{BEGIN_NS, Headless, end_of};
use super::live::{recorded, recorded_with_output};
use super::trace::{Recorder, Trace, lines, tell, told, trace_by};

/// More calls at a time than the tracer has room for, all asleep in their driver, for so long that
/// even a slow machine begins the last before the first ends. What they have moved comes home by
/// one call for each page.
pub(super) fn a_full_table_is_counted(context: &Context<'_>) -> Result<()> {
    const CALLS: u64 = 5_000;
    let report = recorded(
        context,
        "losses-full",
        "",
        &format!("workload crowd {CALLS} --asleep --sleep 4000"),
    )?;
    let (ended, lost) = (number(&report["ended"])?, number(&report["lost"])?);
    let full = number(&report["losses"]["in_flight_full"])?;
    let made = 2 * CALLS;
    let line = format!("  {CALLS} calls at a time: {ended} ended, {full} not followed");
    tell(context, "losses-full", &line)?;
    ensure!(full > 0, "there was room for all: this proves nothing");
    ensure!(
        lost == full,
        "{lost} lost, and {full} not followed: {}",
        report["losses"]
    );
    adds_up(&report, ended, made)
}

/// More stacks than the tracer has places for: two of them fall into one, and the second is lost.
/// Each call and each wait has its record, and those without a stack are as many as are said to be
/// lost. A thread of the kernel has none to lose, but that of who asked.
pub(super) fn stacks_without_a_place_are_counted(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--user-stacks"],
        asleep: false,
    };
    let runs: [&[&str]; 2] = [
        &["stacks", "--calls", "3000"],
        &["uvm", "--calls", "40", "--seed", "4"],
    ];
    let trace = trace_by(context, "losses-stacks", by, &runs, |vm| vm)?;
    let mut without = [0; 2];
    for (run, without) in trace.runs.iter().zip(&mut without) {
        for (traced, _) in run.pairs()? {
            *without += u64::from(traced.pid.is_some() && traced.text("user_stack").is_err());
            // However many stacks there are, they do not crowd out those that name the driver.
            traced.text("driver").context("a call without a driver")?;
        }
    }
    let waits = waits_without(context, &trace)?;
    let lost = loss(&trace.report, "stack_lost")?;
    let line = format!(
        "  {without:?} calls and {waits} waits without the stack that they had, {lost} stacks lost"
    );
    tell(context, "losses-stacks", &line)?;
    ensure!(
        without[0] > 0 && without[0] + without[1] + waits == lost,
        "{without:?} calls and {waits} waits have no stack, and {lost} are lost"
    );
    all_is_told(&trace)
}

/// How many waits of threads with a stack of their own have none.
fn waits_without(context: &Context<'_>, trace: &Trace) -> Result<u64> {
    let export = ["export", "--event", "wait", "--format", "json"];
    let waits = told(context, &export, &trace.recording)?.stdout;
    let mut without = 0;
    for wait in waits
        .split(|byte| *byte == b'\n')
        .filter(|it| !it.is_empty())
    {
        let wait: Value = serde_json::from_slice(wait).context("this is no wait")?;
        ensure!(!wait["wait"].is_null(), "this is no wait: {wait}");
        without += u64::from(wait["tid"].is_u64() && wait["user_stack"].is_null());
    }
    Ok(without)
}

/// Calls that are asleep in their driver when tracing begins: their beginning was not seen, and
/// their end is.
pub(super) fn calls_from_before_are_counted(context: &Context<'_>) -> Result<()> {
    const CROWD: u64 = 20;
    // Each call sleeps for two seconds. Of two crowds, one second apart, one always does.
    let script = format!(
        "calls() {{
            until test -e /tmp/stop; do
                workload crowd {CROWD} --asleep --truth /tmp/truth.$1 > /dev/null || exit 1
                grep -v totals /tmp/truth.$1 >> /tmp/calls.$1
            done
        }}
        calls 1 & first=$!
        sleep 1
        calls 2 & second=$!
        migscope record -o /tmp/run.arrow & recorder=$!
        until test -s /tmp/run.arrow; do sleep 0.1; done
        sleep 5
        touch /tmp/stop
        wait $first && wait $second || exit 1
        kill -INT $recorder; wait $recorder && cat /tmp/calls.*"
    );
    let (report, calls) = recorded_with_output(context, "losses-headless", &script)?;
    let (began, calls) = (number(&report["started_ns"])?, lines(&calls)?);
    let mut under_way = Headless::default();
    for call in &calls {
        under_way.count(call, began)?;
    }
    let headless = loss(&report, "headless")?;
    let line = format!(
        "  {headless} headless of {} calls; {under_way:?}",
        calls.len()
    );
    tell(context, "losses-headless", &line)?;
    ensure!(headless > 0, "nobody was asleep: this proves nothing");
    under_way.must_have(headless)?;
    ensure!(report["lost"] == headless, "lost: {}", report["losses"]);
    // Whatever ended after tracing began is that, or came.
    let mut ends = calls.iter().map(end_of).collect::<Result<Vec<_>>>()?;
    ends.sort_unstable();
    let later_than = |ns: u64| (ends.len() - ends.partition_point(|end| *end <= ns)) as u64;
    let (least, most) = (later_than(began + BEGIN_NS), later_than(began - BEGIN_NS));
    let ended = number(&report["ended"])?;
    ensure!(
        (least..=most).contains(&(ended + headless)),
        "{ended} ended and {headless} are headless, of {least} to {most} calls"
    );
    Ok(())
}

/// A recorder that is stopped reads nothing: when the ring is full, names of mappings have no room
/// in it, and each migration that would have told one is counted. Later they are told.
pub(super) fn names_without_room_are_counted(context: &Context<'_>) -> Result<()> {
    const SCRIPT: &str = "migscope record --ring-size 64K -o /tmp/run.arrow & recorder=$!
        until test -s /tmp/run.arrow; do sleep 0.1; done
        run() { workload run $* --truth /tmp/truth > /dev/null || exit 1; grep -c ^.*time_ns /tmp/truth; }
        kill -STOP $recorder
        run mixed --calls 600 --seed 5
        run arrays --calls 100 --seed 5
        kill -CONT $recorder
        sleep 2
        run arrays --calls 100 --seed 6
        kill -INT $recorder; wait $recorder || exit 1
        echo == rows; migscope export --format json -o - /tmp/run.arrow";
    let (report, said) = recorded_with_output(context, "losses-names", SCRIPT)?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let (made, rows) = said.split_once("== rows\n").context("no rows")?;
    let made: Vec<u64> = made.lines().filter_map(|made| made.parse().ok()).collect();
    let &[_, without_room, later] = &made[..] else {
        anyhow::bail!("three runs made {made:?}");
    };
    let lost = loss(&report, "name_lost")?;
    tell(
        context,
        "losses-names",
        &format!("  {lost} names lost of {without_room} migrations"),
    )?;
    ensure!(
        lost > 0 && lost <= without_room,
        "{lost} names are lost of {without_room} migrations"
    );
    let rows = lines(rows.as_bytes())?;
    let last = rows.len().saturating_sub(later as usize);
    for row in &rows[last..] {
        row.text("mapping").context("its name was told later")?;
    }
    Ok(())
}
