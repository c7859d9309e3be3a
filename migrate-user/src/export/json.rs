//! One JSON object per line and migration. Unknown is `null`.

use std::io;

use super::line::Line;
use super::{Export, Out};
use crate::trace::{Batch, Facts};

/// JSON lines, with the names that all of migscope uses.
pub struct Json;

impl Export for Json {
    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()> {
        for batch in batches {
            for migration in &batch.migrations {
                serde_json::to_writer(&mut *out, &Line::new(migration))?;
                out.write_all(b"\n")?;
            }
            // Whoever watches waits for no more.
            out.flush()?;
        }
        Ok(())
    }
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
        Json.export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
