//! The columns of a recording: name, unit, and where each comes from, in one table, so that these
//! cannot disagree.

use std::collections::HashMap;

use arrow_schema::{Field, Schema};
use migrate_ebpf::wire::{Cause, Direction, MappingKind, Outcome, WaitKind, WaitResult};

use super::column::Column;
use super::metadata;
use crate::trace::{
    Contended, DRIVER_PARTS, Details, Facts, Mapping, Memory, Migration, OF_DRIVER, Parts, Side,
    Step, each_part, ledger,
};

/// The column that tells the kind of a row.
pub(super) const EVENT: &str = "event";

/// The column that tells what the tracer has to say of itself.
pub(super) const STATUS: &str = "status";

/// The kinds of rows, in the order in which a batch has them.
pub(super) const EVENTS: [&str; 3] = ["migration", "wait", "status"];

/// The columns of a recording of this format with these details, in order.
pub(super) fn columns_of(format: u32, details: Details) -> Vec<Column> {
    let mut columns = columns(details);
    if format < SINCE_STACKS_OF_HOLDERS {
        columns.retain(|column| column.name != HOLDER_STACK);
    }
    if format < SINCE_DRIVER_PARTS {
        let new: Vec<_> = of_driver()
            .chain(locks())
            .map(|column| column.name)
            .collect();
        columns.retain(|column| !new.contains(&column.name));
    }
    if format < SINCE_CAUSES {
        columns.retain(|column| !NEW.contains(&column.name.as_str()));
        for column in columns.iter_mut().filter(|column| column.name == "cause") {
            column.name = TRIGGER.to_owned();
        }
    }
    columns
}

/// The first format that tells where the holder of a lock was.
const SINCE_STACKS_OF_HOLDERS: u32 = 7;

/// The column of that.
pub(super) const HOLDER_STACK: &str = "holder_stack";

/// The first format that has parts of the driver's steps beside those of setup.
const SINCE_DRIVER_PARTS: u32 = 6;

/// The first format that tells why, and from where to where.
const SINCE_CAUSES: u32 = 5;

/// What `cause` was called before that.
pub(super) const TRIGGER: &str = "trigger";

/// Columns that format 5 has and format 4 had not.
const NEW: [&str; 12] = [
    "worker_tid",
    "worker_comm",
    "from_system_pages",
    "from_private_pages",
    "from_coherent_pages",
    "to_system_pages",
    "to_private_pages",
    "to_coherent_pages",
    "from_place",
    "to_place",
    "declined_holes",
    "free",
];

/// The columns of a recording with these details, in order.
pub(super) fn columns(details: Details) -> Vec<Column> {
    let mut columns = vec![Column::event(EVENT, EVENTS)];
    columns.extend(what());
    columns.extend(sides());
    columns.extend(pages());
    columns.extend(times());
    columns.push(Column::optional("anomalies", "", |m| {
        Some(u32::from(m.anomalies))
    }));
    columns.push(
        Column::optional("pgmap_owner", "", |m| m.pgmap_owner)
            .with_note("only its identity means something"),
    );
    columns.extend(asked_for(details));
    if details.mappings {
        columns.extend(mappings());
    }
    columns.extend(waits(details));
    columns.push(Column::status(STATUS).with_note(
        "of rows of that event: what the tracer tells of itself, totals since it started, as one JSON object",
    ));
    columns
}

/// As [`Column::widths`], of a whole row.
pub(super) fn widths(columns: &[Column]) -> Vec<u64> {
    columns
        .iter()
        .flat_map(|column| column.widths)
        .copied()
        .collect()
}

/// The schema of these columns, with the facts in its metadata.
pub(super) fn schema(columns: &[Column], facts: &Facts) -> Schema {
    let fields: Vec<Field> = columns.iter().map(Column::field).collect();
    Schema::new_with_metadata(
        fields,
        metadata::entries(facts)
            .into_iter()
            .collect::<HashMap<_, _>>(),
    )
}

