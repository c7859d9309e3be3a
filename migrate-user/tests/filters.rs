//! Filters by all that they are asked with: each lets through what its words say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use migscope::export::{Event, Export, Json};
use migscope::recording::Reader;
use migscope::trace::{Batch, Direction, Filter, Migration};
use migscope_testkit::filters::{CASES, Case};
use migscope_testkit::{Synthetic, facts};
use serde_json::Value;

fn filter(words: &str) -> Filter {
    words
        .parse()
        .unwrap_or_else(|wrong| panic!("{words}: {wrong}"))
}

/// Synthetic migrations, some with odd names and places, and those of a real recording.
fn migrations() -> Vec<Migration> {
    let synthetic = Synthetic::new(1).with_details();
    let mut migrations = { synthetic }.batch(1000).migrations.into_vec();
    let names = ["a-name-of-over-", "with, comma", "with", "a-name-of-over"];
    for (migration, name) in migrations.iter_mut().zip(names) {
        migration.comm = Some(name.into());
        migration.address = Some(0x7f00_0000_0000);
    }
    migrations[5].direction = Direction::Unknown;
    let path = format!("{}/tests/data/mixed.arrow", env!("CARGO_MANIFEST_DIR"));
    let real = Reader::new("mixed", std::fs::File::open(path).unwrap()).unwrap();
    migrations.extend(real.flat_map(|batch| batch.migrations.into_vec()));
    migrations
}

/// Each as a line of an export.
fn lines(migrations: &[Migration]) -> Vec<Value> {
    let batch = Batch {
        migrations: migrations.to_vec().into(),
        waits: Vec::new(),
        status: None,
    };
    let mut out = Vec::new();
    let mut batches = std::iter::once(batch);
    Json(Event::Migration)
        .export(&facts(), &mut batches, &mut out)
        .unwrap();
    let lines = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn every_case_takes_what_it_says() {
    let migrations = migrations();
    let lines = lines(&migrations);
    for Case { words, takes, .. } in CASES {
        let filter = filter(words);
        let mut taken = 0;
        for (migration, line) in migrations.iter().zip(&lines) {
            let expected = takes(&|name| line[name].clone());
            let is_taken = filter.takes(migration, &facts().run());
            assert_eq!(is_taken, expected, "{words}: {line}");
            taken += u64::from(is_taken);
        }
        // Else the case says nothing.
        let nobodys = ["comm=nobody", "pid=1"].contains(words);
        assert_eq!(taken == 0, nobodys, "{words} takes {taken}");
        assert!(taken < migrations.len() as u64, "{words} takes all");
    }
}
