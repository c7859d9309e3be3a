//! Filters: their words, and what is wrong with others.

use migscope_recording::trace::Migration;
use migscope_recording::trace::filter::{Filter, Run, Seen, words};
use migscope_testkit::filters::CASES;
use migscope_testkit::{START_NS, Synthetic, facts};

fn filter(words: &str) -> Filter {
    words
        .parse()
        .unwrap_or_else(|wrong| panic!("{words}: {wrong}"))
}

/// Those of the VM are what the probes can ask, in the words that the recording then has.
#[test]
fn the_probes_can_ask_their_cases() {
    for case in CASES.iter().filter(|case| case.by_probes) {
        let filter = filter(case.words);
        assert_eq!(filter.words(), case.words);
        let can = |(word, values): (&words::Word, Vec<String>)| word.in_kernel && values.len() == 1;
        assert!(filter.asked().all(can), "{}", case.words);
    }
}

#[test]
fn words_read_back_to_the_same_filter() {
    let odd = [
        "comm=\"it's\" worker='a b,c\\,d\\\\'",
        "time=1s..2500ms address=0x0..0x10",
        "time=..2026-11-22T19:16:07.25Z",
        "time=2026-11-22T19:16:07Z..",
        "slower-than=0s min-pages=0",
        "cgroup='/a b/c'",
        "comm=fourteen-bytesé",
    ];
    let cases = CASES.iter().map(|case| case.words);
    for words in cases.chain(odd) {
        let filter = filter(words);
        assert!(!filter.is_empty(), "{words}");
        let told = filter.words();
        assert_eq!(told.parse(), Ok(filter), "{words}: {told}");
    }
    assert_eq!(filter("").words(), "");
    let told = filter("--min-pages 2 --pid=7,8 trainer pid=7").words();
    assert_eq!(told, "pid=7,8 comm=trainer min-pages=2");
    assert_eq!(filter("slower-than=1500us").words(), "slower-than=1500us");
}

/// What ended within it, up to and without its end.
#[test]
fn time_is_counted_from_the_beginning_or_by_the_wall_clock() {
    let migrations = Synthetic::new(1).batch(1000).migrations;
    let run = facts().run();
    let within = |from_ns: u64, to_ns: u64| {
        let within = |m: &&Migration| (from_ns..to_ns).contains(&(m.end_ns() - START_NS));
        migrations.made().iter().filter(within).count()
    };
    let taken = |words: &str| {
        let filter = filter(words);
        migrations
            .made()
            .iter()
            .filter(|m| filter.takes(m, &run))
            .count()
    };
    let part = within(100_000_000, 300_000_000);
    assert!(part > 0 && part < 1000);
    assert_eq!(taken("time=100ms..300ms"), part);
    assert_eq!(taken("time=..100ms") + taken("time=100ms.."), 1000);
    let wall = "time=2026-11-22T19:16:06.1Z..2026-11-22T19:16:06.3Z";
    assert_eq!(taken(wall), part);
    let lost = Run {
        started_ns: None,
        ..run
    };
    assert!(
        filter("time=1s..")
            .check(&lost)
            .unwrap_err()
            .contains("when it began")
    );
    assert!(!filter("time=0s..").takes(&migrations.made()[0], &lost));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (words, says) in [
        ("pid=x", "expected a number above 0"),
        ("pid=0", "expected a number above 0"),
        ("pid=", "leave the option out"),
        ("pid=1,", "leave the option out"),
        ("pidd=7", "there is no word pidd: did you mean pid?"),
        (
            "colour=red",
            "there is no word colour: expected one of pid, tid, comm",
        ),
        ("direction=up", "expected one of to_device, to_system"),
        (
            "cgroup=a/b",
            "path from the root, as in /proc/PID/cgroup: /a/b",
        ),
        ("comm='a", "a quote is not closed"),
        ("time=10s", "expected a range of time"),
        ("min-pages=1 min-pages=2", "cannot be used multiple times"),
        ("address=0x2..0x1", "its end has to be above its start"),
        ("slower-than=soon", "expected a number of seconds"),
    ] {
        let wrong = words.parse::<Filter>().unwrap_err();
        assert!(
            wrong.contains(says) && !wrong.contains('\n'),
            "{words}: {wrong}"
        );
    }
}

/// docs/filters.md tells of every word, what its values are, and whether the probes ask it.
#[test]
fn the_page_on_filters_has_every_word() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/filters.md");
    let page = std::fs::read_to_string(path).unwrap();
    for word in &words::WORDS {
        let begin = format!("| `{}` |", word.name);
        let row = page.lines().find(|line| line.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("there is no {}", word.name));
        assert_eq!(row.ends_with("| no |"), !word.in_kernel, "{row}");
        for value in (word.values)() {
            assert!(row.contains(&format!("`{value}`")), "{value}: {row}");
        }
    }
}

#[test]
fn names_that_nobody_has_are_told_with_those_that_there_are() {
    let mut seen = Seen::default();
    let batch = Synthetic::new(1).batch(1000);
    batch.migrations.each(|row| seen.note(row));
    assert_eq!(
        seen.unknown(&filter("driver=migrate_test comm=solver pid=9")),
        [""; 0]
    );
    let unknown = seen.unknown(&filter("driver=amdgpu"));
    assert_eq!(
        unknown,
        ["no migration has driver=amdgpu; there is migrate_test"]
    );
    let none = Seen::default().unknown(&filter("worker=a"));
    assert_eq!(none, ["no migration has a worker, so worker=a takes none"]);
    let hints = filter("comm=a-name-of-over-15-bytes,short").hints();
    assert!(hints.len() == 1 && hints[0].starts_with("comm=a-name-of-over-: "));
}