/// Which migration it was. A direction or cause that this kernel could not tell is null.
fn what() -> Vec<Column> {
    let directions = Direction::ALL.iter().filter(|d| **d != Direction::Unknown);
    let causes = Cause::ALL.iter().filter(|t| **t != Cause::Unknown);
    let outcomes = Outcome::ALL.iter().map(|o| o.name());
    vec![
        Column::number("sequence", "", |m| m.sequence),
        Column::time("time_ns"),
        Column::optional_of_both("pid", |m| m.pid, |w| w.pid),
        Column::optional_of_both("tid", |m| m.tid, |w| w.tid),
        Column::text_of_both("comm", |m| m.comm.as_ref(), |w| w.comm.as_ref()),
        Column::optional_of_both(
            "worker_tid",
            |m| m.worker.as_ref().map(|worker| worker.tid),
            |w| w.worker.as_ref().map(|worker| worker.tid),
        ),
        Column::text_of_both(
            "worker_comm",
            |m| m.worker.as_ref().map(|worker| &worker.comm),
            |w| w.worker.as_ref().map(|worker| &worker.comm),
        ),
        Column::text_of_both("cgroup", |m| m.cgroup.as_ref(), |w| w.cgroup.as_ref()),
        Column::text("driver", |m| m.driver.as_ref()),
        // Numbers on the wire begin at 1, and the last stands for unknown.
        Column::name("direction", directions.map(|d| d.name()), |m| {
            (m.direction != Direction::Unknown).then_some(m.direction as i8 - 1)
        }),
        Column::name("cause", causes.map(|t| t.name()), |m| {
            (m.cause != Cause::Unknown).then_some(m.cause as i8 - 1)
        }),
        Column::name("outcome", outcomes, |m| Some(m.outcome as i8 - 1)),
        Column::optional_of_both("errno", |m| m.errno, |w| w.errno),
        Column::optional_of_both("address", |m| m.address, |w| w.address),
    ]
}

/// Which memory pages came from and went to. What is 0 is null: most migrations have one kind on
/// each side.
fn sides() -> Vec<Column> {
    let side = |prefix: &'static str, get: fn(&Migration) -> &Side| {
        Memory::ALL
            .into_iter()
            .enumerate()
            .map(move |(nth, memory)| {
                let name = format!("{prefix}_{}_pages", short(memory));
                Column::optional(name, "pages", move |m| {
                    Some(get(m).pages[nth]).filter(|pages| *pages > 0)
                })
            })
    };
    let places = [
        Column::text("from_place", |m| m.from.place.as_ref()),
        Column::text("to_place", |m| m.to.place.as_ref()),
    ];
    side("from", |m| &m.from)
        .chain(side("to", |m| &m.to))
        .chain(places)
        .collect()
}

/// A kind of memory in the name of a column.
pub(super) fn short(memory: Memory) -> &'static str {
    match memory {
        Memory::System => "system",
        Memory::DevicePrivate => "private",
        Memory::DeviceCoherent => "coherent",
    }
}

/// Where the pages went.
fn pages() -> Vec<Column> {
    let requested = Column::number("requested", "pages", |m| m.ledger.requested);
    let rows = ledger::Row::ALL
        .into_iter()
        .map(|row| Column::number(row.name(), "pages", move |m| row.of(&m.ledger)));
    let skips = [
        Column::optional("not_collected", "pages", |m| {
            m.skips.map(|skips| skips.not_collected)
        }),
        Column::optional("unmap_failed", "pages", |m| {
            m.skips.map(|skips| skips.unmap_failed)
        }),
        Column::optional("declined_holes", "pages", |m| m.declined_holes),
        Column::optional("free", "pages", |m| m.free),
    ];
    std::iter::once(requested)
        .chain(rows)
        .chain(skips)
        .collect()
}

/// How long it took.
fn times() -> Vec<Column> {
    let steps = of_steps("", |m, step| m.steps[step as usize]);
    let probe = ["setup", "pages", "finalize"]
        .into_iter()
        .enumerate()
        .map(|(place, call)| {
            Column::number(format!("probe_{call}_ns"), "ns", move |m| m.probe[place])
        });
    steps.chain(probe).collect()
}

/// A column for each step.
fn of_steps(
    prefix: &str,
    get: fn(&Migration, Step) -> Option<u64>,
) -> impl Iterator<Item = Column> {
    Step::ALL.into_iter().map(move |step| {
        let name = format!("{prefix}{}_ns", step.name());
        Column::optional(name, "ns", move |m| get(m, step))
    })
}

/// A column of stacks.
fn frames(column: Column) -> Column {
    column.with_note("outermost frame first, ; between frames")
}

/// What is there only where it was asked for: a column of nulls is not free.
fn asked_for(details: Details) -> Vec<Column> {
    let part = |name, get: fn(Parts) -> u64| {
        Column::optional(name, "ns", move |m: &Migration| m.parts.map(get))
    };
    let mut columns = Vec::new();
    if details.kernel_stacks {
        columns.push(frames(Column::text_of_both(
            "kernel_stack",
            |m| m.kernel_stack.as_ref(),
            |w| w.kernel_stack.as_ref(),
        )));
    }
    if details.user_stacks {
        columns.push(frames(Column::text_of_both(
            "user_stack",
            |m| m.user_stack.as_ref(),
            |w| w.user_stack.as_ref(),
        )));
    }
    if details.sub_steps {
        columns.extend([
            part("lru_drain_ns", |parts| parts.lru_drain_ns),
            part("invalidate_ns", |parts| parts.invalidate_ns),
            part("rmap_ns", |parts| parts.rmap_ns),
            part("split_ns", |parts| parts.split_ns),
        ]);
        columns.extend(of_driver());
        columns.extend(locks());
    }
    if details.off_cpu {
        columns.extend(of_steps("off_cpu_", |m, step| {
            m.off_cpu.map(|ns| ns[step as usize])
        }));
    }
    if details.phases {
        let phase = Column::text_of_both("phase", |m| m.phase.as_ref(), |w| w.phase.as_ref());
        columns.push(phase.with_note("outermost first, / between them; empty for none"));
    }
    columns
}

