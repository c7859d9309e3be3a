//! What is known of a migration beside its times, as annotations of its slice.

use super::interned::Interned;
use super::messages::{DebugAnnotation, Value};
use crate::trace::{Migration, ledger};

/// What one of them says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Note<'a> {
    Number(u64),
    Address(u64),
    Text(&'a str),
}

/// The name of each, and what it says; what is not known is left out.
pub(super) fn notes(migration: &Migration) -> Vec<(&'static str, Note<'_>)> {
    let number = |name, number: Option<u64>| (name, number.map(Note::Number));
    let skips = migration.skips;
    let mut all = vec![
        number("sequence", Some(migration.sequence)),
        number("owner_pid", migration.pid.map(u64::from)),
        text("owner_comm", migration.comm.as_deref()),
        text("driver", migration.driver.as_deref()),
        text("cgroup", migration.cgroup.as_deref()),
        text("direction", migration.known_direction()),
        text("cause", migration.known_cause()),
        text("from", migration.from.kind()),
        text("from_place", migration.from.place.as_deref()),
        text("to", migration.to.kind()),
        text("to_place", migration.to.place.as_deref()),
        text("outcome", Some(migration.outcome.name())),
        number("errno", migration.errno.map(u64::from)),
        ("address", migration.address.map(Note::Address)),
        number("requested", Some(migration.ledger.requested)),
    ];
    all.extend(ledger::Row::ALL.map(|row| number(row.name(), Some(row.of(&migration.ledger)))));
    all.extend([
        number("not_collected", skips.map(|skips| skips.not_collected)),
        number("unmap_failed", skips.map(|skips| skips.unmap_failed)),
        number("probe_ns", Some(migration.probe_ns())),
    ]);
    let known = all.into_iter();
    known
        .filter_map(|(name, note)| Some((name, note?)))
        .collect()
}

fn text<'a>(name: &'static str, text: Option<&'a str>) -> (&'static str, Option<Note<'a>>) {
    (name, text.map(Note::Text))
}

/// The same as they stand in the trace.
pub(super) fn annotations(migration: &Migration, interned: &mut Interned) -> Vec<DebugAnnotation> {
    let annotation = |(name, note)| DebugAnnotation {
        name_iid: interned.note_names.number(name),
        value: Some(match note {
            Note::Number(number) => Value::Number(number),
            Note::Address(address) => Value::Address(address),
            Note::Text(text) => Value::Text(interned.note_values.number(text)),
        }),
    };
    notes(migration).into_iter().map(annotation).collect()
}
