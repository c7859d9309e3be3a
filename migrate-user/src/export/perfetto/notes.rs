//! What is known of a migration or a wait beside its times, as annotations of its slice.

use super::interned::Interned;
use super::messages::{DebugAnnotation, Value};
use crate::trace::{Migration, Wait, ledger};

/// What one of them says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Note<'a> {
    Number(u64),
    Address(u64),
    Text(&'a str),
}

/// The name of each, and what it says; what is not known is left out.
pub(super) type Notes<'a> = Vec<(&'static str, Note<'a>)>;

/// Those of a migration.
pub(super) fn notes(migration: &Migration) -> Notes<'_> {
    let skips = migration.skips;
    let mut all = vec![
        number("sequence", Some(migration.sequence)),
        number("owner_pid", migration.pid.map(u64::from)),
        text("owner_comm", migration.comm.as_deref()),
        text("driver", migration.driver.as_deref()),
        text("cgroup", migration.cgroup.as_deref()),
        text("phase", migration.phase.as_deref()),
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
    known(all)
}

/// Those of a wait.
pub(super) fn notes_of_wait(wait: &Wait) -> Notes<'_> {
    let locks = wait.contended.as_ref();
    let holder = locks.and_then(|locks| locks.holder.as_ref());
    known(vec![
        number("wait_sequence", Some(wait.sequence)),
        number("owner_pid", wait.pid.map(u64::from)),
        text("owner_comm", wait.comm.as_deref()),
        text("cgroup", wait.cgroup.as_deref()),
        text("phase", wait.phase.as_deref()),
        text("result", Some(wait.result.name())),
        number("errno", wait.errno.map(u64::from)),
        ("address", wait.address.map(Note::Address)),
        number("wait_pages", wait.pages),
        number("page_lock_ns", Some(wait.page_lock_ns)),
        number("migration", wait.migration),
        number("lock_ns", locks.map(|locks| locks.all_ns)),
        text("lock", locks.map(|locks| &*locks.lock)),
        number("lock_longest_ns", locks.map(|locks| locks.ns)),
        number("holder_tid", holder.map(|holder| holder.tid.into())),
        text("holder_comm", holder.map(|holder| &*holder.comm)),
        text(
            "holder_stack",
            locks.and_then(|locks| locks.holder_stack.as_deref()),
        ),
    ])
}

fn known<'a>(all: Vec<(&'static str, Option<Note<'a>>)>) -> Notes<'a> {
    let all = all.into_iter();
    all.filter_map(|(name, note)| Some((name, note?))).collect()
}

fn number<'a>(name: &'static str, number: Option<u64>) -> (&'static str, Option<Note<'a>>) {
    (name, number.map(Note::Number))
}

fn text<'a>(name: &'static str, text: Option<&'a str>) -> (&'static str, Option<Note<'a>>) {
    (name, text.map(Note::Text))
}

/// The same as they stand in the trace.
pub(super) fn annotations(notes: Notes<'_>, interned: &mut Interned) -> Vec<DebugAnnotation> {
    let annotation = |(name, note)| DebugAnnotation {
        name_iid: interned.note_names.number(name),
        value: Some(match note {
            Note::Number(number) => Value::Number(number),
            Note::Address(address) => Value::Address(address),
            Note::Text(text) => Value::Text(interned.note_values.number(text)),
        }),
    };
    notes.into_iter().map(annotation).collect()
}
