//! rocpd: SQLite databases of rocprofv3 (rocprofiler-sdk).
//!
//! Times are nanoseconds of CLOCK_BOOTTIME, which rocprofiler-sdk reads itself and ROCm's runtime
//! calls its system clock. Each process's tables have an ending of their own in their names. There
//! are two layouts: times in the rows, and times in a table of their own.

use super::Refusal;
use super::clocks::{Offset, check_machine};
use super::source::Source;
use super::sqlite::{Database, quoted};
use crate::trace::Facts;

const KERNELS: &str = "rocpd_kernel_dispatch";
const COPIES: &str = "rocpd_memory_copy";

/// The most processes in one file.
const MOST_PROCESSES: usize = 64;

/// Are these tables of it?
pub(super) fn is_it(tables: &[String]) -> bool {
    tables.iter().any(|table| table.starts_with(KERNELS))
}

/// What is read of it.
pub(super) fn source(
    database: &Database,
    tables: &[String],
    facts: &Facts,
    same_machine: bool,
) -> Result<Source, Refusal> {
    if facts.clock != "CLOCK_BOOTTIME" {
        let why = format!(
            "its times are of CLOCK_BOOTTIME, and those of the recording of {}",
            facts.clock
        );
        return Err(Refusal::new(why, "Record again with this version."));
    }
    let endings: Vec<_> = tables
        .iter()
        .filter_map(|table| table.strip_prefix(KERNELS))
        .collect();
    if endings.len() > MOST_PROCESSES {
        let why = format!(
            "it has tables of {} processes, and {MOST_PROCESSES} are read",
            endings.len()
        );
        return Err(Refusal::new(
            why,
            "Merge the databases of single processes.",
        ));
    }
    let mut parts = Vec::new();
    for ending in endings {
        let process = Process {
            database,
            tables,
            ending,
        };
        process.check(facts, same_machine)?;
        parts.push(process.kernels()?);
        parts.extend(process.copies()?);
    }
    Ok(Source {
        rows: parts.join(" UNION ALL "),
        offset: Offset::default(),
        notes: vec![
            "the trace does not say of which boot it is: that its times fit those of the recording is all that is known of that."
                .to_owned(),
        ],
    })
}

/// The tables of one process.
struct Process<'a> {
    database: &'a Database,
    tables: &'a [String],
    ending: &'a str,
}

impl Process<'_> {
    fn table(&self, name: &str) -> String {
        quoted(&format!("{name}{}", self.ending))
    }

    fn has(&self, name: &str) -> bool {
        let table = format!("{name}{}", self.ending);
        self.tables.contains(&table)
    }

    fn need(&self, name: &str) -> Result<(), Refusal> {
        if self.has(name) {
            return Ok(());
        }
        let why = format!(
            "it has no table {name}{}, so it is of a version that is not known",
            self.ending
        );
        Err(Refusal::new(why, "Write it with rocprofv3 of ROCm 7."))
    }

    /// Refuses another machine's.
    fn check(&self, facts: &Facts, same_machine: bool) -> Result<(), Refusal> {
        let nodes = "rocpd_info_node";
        self.need(nodes)?;
        let column = |name: &str| {
            let sql = format!("SELECT {name} FROM {} LIMIT 1024", self.table(nodes));
            self.database.texts(&sql)
        };
        for release in column("release")? {
            check_machine(None, Some(&release), facts)?;
        }
        if !same_machine {
            for host in column("hostname")? {
                check_machine(Some(&host), None, facts)?;
            }
        }
        Ok(())
    }

    /// What a table's rows say of times and places: columns, and what it takes to join them.
    fn layout(&self, table: &str) -> Result<Layout, Refusal> {
        let columns = self.database.columns(&format!("{table}{}", self.ending))?;
        let has = |column: &str| columns.iter().any(|name| name == column);
        if has("start") && has("end") {
            return Ok(Layout {
                times: ["t.start", "t.end"],
                of: "t",
                joins: String::new(),
            });
        }
        self.need("rocpd_timestamp")?;
        self.need("rocpd_track")?;
        let times = self.table("rocpd_timestamp");
        Ok(Layout {
            times: ["b.value", "e.value"],
            of: "k",
            joins: format!(
                "LEFT JOIN {times} b ON b.id = t.start_id LEFT JOIN {times} e ON e.id = t.end_id \
                 LEFT JOIN {} k ON k.id = t.track_id",
                self.table("rocpd_track")
            ),
        })
    }

    fn kernels(&self) -> Result<String, Refusal> {
        for name in [
            "rocpd_info_kernel_symbol",
            "rocpd_info_agent",
            "rocpd_info_queue",
        ] {
            self.need(name)?;
        }
        let layout = self.layout(KERNELS)?;
        let of = layout.of;
        let joins = format!(
            "LEFT JOIN {} s ON s.id = t.kernel_id LEFT JOIN {} a ON a.id = {of}.agent_id LEFT JOIN {} q ON q.id = {of}.queue_id",
            self.table("rocpd_info_kernel_symbol"),
            self.table("rocpd_info_agent"),
            self.table("rocpd_info_queue"),
        );
        let place = format!(
            "{} || ', ' || coalesce(q.name, 'queue ' || {of}.queue_id, 'no queue')",
            agent("a")
        );
        let name = "coalesce(s.display_name, s.kernel_name)";
        Ok(self.statement(KERNELS, &layout, ["kernel", &place, name, "NULL"], &joins))
    }

    fn copies(&self) -> Result<Option<String>, Refusal> {
        if !self.has(COPIES) {
            return Ok(None);
        }
        self.need("rocpd_string")?;
        let layout = self.layout(COPIES)?;
        let agents = self.table("rocpd_info_agent");
        let joins = format!(
            "LEFT JOIN {} s ON s.id = t.name_id LEFT JOIN {agents} x ON x.id = t.src_agent_id LEFT JOIN {agents} y ON y.id = t.dst_agent_id",
            self.table("rocpd_string"),
        );
        let place = format!(
            "'copies from ' || {} || ' to ' || {}",
            agent("x"),
            agent("y")
        );
        let columns = ["memcpy", place.as_str(), "s.string", "t.size"];
        Ok(Some(self.statement(COPIES, &layout, columns, &joins)))
    }

    fn statement(
        &self,
        table: &str,
        layout: &Layout,
        [category, place, name, bytes]: [&str; 4],
        joins: &str,
    ) -> String {
        let ([start, end], of) = (layout.times, layout.of);
        format!(
            "SELECT {start} AS start, {end} AS end, '{category}' AS category, coalesce(p.pid, {of}.pid) AS process, \
             NULL AS thread, {place} AS place, {name} AS name, {bytes} AS bytes FROM {} t {} {joins} \
             LEFT JOIN {} p ON p.id = {of}.pid",
            self.table(table),
            layout.joins,
            self.table("rocpd_info_process"),
        )
    }
}

/// A device as people call it: `GPU 0`.
fn agent(table: &str) -> String {
    format!("coalesce({table}.type || ' ' || {table}.type_index, 'device unknown')")
}

/// Where the times of a table are.
struct Layout {
    /// The columns of beginning and end.
    times: [&'static str; 2],
    /// The table that says of which process, device and queue it is.
    of: &'static str,
    joins: String,
}
