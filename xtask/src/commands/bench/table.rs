//! The results as a page of text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::figures::Figures;
use super::phases::PHASES;
use super::results::{Bound, DIRECTIONS, Instructions, Measured, Results, TOUCHES, find};
use crate::number::count;

const NAME: usize = 16;
const COLUMN: usize = 12;
/// Writing to a string cannot fail.
const INFALLIBLE: &str = "a string takes all that is written to it";

/// What a column shows: a direction or a touch, and pages.
type Column<'a> = (&'a str, u32);

impl Results {
    /// The page.
    pub(super) fn page(&self) -> String {
        let mut page = format!(
            "Guest instructions that a migration costs more when it is traced (Linux {}).\n\
             The median call by pages and direction, and a line through the sizes: fixed cost and cost per page.\n\
             Then the median touch of a page on the device (fault), and of one in swap space (swap_in), and phases.\n",
            self.kernel
        );
        for direction in DIRECTIONS {
            page += &self.costs(direction);
        }
        page += &self.touches();
        page += &self.opened();
        page += "\n";
        for tool in &self.tools {
            let lost = match tool.lost {
                0 => String::new(),
                lost => format!(" ({} migrations lost)", count(lost as i64)),
            };
            writeln!(page, "{:NAME$}{}{lost}", tool.tool.name(), tool.about).expect(INFALLIBLE);
        }
        page += &self.verdicts();
        if let Some(figures) = &self.figures {
            page += &figures.page();
        }
        page + &self.dashboard.page() + &self.reader.page()
    }

    fn costs(&self, direction: &str) -> String {
        let sizes: Vec<u32> = self
            .untraced
            .iter()
            .filter(|cost| cost.what == direction)
            .map(|cost| cost.pages)
            .collect();
        let mut table = format!("\n{direction:NAME$}");
        for pages in &sizes {
            let unit = if *pages == 1 { "page" } else { "pages" };
            let head = format!("{} {unit}", count(i64::from(*pages)));
            write!(table, "{head:>COLUMN$}").expect(INFALLIBLE);
        }
        writeln!(table, "{:>COLUMN$}{:>COLUMN$}", "fixed", "per page").expect(INFALLIBLE);
        let columns: Vec<_> = sizes.iter().map(|pages| (direction, *pages)).collect();
        table += &(row("untraced, all", &self.untraced, &columns) + "\n");
        for measured in &self.tools {
            table += &(measured.row(direction, &columns) + "\n");
        }
        table
    }

    /// They are of one page each, so that no line goes through them.
    fn touches(&self) -> String {
        let mut table = format!("\n{:NAME$}", "touch of a page");
        for touch in TOUCHES {
            write!(table, "{touch:>COLUMN$}").expect(INFALLIBLE);
        }
        let columns = TOUCHES.map(|touch| (touch, 1));
        table += &format!("\n{}\n", row("untraced, all", &self.untraced, &columns));
        for measured in &self.tools {
            table += &(row(&measured.tool.name(), &measured.extra, &columns) + "\n");
        }
        table
    }

    /// What opening and closing a phase takes.
    fn opened(&self) -> String {
        let columns = PHASES.map(|what| (what, 0));
        let mut table = format!("\n{:NAME$}", "phase");
        for what in PHASES {
            write!(table, "{what:>COLUMN$}").expect(INFALLIBLE);
        }
        table += &format!(
            "\n{}\n",
            row("untraced, all", &self.phases.untraced, &columns)
        );
        let empty = &self.phases.empty_uprobe;
        table += &format!("{}\n", row("empty uprobe", empty, &columns));
        table + &row("--phases", &self.phases.followed, &columns) + "\n"
    }

    fn verdicts(&self) -> String {
        let mut lines = String::new();
        for measured in &self.tools {
            let name = measured.tool.name();
            for bound in &measured.bounds {
                lines += &verdict(&name, bound);
            }
            if let (Some(known), [first, ..]) = (measured.known_fixed, &measured.fits[..]) {
                writeln!(
                    lines,
                    "{style}for comparison{style:#}  {name}: fixed {}; with another driver it was about {}",
                    decimal(first.fit.fixed),
                    count(known as i64),
                    style = Style::new().dimmed(),
                )
                .expect(INFALLIBLE);
            }
        }
        for bound in &self.waits {
            lines += &verdict("waits", bound);
        }
        for bound in &self.phases.bounds {
            lines += &verdict("phases", bound);
        }
        if lines.is_empty() {
            return lines;
        }
        format!("\n{lines}")
    }
}

