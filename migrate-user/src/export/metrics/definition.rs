//! What metrics there are: names and base units as Prometheus wants them.

use std::ops::Range;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name; of a counter, without the suffix `_total`.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The base unit: `seconds`, `bytes`; `None` for numbers of things.
    pub unit: Option<&'static str>,
}

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counts since the tracer started.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values since the tracer started.
    Histogram(Octaves),
}

/// The powers of two between which classic buckets lie, of the kernel's unit (nanoseconds, base
/// pages).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octaves {
    first: u32,
    end: u32,
}

impl Octaves {
    /// The exponents.
    pub fn range(self) -> Range<u32> {
        self.first..self.end
    }
}

const fn counter(name: &'static str, unit: Option<&'static str>, help: &'static str) -> Definition {
    Definition {
        name,
        help,
        kind: Kind::Counter,
        unit,
    }
}

const fn gauge(name: &'static str, unit: Option<&'static str>, help: &'static str) -> Definition {
    Definition {
        name,
        help,
        kind: Kind::Gauge,
        unit,
    }
}

const fn histogram(
    name: &'static str,
    unit: Option<&'static str>,
    octaves: Range<u32>,
    help: &'static str,
) -> Definition {
    Definition {
        name,
        help,
        kind: Kind::Histogram(Octaves {
            first: octaves.start,
            end: octaves.end,
        }),
        unit,
    }
}

const SECONDS: Option<&str> = Some("seconds");
const BYTES: Option<&str> = Some("bytes");

macro_rules! definitions {
    ($($name:ident = $definition:expr;)*) => {
        $(pub(super) const $name: Definition = $definition;)*
        /// Every family that can occur, in the order in which they are shown.
        pub const ALL: &[Definition] = &[$($name,)*];
    };
}

definitions! {
    BUILD_INFO = gauge("migscope_build_info", None, "Always 1; the version of migscope that serves this.");
    SOURCE_INFO = gauge("migscope_source_info", None,
        "Always 1; the traced machine: host, kernel, how functions are hooked, which migrations are counted at all.");
    SOURCE_UP = gauge("migscope_source_up", None,
        "1 while the tracer or the stream that is read goes on, 0 when it has ended and nothing changes any more.");
    START_TIME = gauge("migscope_start_time_seconds", SECONDS, "When the tracer started counting, since 1970.");
    TOTALS_TIME = gauge("migscope_totals_timestamp_seconds", SECONDS,
        "When the kernel's totals were last read, since 1970.");
    MIGRATIONS = counter("migscope_migrations", None, "Migrations that ended, by how.");
    PAGES = counter("migscope_pages", None,
        "Base pages that were requested, by where they ended up (ledger); all rows of the ledger together are what was requested.");
    SKIPPED_PAGES = counter("migscope_skipped_pages", None, "Base pages of the ledger's row skipped, by reason.");
    MIGRATED_BYTES = counter("migscope_migrated_bytes", BYTES,
        "Memory that arrived at its destination: pages moved or populated.");
    WASTED_COPY_BYTES = counter("migscope_wasted_copy_bytes", BYTES, "Memory that was copied and whose copy was thrown away.");
    STEP_DURATION = histogram("migscope_step_duration_seconds", SECONDS, 8..34,
        "How long a step of a migration took, without the tracer's own time.");
    MIGRATION_DURATION = histogram("migscope_migration_duration_seconds", SECONDS, 8..34,
        "How long the steps of a migration took together, without the tracer's own time.");
    MIGRATION_PAGES = histogram("migscope_migration_pages", None, 0..19, "Base pages that a migration was asked to move.");
    PAGE_DURATION = histogram("migscope_page_duration_seconds", SECONDS, 4..28,
        "The time of a migration divided by the pages that arrived, of migrations in which some did.");
    PROBE_SECONDS = counter("migscope_probe_seconds", SECONDS, "The tracer's own time within migrations, in no other figure.");
    UNBALANCED = counter("migscope_unbalanced_ledgers", None,
        "Migrations whose pages do not add up: each is a bug of the tracer or of a driver.");
    OLDEST_IN_FLIGHT = gauge("migscope_oldest_in_flight_seconds", SECONDS,
        "How long the oldest migration that is under way has been so; 0 where none has been for a second.");
    ENDED = counter("migscope_migrations_ended", None, "Migrations that ended in the kernel, counted or lost.");
    RECORDS_LOST = counter("migscope_records_lost", None,
        "Migrations that ended and of which no record came, by reason. Those that are incomplete are not in the totals, either.");
    ANOMALIES = counter("migscope_anomalies", None,
        "What else the tracer could not see or keep, by kind; some are reasons of lost records.");
    WAITS = counter("migscope_waits", None,
        "Waits besides the steps of migrations that are over, by what they were for and what came of them.");
    WAIT_SECONDS = histogram("migscope_wait_seconds", SECONDS, 8..34,
        "How long a wait took. Kinds may be the same time twice: they are not to be added up.");
    WAIT_BEFORE_SETUP = histogram("migscope_wait_before_setup_seconds", SECONDS, 8..34,
        "How long a fault that made a migration waited before that began: for the driver's locks, mostly.");
    DRIVER_MIGRATIONS = counter("migscope_driver_migrations", None, "Migrations by driver, of the records that came.");
    DRIVER_PAGES = counter("migscope_driver_pages", None,
        "Base pages by driver and where they ended up, of the records that came.");
    DRIVER_SECONDS = counter("migscope_driver_seconds", SECONDS,
        "Time of all steps together by driver, of the records that came.");
    PROCESS_MIGRATIONS = counter("migscope_process_migrations", None,
        "Migrations by process, of the records that came; only of the processes whose migrations took most time.");
    PROCESS_PAGES = counter("migscope_process_pages", None,
        "Base pages by process and where they ended up, of the same processes.");
    PROCESS_SECONDS = counter("migscope_process_seconds", SECONDS,
        "Time of all steps together by process, of the same processes.");
    PHASE_MIGRATIONS = counter("migscope_phase_migrations", None,
        "Migrations by phase of the program, of the records that came; those in which most time went have series of their own.");
    PHASE_PAGES = counter("migscope_phase_pages", None, "Base pages by phase and where they ended up, of the same phases.");
    PHASE_SECONDS = counter("migscope_phase_seconds", SECONDS, "Time of all steps together by phase, of the same phases.");
    PHASE_WAITS = counter("migscope_phase_waits", None, "Waits by phase and what they were for, of the same phases.");
    PHASE_WAIT_SECONDS = counter("migscope_phase_wait_seconds", SECONDS,
        "Time of waits by phase and what they were for, of the same phases. Kinds may be the same time twice.");
    MAPPING_MIGRATIONS = counter("migscope_mapping_migrations", None,
        "Migrations by process and mapping, of the records that came; those in which most time went have series of their own.");
    MAPPING_PAGES = counter("migscope_mapping_pages", None,
        "Base pages by process, mapping and where they ended up, of the same mappings.");
    MAPPING_SECONDS = counter("migscope_mapping_seconds", SECONDS,
        "Time of all steps together by process and mapping, of the same mappings.");
}

impl Definition {
    /// The name with which a counter's or gauge's values are given.
    pub fn sample_name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram(_) => self.name.to_owned(),
        }
    }
}
