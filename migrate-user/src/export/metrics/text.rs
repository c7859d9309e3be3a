//! The text formats that a Prometheus server reads: its own (0.0.4) and OpenMetrics (1.0.0).

use std::fmt::Write as _;

use super::{Definition, Family, Histogram, Kind, Label, PerOctave, Series, Value};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// The text. Classic histograms only: neither format knows others.
pub fn encode(families: &[Family<'_>], dialect: Dialect, per_octave: PerOctave) -> String {
    let mut text = Text {
        text: String::new(),
        dialect,
        per_octave,
    };
    families.iter().for_each(|family| text.family(family));
    if dialect == Dialect::OpenMetrics {
        text.text += "# EOF\n";
    }
    text.text
}

struct Text {
    text: String,
    dialect: Dialect,
    per_octave: PerOctave,
}

impl Text {
    fn family(&mut self, Family { definition, series }: &Family<'_>) {
        self.head(definition);
        for Series { labels, value } in series {
            match (value, definition.kind) {
                (Value::Number(number), _) => {
                    self.sample(&definition.sample_name(), labels, None, *number);
                }
                (Value::Histogram(histogram), Kind::Histogram(octaves)) => {
                    let buckets = histogram.classic(octaves, self.per_octave);
                    self.histogram(definition.name, labels, histogram, &buckets);
                }
                (Value::Histogram(_), _) => {}
            }
        }
    }

    fn head(&mut self, definition: &Definition) {
        let name = match self.dialect {
            Dialect::Prometheus => definition.sample_name(),
            Dialect::OpenMetrics => definition.name.to_owned(),
        };
        let kind = match definition.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let help = definition.help;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        if let (Dialect::OpenMetrics, Some(unit)) = (self.dialect, definition.unit) {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: &[Label<'_>],
        histogram: &Histogram<'_>,
        buckets: &[(f64, u64)],
    ) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in buckets {
            let bound = self.bound(*bound);
            self.sample(&bucket, labels, Some(&bound), *count as f64);
        }
        let count = histogram.count() as f64;
        self.sample(&bucket, labels, Some("+Inf"), count);
        self.sample(&format!("{name}_sum"), labels, None, histogram.sum());
        self.sample(&format!("{name}_count"), labels, None, count);
    }

    /// A bucket's bound. It is part of a series' name, so it looks as Prometheus itself would print
    /// it.
    fn bound(&self, bound: f64) -> String {
        let text = number(bound);
        if self.dialect == Dialect::OpenMetrics && bound.fract() == 0.0 {
            text + ".0"
        } else {
            text
        }
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], bound: Option<&str>, value: f64) {
        self.text += name;
        let labels = labels.iter().map(|(name, value)| (*name, value.as_ref()));
        let labels = labels.chain(bound.map(|bound| ("le", bound)));
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        if !labels.is_empty() {
            self.text += &format!("{{{}}}", labels.join(","));
        }
        self.line(format_args!(" {}", number(value)));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{text}");
    }
}

/// A label's value between quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

/// A number as Go prints it (`%g`, shortest), because Prometheus does and compares labels as texts.
fn number(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_go_prints_them() {
        let cases = [
            (0.0, "0"),
            (1.031e-6, "1.031e-06"),
            (0.000_1, "0.0001"),
            (0.001_031, "0.001031"),
            (17.2, "17.2"),
            (123_456_789_012.0, "123456789012"),
            (1e21, "1e+21"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