impl Measured {
    fn row(&self, direction: &str, columns: &[Column<'_>]) -> String {
        let mut line = row(&self.tool.name(), &self.extra, columns);
        if let Some(line_of) = self.fits.iter().find(|fit| fit.what == direction) {
            let fixed = count(line_of.fit.fixed.round() as i64);
            let per_page = decimal(line_of.fit.per_page);
            write!(line, "{fixed:>COLUMN$}{per_page:>COLUMN$}").expect(INFALLIBLE);
        }
        line
    }
}

impl Figures {
    fn page(&self) -> String {
        let mut page = format!(
            "\n{:24}{:>14}{:>14}\n",
            "program", "verified", "JITed bytes"
        );
        for program in &self.programs {
            writeln!(
                page,
                "{:24}{:>14}{:>14}",
                program.name,
                count(program.verified_instructions as i64),
                count(program.jited_bytes as i64)
            )
            .expect(INFALLIBLE);
        }
        let storm = &self.storm;
        let ring = self.records_until_ring_full.map_or_else(
            || "was not full after the whole storm".to_owned(),
            |records| format!("is full after {} records", count(records as i64)),
        );
        let small = self.first_loss.as_ref().map_or_else(
            || "A small ring lost nothing at any rate".to_owned(),
            |first| {
                format!(
                    "A ring of {} bytes loses its first record at {} per second (found in steps of a tenth); one N times as large \
                     takes N times as many",
                    count(first.ring_bytes as i64),
                    count(first.records_per_second as i64)
                )
            },
        );
        writeln!(
            page,
            "\nKernel memory of programs and maps: {} bytes.\n\
             A storm on the only processor, which the recorder needs too: {} records per second, {} of {} lost.\n\
             The ring, with its recorder stopped: {ring}.\n\
             {small}.\n\
             The recorder's processor time, user and system, for a million records: {:.1} s.",
            count(self.memory_bytes as i64),
            count(storm.records_per_second as i64),
            count(storm.lost as i64),
            count(storm.migrations as i64),
            storm.cpu_seconds_per_million_records,
        )
        .expect(INFALLIBLE);
        page
    }
}

fn verdict(name: &str, bound: &Bound) -> String {
    let (style, word) = if bound.met {
        (AnsiColor::Green.on_default(), "met    ")
    } else {
        (AnsiColor::Red.on_default().bold(), "NOT MET")
    };
    format!(
        "{style}{word}{style:#}  {name}: {} {} of at most {}\n",
        bound.what.replace('_', " "),
        decimal(bound.measured),
        count(bound.at_most as i64)
    )
}

fn row(name: &str, costs: &[Instructions], columns: &[Column<'_>]) -> String {
    let mut line = format!("{name:NAME$}");
    for (what, pages) in columns {
        let cost = find(costs, what, *pages).map(|cost| count(cost.instructions));
        write!(line, "{:>COLUMN$}", cost.unwrap_or_default()).expect(INFALLIBLE);
    }
    line
}

/// With one decimal; what is left of nothing after rounding has no sign.
fn decimal(number: f64) -> String {
    let tenths = (number * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.abs();
    format!("{sign}{}.{}", count(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded() {
        assert_eq!(
            [2_970.96, -0.04, -3.55].map(decimal),
            ["2,971.0", "0.0", "-3.6"]
        );
    }

    #[test]
    fn a_column_is_of_one_kind_and_size() {
        let cost = |(what, pages, instructions): (&str, u32, i64)| Instructions {
            what: what.to_owned(),
            pages,
            calls: 10,
            instructions,
        };
        let costs = [("to_device", 1, 2_590), ("fault", 1, 3_400)].map(cost);
        let columns = [("to_device", 1), ("to_device", 8), ("fault", 1)];
        let expected = "migscope               2,590                   3,400";
        assert_eq!(row("migscope", &costs, &columns), expected);
    }

    #[test]
    fn a_verdict_says_what_was_measured_and_what_is_allowed() {
        let bound = |met| Bound {
            what: "a fault's two hooks",
            at_most: 900.0,
            measured: 901.0,
            met,
        };
        let met = verdict("waits", &bound(true));
        assert!(met.contains("waits: a fault's two hooks 901.0 of at most 900\n"));
        assert!(!met.contains("NOT MET") && verdict("waits", &bound(false)).contains("NOT MET"));
    }
}
