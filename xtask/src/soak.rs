//! Weeks in minutes: a server and a recorder run beside processes that migrate, and are killed, on
//! a machine that skips the time in which nothing happens.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::driver::{self, ROWS};
use crate::lab::Lab;
use crate::metrics::sum;
use crate::number::count;
use crate::sections::Sections;
use crate::setup::programs::{CURL, Programs};
use crate::vm::builder::{Outcome, Output, Task};
use crate::vm::{Captured, Machine};

const SOAK: &str = "soak";
/// What one of the guest's minutes may take, and all the rest.
const MINUTE: Duration = Duration::from_secs(120);
const OVERHEAD: Duration = Duration::from_secs(600);
/// By how much a program's memory may grow after its first minutes, in KiB, and of what it was.
const GROWTH_KIB: u64 = 2048;
const GROWTH_SHARE: u64 = 20;

/// How long it goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Soak {
    /// The guest's minutes.
    pub(crate) minutes: u32,
    /// Calls per second, about.
    pub(crate) rate: u32,
}

/// What a minute ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    /// Memory of the server and of the recorder.
    serve_kib: u64,
    record_kib: u64,
}

impl Soak {
    /// Runs it; `on_line` is shown how far it is. What is to be said of it at the end.
    pub(crate) fn run(self, lab: &Lab, mut on_line: impl FnMut(String)) -> Result<String> {
        let programs = Programs::fetched(&lab.setup.cache, CURL)?;
        let said = Captured::default();
        let mut vm = driver::load(lab.vm(SOAK))
            .machine(Machine::counting_instructions)
            .files(programs.files("usr/bin/curl")?)
            .limit(OVERHEAD + MINUTE * self.minutes)
            .task(Task::shell(SOAK, &self.script()).stderr(Output::Host(Box::new(said.clone()))))
            .task(driver::unload())
            .start()?;
        while !vm.is_over()? {
            let said = said.bytes();
            if let Some(line) = String::from_utf8_lossy(&said).lines().last() {
                on_line(line.to_owned());
            }
        }
        let outcome = vm.wait()?;
        self.judge(&outcome, &said)
    }

