//! Comma-separated values: a line of names, then one per migration or wait, with the names and in
//! the order of [`Json`](super::Json). Unknown is empty.

use std::io;
use std::slice;

use serde::Serialize;

use super::line::Line;
use super::{Event, Export, Notes, Out, wait};
use crate::trace::{Batch, Facts};

/// Comma-separated values.
pub struct Csv(pub Event);

impl Export for Csv {
    fn events(&self) -> &[Event] {
        slice::from_ref(&self.0)
    }

    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        // Whoever reads it finds the names even where there is no line.
        out.write_all(&match self.0 {
            Event::Migration => names(Line::default())?,
            Event::Wait => names(wait::Line::default())?,
        })?;
        let mut lines = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(out);
        for batch in batches {
            match self.0 {
                Event::Migration => {
                    let migrations = batch.migrations.made().iter();
                    migrations
                        .map(Line::new)
                        .try_for_each(|line| lines.serialize(line))?;
                }
                Event::Wait => {
                    let waits = batch.waits.iter();
                    waits
                        .map(wait::Line::new)
                        .try_for_each(|line| lines.serialize(line))?;
                }
            }
            lines.flush()?;
        }
        lines.flush()?;
        Ok(Notes::new())
    }
}

/// The line of names.
fn names(line: impl Serialize) -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.serialize(line)?;
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
        let csv = Csv(Event::Migration);
        let (none, one) = (export(&csv, &none), export(&csv, &one));
        let one = String::from_utf8(one).unwrap();
        let (names, _) = one.split_once('\n').unwrap();
        assert_eq!(String::from_utf8(none).unwrap(), format!("{names}\n"));
        assert!(names.starts_with("time_ns,pid,tid,comm,"));
    }

    #[test]
    fn says_what_json_says() {
        let mut synthetic = Synthetic::new(1).with_details().with_waits();
        let mut batch = synthetic.batch(50);
        batch.migrations.make()[0].comm = Some("a,\"b\"\nc".into());
        batch.waits[0].comm = Some("a,\"b\"\nc".into());
        for (event, expected) in [(Event::Migration, 50), (Event::Wait, batch.waits.len())] {
            let json = export(&Json(event), &batch);
            let csv = export(&Csv(event), &batch);
            assert_eq!(same_lines(&json, &csv), expected);
        }
    }

    /// How many lines there are in both.
    fn same_lines(json: &[u8], csv: &[u8]) -> usize {
        let mut csv = csv::Reader::from_reader(csv);
        let names = csv.headers().unwrap().clone();
        let json: Vec<serde_json::Map<String, serde_json::Value>> = str::from_utf8(json)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let records: Vec<_> = csv.records().map(Result::unwrap).collect();
        assert_eq!(json.len(), records.len());
        for (line, values) in json.iter().zip(&records) {
            assert_eq!(line.len(), names.len());
            for (name, value) in names.iter().zip(values) {
                let expected = match &line[name] {
                    serde_json::Value::Null => String::new(),
                    serde_json::Value::String(text) => text.clone(),
                    number => number.to_string(),
                };
                assert_eq!(value, expected, "{name}");
            }
        }
        json.len()
    }
}
