use std::cell::RefCell;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser as _;
use migscope_testkit::{Synthetic, facts};
use serde_json::Value;

use super::*;
use crate::cli::{Cli, Command};
use crate::source;
use crate::trace::{Batch, Details, Facts};

/// How many migrations come with each batch.
const EACH: usize = 5;

/// A tracer in whose machine something migrates all the time.
struct Busy {
    facts: Facts,
    synthetic: Synthetic,
    /// Calls under way, in the order in which it is asked; then none.
    under_way: Vec<u64>,
    /// Batches until it ends, if it does.
    left: Option<usize>,
    /// What the totals were each time, whoever read them.
    read: Rc<RefCell<Vec<u64>>>,
    /// Does every migration come as a record?
    records: bool,
}

impl Busy {
    fn new() -> Self {
        Self {
            facts: Facts {
                record_every: 0,
                ..facts()
            },
            synthetic: Synthetic::new(1).with_totals(),
            under_way: Vec::new(),
            left: None,
            read: Rc::default(),
            records: false,
        }
    }

    /// With records, each in a phase.
    fn by_phase() -> Self {
        let details = Details {
            phases: true,
            waits: true,
            ..Details::default()
        };
        Self {
            facts: Facts { details, ..facts() },
            synthetic: Synthetic::new(1).with_details().with_waits().with_totals(),
            records: true,
            ..Self::new()
        }
    }
}

impl Source for Busy {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Option<Batch>, source::Error> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if self.left == Some(0) {
            return Ok(None);
        }
        self.left = self.left.map(|left| left - 1);
        let mut batch = self.synthetic.batch(EACH);
        if !self.records {
            batch.migrations = Vec::new().into();
        }
        let status = batch.status.as_ref().unwrap();
        self.read.borrow_mut().push(status.ended);
        Ok(Some(batch))
    }

    fn under_way(&mut self) -> Result<Option<u64>, source::Error> {
        Ok(Some(if self.under_way.is_empty() {
            0
        } else {
            self.under_way.remove(0)
        }))
    }
}

fn options(words: &[&str]) -> cli::Stat {
    let words = ["migscope", "stat"].iter().chain(words).map(OsString::from);
    match Cli::try_parse_from(words).unwrap().command {
        Some(Command::Stat(stat)) => stat,
        other => panic!("it is stat, and not {other:?}"),
    }
}

/// What it writes to a file, and how it ends.
async fn written(source: Busy, words: &[&str]) -> (String, Result<ExitCode, Error>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let target = Target::File(file.reopen().unwrap(), "a file".to_owned());
    let stop = Stop::new().unwrap();
    let ended = count(source, stop, target, &options(words)).await;
    (std::fs::read_to_string(file.path()).unwrap(), ended)
}

fn is(ended: &Result<ExitCode, Error>, status: u8) {
    assert_eq!(*ended.as_ref().unwrap(), ExitCode::from(status));
}

/// Each run has what came between two readings, and what comes between runs is nobody's.
#[tokio::test]
async fn runs_are_counted_apart() {
    let source = Busy::new();
    let read = Rc::clone(&source.read);
    let (text, ended) = written(source, &["-r", "3", "--json", "--", "sleep", "0.03"]).await;
    is(&ended, 0);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["command"], "sleep 0.03");
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    let counted = runs.iter().map(|run| run["migrations"].as_u64().unwrap());
    let counted: u64 = counted.sum();
    let read = read.borrow();
    let all = read.last().unwrap() - EACH as u64;
    // Two readings stand between one run and the next, and what came with the second is no run's.
    assert_eq!(counted, all - 2 * EACH as u64, "{read:?}");
    for run in runs {
        assert!(run["elapsed_ns"].as_u64().unwrap() >= 30_000_000, "{run}");
        assert_eq!(run["blurred"], 0);
    }
}

#[tokio::test]
async fn a_run_that_fails_is_the_last_and_its_status_the_answer() {
    let (text, ended) = written(Busy::new(), &["-r", "4", "--", "sh", "-c", "exit 3"]).await;
    is(&ended, 3);
    assert!(text.contains("exit status 3 in run 1 of 4"), "{text}");
}

