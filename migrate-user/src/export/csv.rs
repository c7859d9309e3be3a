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
        let mut lines = csv::Writer::from_writer(out);
        for batch in batches {
            for migration in &batch.migrations {
                lines.serialize(Line::new(migration))?;
            }
            lines.flush()?;
        }
        lines.flush()
    }
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
