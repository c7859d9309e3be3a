//! Whoever traces gives up what is not needed once the probes are attached, and records all the
//! same.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use crate::driver;
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::{StockKernel, of_this_machine};
use crate::vm::builder::{Outcome, Task};

const TASK: &str = "confined";

/// Some migrations, of which the driver's truth is not needed.
const WORKLOAD: &str = "workload run mixed --calls 200 --seed 3 --threads 1";

/// What each thread of a process may do, once it has given up the rest.
const HELD: &str = "held() {
        until grep -q 'NoNewPrivs:.1' /proc/$1/status || ! test -d /proc/$1; do sleep 0.1; done
        cat /proc/$1/task/*/status | grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapInh):' | tr -s '\\t ' ' ' | sort -u
    }";

const NONE: &str = "0000000000000000";
/// `CAP_DAC_OVERRIDE`.
const OVERRIDE: &str = "0000000000000002";
/// `CAP_DAC_READ_SEARCH`, `CAP_SYS_PTRACE`, `CAP_CHECKPOINT_RESTORE`.
const PROCESSES: &str = "0000010000080004";

/// Ways to record: a name, options, what is kept of capabilities, and whose it is.
const WAYS: [(&str, &str, &str, u32); 4] = [
    ("plain", "-o /tmp/plain.arrow", NONE, 65534),
    ("rotated", "--rotate 1s -o /tmp/rotated.arrow", NONE, 0),
    (
        "elsewhere",
        "--rotate 1s -o /home/crew/elsewhere.arrow",
        OVERRIDE,
        0,
    ),
    ("stacks", "--user-stacks -o /tmp/stacks.arrow", PROCESSES, 0),
];

pub(super) fn recorders_keep_what_they_need(context: &Context<'_>) -> Result<()> {
    let mut script = format!(
        "{HELD}
        mkdir -p /home/crew && chown 1000 /home/crew && chmod 700 /home/crew || exit 1
        record() {{
            way=$1; shift
            migscope record \"$@\" 2> /tmp/said & recorder=$!
            echo \"== $way held\"; held $recorder
            {WORKLOAD} || exit 1
            sleep 2
            {WORKLOAD} || exit 1
            echo \"== $way status\"; kill -INT $recorder; wait $recorder; echo $?
            echo \"== $way said\"; cat /tmp/said
        }}
"
    );
    for (way, options, ..) in WAYS {
        let files = options.rsplit(' ').next().unwrap_or_default();
        let files = files.trim_end_matches(".arrow");
        script += &format!(
            "record {way} {options}
            echo '== {way} report'; migscope report --json {files}*.arrow\n"
        );
    }
    script += "echo '== names'; migscope export -f folded /tmp/stacks.arrow\n";
    let outcome = driver::load(context.lab.vm("confined"))
        .limit(Duration::from_secs(300))
        .task(Task::shell(TASK, &script))
        .run()?;
    let sections = sections(&outcome)?;
    for (way, _, capabilities, user) in WAYS {
        recorded(&sections, way, capabilities, user).with_context(|| format!("recording {way}"))?;
    }
    let names = sections.get("names")?;
    ensure!(
        names.contains("workload::"),
        "functions of the workload have no names: {names}"
    );
    Ok(())
}

/// It is whole, and was made by whoever had no more than that.
fn recorded(sections: &Sections, way: &str, capabilities: &str, user: u32) -> Result<()> {
    let held = sections.get(&format!("{way} held"))?;
    let said = sections.get(&format!("{way} said"))?;
    let expected = [
        format!("CapEff: {capabilities}"),
        format!("CapInh: {NONE}"),
        format!("CapPrm: {capabilities}"),
        format!("Uid: {user} {user} {user} {user}"),
    ];
    for line in expected {
        ensure!(
            held.lines().any(|found| found == line),
            "not {line} alone: {held}{said}"
        );
    }
    // What is not equal in all threads takes more than a line.
    ensure!(held.lines().count() == 6, "threads differ: {held}");
    let status = sections.get(&format!("{way} status"))?.trim();
    ensure!(status == "0", "it ended with {status}: {said}");
    ensure!(said.contains("; 0 lost"), "it says: {said}");
    let report = sections.get(&format!("{way} report"))?;
    let report: Value = serde_json::from_str(report).context("the report's JSON")?;
    ensure!(report["unaccounted"] == 0, "it is not whole");
    let migrations = report["migrations"].as_u64().unwrap_or(0);
    ensure!(migrations >= 400, "only {migrations} migrations");
    Ok(())
}

/// It keeps what it was started with, and gets the signal that was meant for it.
pub(super) fn the_command_is_not(context: &Context<'_>) -> Result<()> {
    let script = "echo '== shell'; grep CapEff /proc/self/status
        echo '== command'
        migscope record -o /tmp/a.arrow -- sh -c 'sleep 1; grep CapEff /proc/self/status; touch /etc/made' || exit 1
        echo '== made'; ls /etc/made
        echo '== signalled'; migscope record --duration 2 -o /tmp/b.arrow -- sleep 1000; echo $?";
    let outcome = driver::load(context.lab.vm("confined-command"))
        .limit(Duration::from_secs(180))
        .task(Task::shell(TASK, script))
        .run()?;
    let sections = sections(&outcome)?;
    let (shell, command) = (sections.get("shell")?, sections.get("command")?);
    ensure!(shell == command, "{command} in place of {shell}");
    ensure!(!sections.get("made")?.is_empty(), "it could not write");
    let status = sections.get("signalled")?.trim();
    ensure!(status == "143", "it ended with {status}");
    Ok(())
}

/// No disk, and nothing behind a link of another user.
pub(super) fn outputs_do_no_harm(context: &Context<'_>) -> Result<()> {
    let script = "echo 'nobody:x:65534:65534::/:/bin/sh' >> /etc/passwd
        echo precious > /etc/precious; chmod 1777 /tmp
        su nobody -c 'ln -s /etc/precious /tmp/link; ln -s /etc/made /tmp/new; ln -s /etc /tmp/folder' || exit 1
        head -c 4096 /dev/zero | tr '\\0' x > /dev/ram0
        for output in /dev/ram0 /dev/kmsg /tmp/link /tmp/new /tmp/folder/made; do
            echo \"== $output\"; migscope record --force --duration 1 -o $output 2>&1; echo $?
        done
        migscope record --duration 1 -o /tmp/good.arrow || exit 1
        for output in /dev/ram0 /tmp/link; do
            echo \"== html $output\"; migscope report --html $output --force /tmp/good.arrow 2>&1; echo $?
        done
        echo '== precious'; cat /etc/precious
        echo '== made'; ls /etc/made 2>&1
        echo '== disk'; head -c 4096 /dev/ram0 | tr -d x | wc -c";
    let outcome = driver::load(context.lab.vm("confined-outputs"))
        .limit(Duration::from_secs(180))
        .task(Task::shell(TASK, script))
        .run()?;
    let sections = sections(&outcome)?;
    for (output, word) in [
        ("/dev/ram0", "block device"),
        ("/dev/kmsg", "neither a terminal"),
        ("/tmp/link", "symbolic link of user 65534"),
        ("/tmp/new", "symbolic link of user 65534"),
        ("/tmp/folder/made", "symbolic link of user 65534"),
        ("html /dev/ram0", "block device"),
        ("html /tmp/link", "symbolic link of user 65534"),
    ] {
        let said = sections.get(output)?;
        ensure!(
            said.contains(word) && said.trim_end().ends_with("\n2"),
            "{output}: {said}"
        );
    }
    ensure!(sections.get("precious")?.trim() == "precious", "it is lost");
    ensure!(sections.get("disk")?.trim() == "0", "the disk was written");
    let made = sections.get("made")?;
    ensure!(made.contains("No such file"), "it was made: {made}");
    Ok(())
}

/// On one of Debian's kernels, which have Landlock: where another folder comes to have the name of
/// the output's, not even root makes a file in it.
pub(super) fn files_are_made_in_one_folder(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("Debian's Linux 7.3".into());
    let kernel = StockKernel::of(of_this_machine(), "7.3", &context.lab.setup.cache, &step)?;
    step.done();
    let script = format!(
        "{HELD}
        echo '== doctor'; migscope doctor | grep confinement
        mkdir /tmp/one
        migscope record --rotate 1s -o /tmp/one/run.arrow 2> /tmp/said & recorder=$!
        held $recorder > /dev/null
        until test -e /tmp/one/run-2.arrow || ! test -d /proc/$recorder; do sleep 0.1; done
        mv /tmp/one /tmp/old; mkdir /tmp/one
        echo '== status'; wait $recorder; echo $?
        echo '== said'; cat /tmp/said
        echo '== new'; ls /tmp/one
        echo '== old'; for file in /tmp/old/*; do migscope report $file > /dev/null && echo whole; done"
    );
    let outcome = context
        .lab
        .vm_of("confined-folder", kernel.image)
        .limit(Duration::from_secs(400))
        .task(Task::shell(TASK, &script))
        .run()?;
    let sections = sections(&outcome)?;
    let doctor = sections.get("doctor")?;
    ensure!(doctor.contains("Landlock keeps"), "{doctor}");
    let said = sections.get("said")?;
    ensure!(said.contains("Permission denied"), "it says: {said}");
    let status = sections.get("status")?.trim();
    ensure!(status == "2", "it ended with {status}: {said}");
    let new = sections.get("new")?;
    ensure!(new.is_empty(), "it wrote to {new}");
    let old = sections.get("old")?;
    ensure!(
        old.lines().count() >= 2 && old.lines().all(|line| line == "whole"),
        "what came before is not whole: {old}"
    );
    Ok(())
}

fn sections(outcome: &Outcome) -> Result<Sections> {
    outcome.expect_success(TASK)?;
    Ok(Sections::of(&outcome.stdout(TASK)))
}