    /// Each minute: calls of all kinds, calls by many threads, and a process that is killed in the
    /// middle of its calls. At the end the server is read while its hooks are in place.
    fn script(self) -> String {
        let Self { minutes, rate } = self;
        format!(
            "cd /tmp; mkdir rotated
            rss() {{ awk '/VmRSS/ {{ print $2 }}' /proc/$1/status; }}
            seconds() {{ cut -d. -f1 /proc/uptime; }}
            get() {{ curl --silent --fail --unix-socket /tmp/socket http://localhost$1; }}
            load() {{ workload run $* > /tmp/load 2>&1 || {{ cat /tmp/load >&2; exit 1; }}; }}
            migscope serve --listen unix:/tmp/socket 2>/tmp/serve.said & serve=$!
            until get /-/ready > /dev/null; do kill -0 $serve || exit 1; sleep 0.2; done
            migscope record --rotate 60s --keep 3 -o rotated/soak.arrow 2>/tmp/record.said & record=$!
            until test -s rotated/soak.arrow; do kill -0 $record || exit 1; sleep 0.2; done
            sleep 1
            begin=$(seconds)
            for minute in $(seq {minutes}); do
                load mixed --rate {rate} --duration 30 --seed $minute
                load storm --rate {rate} --duration 5 --seed $minute
                setsid workload run thrash --rate {rate} --seed $minute > /dev/null 2>&1 & victim=$!
                sleep 5; kill -KILL -$victim; wait $victim 2> /dev/null
                while test $(($(seconds) - begin)) -lt $((minute * 60)); do sleep 1; done
                echo minute $minute: $(rss $serve) KiB served, $(rss $record) KiB recorded | tee -a minutes >&2
            done
            made=$(awk '$2 == \"-\" {{ sum += $6 }} END {{ print sum + 0 }}' /sys/kernel/debug/migrate_test/*)
            for try in $(seq 60); do
                get /metrics > metrics || exit 1
                served=$(awk '/^migscope_migrations_total/ {{ sum += $NF }} END {{ print sum + 0 }}' metrics)
                test $served -ge $made && break
                sleep 1
            done
            echo == stuck; migscope stuck --older-than 100ms; echo $?
            kill -INT $serve; wait $serve || exit 1
            kill -INT $record; wait $record || exit 1
            echo == minutes; cat minutes
            echo == metrics; cat metrics
            echo == driver; cat /sys/kernel/debug/migrate_test/*
            echo == files; ls rotated
            echo == recorded; cat record.said
            for file in rotated/*; do migscope report --json $file > /dev/null || exit 1; done"
        )
    }

    fn judge(self, outcome: &Outcome, said: &Captured) -> Result<String> {
        let said = said.bytes();
        let said = String::from_utf8_lossy(&said);
        outcome
            .expect_success(SOAK)
            .with_context(|| said.trim_end().to_owned())?;
        driver::left_nothing_behind(outcome)?;
        let sections = Sections::of(&outcome.stdout(SOAK));
        let migrations = all_is_counted(sections.get("metrics")?, sections.get("driver")?)?;
        let minutes = minutes(sections.get("minutes")?)?;
        ensure!(
            minutes.len() == self.minutes as usize,
            "there were {} minutes",
            minutes.len()
        );
        is_flat("the server", minutes.iter().map(|minute| minute.serve_kib))?;
        is_flat(
            "the recorder",
            minutes.iter().map(|minute| minute.record_kib),
        )?;
        let stuck = sections.get("stuck")?;
        ensure!(
            stuck.trim_end().ends_with('0'),
            "a call is left in the table of those under way: {stuck}"
        );
        let recorded = sections.get("recorded")?;
        ensure!(
            recorded.contains("; 0 lost"),
            "the recorder says {recorded}"
        );
        let files = sections.get("files")?.lines().count();
        ensure!(files <= 4, "{files} files of a rotation that keeps 3");
        let last = minutes.last().context("there was no minute")?;
        Ok(format!(
            "{} migrations in {} min, none lost, all pages the driver's; {} KiB of memory served at the end, {} KiB recorded",
            count(migrations as i64),
            self.minutes,
            count(last.serve_kib as i64),
            count(last.record_kib as i64)
        ))
    }
}

/// Holds what is served against the driver's own account; how many migrations there were.
fn all_is_counted(metrics: &str, driver: &str) -> Result<u64> {
    let mut lines = driver.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
    let mut made = BTreeMap::new();
    // Open files have lines of their own.
    for line in lines.filter(|line| line.split(' ').nth(1) == Some("-")) {
        for (name, value) in names.iter().zip(line.split(' ')) {
            *made.entry(*name).or_insert(0) += value.parse().unwrap_or(0_u64);
        }
    }
    let of = |name, label: &str| sum(metrics, name, label);
    let migrations = made.get("migrations").copied().unwrap_or(0);
    ensure!(migrations > 0, "the driver made no call: {driver}");
    let mut pairs = vec![(
        "migrations",
        of("migscope_migrations_total{", ""),
        migrations,
    )];
    for row in ROWS {
        let served = of("migscope_pages_total{", &format!("ledger=\"{row}\""));
        let made = made.get(row);
        pairs.push((
            row,
            served,
            *made.with_context(|| format!("the driver has no {row}"))?,
        ));
    }
    for (what, served, made) in pairs {
        ensure!(
            served == made as f64,
            "{what}: {served} are served, the driver counts {made}"
        );
    }
    let lost = of("migscope_records_lost_total{", "");
    ensure!(lost == 0.0, "{lost} were lost");
    Ok(migrations)
}

fn minutes(lines: &str) -> Result<Vec<Minute>> {
    let minute = |line: &str| {
        let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
        Some(Minute {
            serve_kib: numbers.next()?,
            record_kib: numbers.next()?,
        })
    };
    let lines = lines.lines();
    let minutes = lines.map(|line| minute(line).with_context(|| format!("what is {line}?")));
    minutes.collect()
}

/// An error if memory goes on growing after a third of the time.
fn is_flat(what: &str, kib: impl Iterator<Item = u64>) -> Result<()> {
    let kib: Vec<_> = kib.collect();
    let (first, rest) = kib.split_at(kib.len() / 3 + 1);
    let before = first.iter().copied().max().unwrap_or(0);
    let after = rest.iter().copied().max().unwrap_or(0);
    let most = before + GROWTH_KIB.max(before / GROWTH_SHARE);
    ensure!(
        after <= most,
        "{what} grows: {before} KiB after {} minutes, {after} KiB later",
        first.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_read() {
        let read = minutes("minute 1: 52000 KiB served, 62000 KiB recorded\n").unwrap();
        let minute = Minute {
            serve_kib: 52_000,
            record_kib: 62_000,
        };
        assert_eq!(read, [minute]);
        assert!(minutes("minute 1: KiB served\n").is_err());
    }

    #[test]
    fn memory_that_goes_on_growing_is_seen() {
        let flat = |kib: &[u64]| is_flat("it", kib.iter().copied()).is_ok();
        assert!(flat(&[40_000, 52_000, 52_100, 52_000, 53_000]));
        assert!(!flat(&[40_000, 52_000, 54_000, 56_000, 58_000]));
        assert!(flat(&[40_000]));
    }

    #[test]
    fn a_page_more_or_less_is_seen() {
        const DRIVER: &str = "device file pid direction cause migrations requested skipped declined moved populated wasted_copy wasted_fill rolled_back rejected declined_holes free
0 - - to_device driver 2 9 1 0 8 0 0 0 0 0 0 0
0 4 77 to_device driver 1 5 1 0 4 0 0 0 0 0 0 0
1 - - to_system driver 1 3 0 0 3 0 0 0 0 0 0 0";
        let metrics = |moved: u32| {
            let row =
                |row: &str, pages| format!("migscope_pages_total{{ledger=\"{row}\"}} {pages}\n");
            let rows = ROWS.map(|name| match name {
                "skipped" => row(name, 1),
                "moved" => row(name, moved),
                _ => row(name, 0),
            });
            format!(
                "migscope_migrations_total{{direction=\"x\"}} 3\n{}",
                rows.concat()
            )
        };
        assert_eq!(all_is_counted(&metrics(11), DRIVER).unwrap(), 3);
        assert!(all_is_counted(&metrics(10), DRIVER).is_err());
        let lost = metrics(11) + "migscope_records_lost_total{reason=\"ring_full\"} 1\n";
        assert!(all_is_counted(&lost, DRIVER).is_err());
    }
}