/// What the lines add up to is what the run has.
#[tokio::test]
async fn lines_add_up_to_the_run() {
    let words = ["--json", "-I", "100", "--", "sleep", "0.35"];
    let (text, ended) = written(Busy::new(), &words).await;
    is(&ended, 0);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (stat, intervals) = lines.split_last().unwrap();
    assert!((3..6).contains(&intervals.len()), "{text}");
    for name in ["migrations", "requested", "moved", "wasted_copy", "lost"] {
        let number = |line: &Value| line["interval"][name].as_u64().unwrap();
        let sum: u64 = intervals.iter().map(number).sum();
        let run = &stat["runs"][0];
        let of_run = if run[name].is_null() {
            &run["ledger"][name]
        } else {
            &run[name]
        };
        assert_eq!(*of_run, sum, "{name}");
    }
}

#[tokio::test]
async fn separated_lines_are_one_table() {
    let words = ["-x", ",", "-I", "100", "-r", "2", "--", "sleep", "0.15"];
    let (text, ended) = written(Busy::new(), &words).await;
    is(&ended, 0);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let runs: Vec<_> = reader
        .records()
        .map(|line| line.unwrap()[0].to_owned())
        .collect();
    assert!(
        runs.contains(&"1".to_owned()) && runs.contains(&"2".to_owned()),
        "{text}"
    );
}

/// Calls that go on are waited for, and told if they still do.
#[tokio::test]
async fn calls_under_way_are_waited_for() {
    let source = Busy {
        under_way: vec![0, 2, 1],
        ..Busy::new()
    };
    let (text, _) = written(source, &["--json", "--", "true"]).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["runs"][0]["under_way"]["end"], 0);
    let source = Busy {
        under_way: vec![3; 100],
        ..Busy::new()
    };
    let (text, ended) = written(source, &["--", "true"]).await;
    is(&ended, 0);
    assert!(
        text.contains("3 calls were under way at the beginning"),
        "{text}"
    );
    assert!(
        text.contains("3 calls were still under way at the end"),
        "{text}"
    );
}

/// What was counted before is not lost, and the command is not left alone.
#[tokio::test]
async fn a_tracer_that_ends_is_an_error_after_what_was_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("done");
    let script = format!("sleep 0.1; echo >> {}", mark.display());
    let source = Busy {
        left: Some(30),
        ..Busy::new()
    };
    let words = ["-r", "9", "--", "sh", "-c", &script];
    let (text, ended) = written(source, &words).await;
    assert!(matches!(ended, Err(Error::Source(source::Error::Ended))));
    assert!(text.contains("migscope stat of"), "{text}");
    let runs = std::fs::read_to_string(&mark).unwrap().lines().count();
    assert!((1..9).contains(&runs), "{runs}");
}

#[tokio::test]
async fn what_cannot_be_run_is_said() {
    let (text, ended) = written(Busy::new(), &["--", "/nowhere/x"]).await;
    assert_eq!(text, "");
    assert!(
        ended
            .unwrap_err()
            .to_string()
            .starts_with("cannot run /nowhere/x")
    );
}

/// The records of each run are its own, to the last.
#[tokio::test]
async fn phases_are_those_of_their_run() {
    let words = ["--per-phase", "-r", "2", "--json", "--", "sleep", "0.03"];
    let (text, ended) = written(Busy::by_phase(), &words).await;
    is(&ended, 0);
    let json: Value = serde_json::from_str(&text).unwrap();
    let phases = json["phases"].as_array().unwrap();
    let named: Vec<_> = phases.iter().map(|phase| phase["phase"].as_str()).collect();
    for phase in [Some(""), Some("train"), Some("train/forward"), None] {
        assert!(named.contains(&phase), "no {phase:?} in {named:?}");
    }
    let figure = |of: &Value, name: &str, unit: &str, run: usize| {
        let all = of.as_array().unwrap();
        let it = all
            .iter()
            .find(|it| it["name"] == name && it["unit"] == unit);
        it.unwrap()["values"][run].as_u64().unwrap()
    };
    for run in 0..2 {
        assert_eq!(json["runs"][run]["unrecorded"], 0);
        for (group, name, unit) in [
            ("migrations", "migrations", "migrations"),
            ("pages", "moved", "pages"),
            ("steps", "alloc_and_copy", "ns"),
            ("waits", "fault", "waits"),
        ] {
            let each = phases.iter();
            let each = each.map(|phase| figure(&phase["figures"], name, unit, run));
            assert_eq!(
                each.sum::<u64>(),
                figure(&json[group], name, unit, run),
                "{name}"
            );
        }
    }
}
