//! Comma-separated values: a line of names, then one per migration, with the names and in the order
//! of [`Json`](super::Json). Unknown is empty.

use std::io;

use super::line::Line;
use super::{Export, Out};
use crate::trace::{Batch, Facts};

/// Comma-separated values.
pub struct Csv;

impl Export for Csv {
    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()> {
        // Whoever reads it finds the names even where there is no migration.
        out.write_all(&names()?)?;
        let mut lines = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(out);
        for batch in batches {
            for migration in &batch.migrations {
                lines.serialize(Line::new(migration))?;
            }
            lines.flush()?;
        }
        lines.flush()
    }
}

/// The line of names.
fn names() -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.serialize(Line::default())?;
    let mut lines = lines
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    let end = lines.iter().position(|byte| *byte == b'\n');
    lines.truncate(end.map_or(0, |end| end + 1));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Json;
    use migscope_testkit::{Synthetic, facts};

    fn export(format: &dyn Export, batch: &Batch) -> Vec<u8> {
        let mut out = Vec::new();
        let mut batches = std::iter::once(batch.clone());
        format.export(&facts(), &mut batches, &mut out).unwrap();
        out
    }

    #[test]
    fn names_stand_there_without_a_migration() {
        let mut synthetic = Synthetic::new(1);
        let (none, one) = (synthetic.batch(0), synthetic.batch(1));
        let (none, one) = (export(&Csv, &none), export(&Csv, &one));
        let one = String::from_utf8(one).unwrap();
        let (names, _) = one.split_once('\n').unwrap();
        assert_eq!(String::from_utf8(none).unwrap(), format!("{names}\n"));
        assert!(names.starts_with("time_ns,pid,tid,comm,"));
    }

    #[test]
    fn says_what_json_says() {
        let mut synthetic = Synthetic::new(1).with_details();
        let mut batch = synthetic.batch(50);
        batch.migrations.make()[0].comm = Some("a,\"b\"\nc".into());
        let json = export(&Json, &batch);
        let csv = export(&Csv, &batch);
        let mut csv = csv::Reader::from_reader(&csv[..]);
        let names = csv.headers().unwrap().clone();
        let mut lines = 0;
        for (line, values) in String::from_utf8(json).unwrap().lines().zip(csv.records()) {
            let line: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(line).unwrap();
            assert_eq!(line.len(), names.len());
            for (name, value) in names.iter().zip(&values.unwrap()) {
                let expected = match &line[name] {
                    serde_json::Value::Null => String::new(),
                    serde_json::Value::String(text) => text.clone(),
                    number => number.to_string(),
                };
                assert_eq!(value, expected, "{name}");
            }
            lines += 1;
        }
        assert_eq!(lines, 50);
    }
}