/// Which mapping the range is in.
fn mappings() -> [Column; 6] {
    let number = |name, get: fn(&Mapping) -> Option<u64>| {
        Column::optional(name, "", move |m: &Migration| get(m.mapping.as_ref()?))
    };
    let kinds = MappingKind::ALL.iter().map(|kind| kind.name());
    [
        Column::text("mapping", |m| m.mapping.as_ref()?.name.as_ref())
            .with_note("as in /proc/PID/maps; of a file the last part of its path"),
        // Numbers on the wire begin at 1.
        Column::name("mapping_kind", kinds, |m| {
            Some(m.mapping.as_ref()?.kind? as i8 - 1)
        }),
        number("mapping_start", |mapping| Some(mapping.start)),
        number("mapping_end", |mapping| Some(mapping.end)),
        Column::text("mapping_device", |m| {
            Some(&m.mapping.as_ref()?.file.as_ref()?.device)
        }),
        number("mapping_inode", |mapping| {
            Some(mapping.file.as_ref()?.inode)
        }),
    ]
}

/// What only waits have, where they were followed.
fn waits(details: Details) -> Vec<Column> {
    if !details.has_waits() {
        return Vec::new();
    }
    let kinds = WaitKind::ALL.iter().map(|kind| kind.name());
    let results = WaitResult::ALL.iter().map(|result| result.name());
    vec![
        Column::optional_of_waits("wait_sequence", "", |w| Some(w.sequence)),
        // Numbers on the wire begin at 1.
        Column::name_of_waits("wait", kinds, |w| Some(w.kind as i8 - 1)),
        Column::name_of_waits("result", results, |w| Some(w.result as i8 - 1)),
        Column::optional_of_waits("wait_pages", "pages", |w| w.pages),
        Column::optional_of_waits("wait_ns", "ns", |w| Some(w.total_ns)),
        Column::optional_of_waits("before_setup_ns", "ns", |w| w.before_setup_ns),
        Column::optional_of_waits("in_migration_ns", "ns", |w| w.in_migration_ns),
        Column::optional_of_waits("page_lock_ns", "ns", |w| Some(w.page_lock_ns)),
        Column::optional_of_waits("migration", "", |w| w.migration)
            .with_note("the sequence of the last migration that the thread made itself"),
    ]
}

/// Parts of the driver's steps.
fn of_driver() -> impl Iterator<Item = Column> {
    OF_DRIVER
        .into_iter()
        .enumerate()
        .flat_map(|(step_at, step)| {
            let parts = DRIVER_PARTS.into_iter().enumerate();
            parts.map(move |(part_at, part)| {
                Column::optional(driver_part(step, part), "ns", move |m| {
                    m.driver_parts.map(|of| each_part(&of[step_at])[part_at])
                })
            })
        })
}

/// The column of a part of a driver's step.
pub(super) fn driver_part(step: Step, part: &str) -> String {
    format!("{}_{part}_ns", step.name())
}

/// The locks that a thread waited for, in a wait or in the driver's steps of a migration.
fn locks() -> [Column; 6] {
    let holder = |of: &Option<Contended>| of.as_ref()?.holder.as_ref().map(|holder| holder.tid);
    [
        // Of a migration the parts tell, by step.
        Column::optional_of_waits("lock_ns", "ns", |w| Some(w.contended.as_ref()?.all_ns)),
        Column::text_of_both(
            "lock",
            |m| m.contended.as_ref().map(|locks| &locks.lock),
            |w| w.contended.as_ref().map(|locks| &locks.lock),
        )
        .with_note("the one it waited for longest"),
        Column::optional_of_both(
            "lock_longest_ns",
            |m| Some(m.contended.as_ref()?.ns),
            |w| Some(w.contended.as_ref()?.ns),
        )
        .with_unit("ns"),
        Column::optional_of_both(
            "holder_tid",
            move |m| holder(&m.contended),
            move |w| holder(&w.contended),
        ),
        Column::text_of_both(
            "holder_comm",
            |m| Some(&m.contended.as_ref()?.holder.as_ref()?.comm),
            |w| Some(&w.contended.as_ref()?.holder.as_ref()?.comm),
        ),
        frames(Column::text_of_both(
            HOLDER_STACK,
            |m| m.contended.as_ref()?.holder_stack.as_ref(),
            |w| w.contended.as_ref()?.holder_stack.as_ref(),
        )),
    ]
}
