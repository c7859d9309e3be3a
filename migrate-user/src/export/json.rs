//! One JSON object per line and migration, or wait. Unknown is `null`.

use std::io;
use std::slice;

use serde::Serialize;

use super::line::Line;
use super::{Event, Export, Notes, Out, wait};
use crate::text::harmless_json;
use crate::trace::{Batch, Facts};

/// JSON lines, with the names that all of migscope uses.
pub struct Json(pub Event);

impl Export for Json {
    fn events(&self) -> &[Event] {
        slice::from_ref(&self.0)
    }

    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        for batch in batches {
            match self.0 {
                Event::Migration => lines(batch.migrations.made(), Line::new, out)?,
                Event::Wait => lines(&batch.waits, wait::Line::new, out)?,
            }
            // Whoever watches waits for no more.
            out.flush()?;
        }
        Ok(Notes::new())
    }
}

/// A line of each.
fn lines<'a, T, L: Serialize>(all: &'a [T], line: fn(&'a T) -> L, out: Out<'_>) -> io::Result<()> {
    for one in all {
        let line = serde_json::to_string(&line(one))?;
        writeln!(out, "{}", harmless_json(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::{Synthetic, facts};

    #[test]
    fn lines_with_the_documented_names_in_their_order() {
        let mut migration = Synthetic::new(1).migration();
        migration.comm = Some("a \"b\"\n\x1b".into());
        migration.cgroup = None;
        migration.direction = crate::trace::Direction::Unknown;
        let detailed = Synthetic::new(1).with_details().migration();
        let batch = Batch {
            migrations: vec![migration, detailed].into(),
            waits: Vec::new(),
            status: None,
        };
        let mut out = Vec::new();
        Json(Event::Migration)
            .export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn lines_of_waits_and_of_nothing_else() {
        let mut batch = Synthetic::new(2).with_details().with_waits().batch(30);
        batch.waits.truncate(3);
        let mut out = Vec::new();
        Json(Event::Wait)
            .export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
