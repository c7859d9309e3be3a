//! The format with native histograms: `io.prometheus.client.MetricFamily` messages, each after its
//! length.
//!
//! Only the fields that are used are declared, with the numbers of the published `metrics.proto`.

use prost::Message;

use super::histogram::{Native, SCHEMA};
use super::{Definition, Kind, Metrics, PerOctave, Series, Value};

/// What is not above this counts as 0. Only 0 itself does: the smallest other value is a
/// nanosecond. 2^-128, as in Prometheus's own libraries, so that histograms of different programs
/// add up.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// The messages: every histogram is a classic one and a native one.
pub fn encode(metrics: &Metrics<'_>, per_octave: PerOctave) -> Vec<u8> {
    let created = metrics.started_unix_ns().map(Timestamp::new);
    let mut bytes = Vec::new();
    for family in metrics.families() {
        let definition = family.definition;
        let metric = |series| Metric::new(&definition, series, per_octave, created);
        let message = MetricFamily {
            name: Some(definition.sample_name()),
            help: Some(definition.help.to_owned()),
            r#type: Some(kind(definition.kind)),
            metric: family.series.iter().map(metric).collect(),
            unit: definition.unit.map(str::to_owned),
        };
        // A vector has room for every message.
        let _ = message.encode_length_delimited(&mut bytes);
    }
    bytes
}

fn kind(kind: Kind) -> i32 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram(_) => 4,
    }
}

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    unit: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Counter>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Counter {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<Span>,
    /// Each is the difference to the one before.
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

/// Buckets without a gap.
#[derive(Clone, Copy, PartialEq, Message)]
struct Span {
    /// The first one's index; after the first span, the gap before it.
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Timestamp {
    fn new(unix_ns: u64) -> Self {
        Self {
            seconds: (unix_ns / 1_000_000_000) as i64,
            nanos: (unix_ns % 1_000_000_000) as i32,
        }
    }
}

impl Metric {
    fn new(
        definition: &Definition,
        series: &Series<'_>,
        per_octave: PerOctave,
        created: Option<Timestamp>,
    ) -> Self {
        let label = series.labels.iter().map(|(name, value)| LabelPair {
            name: Some((*name).to_owned()),
            value: Some(value.clone().into_owned()),
        });
        let mut metric = Self {
            label: label.collect(),
            ..Self::default()
        };
        match (&series.value, definition.kind) {
            (Value::Number(number), Kind::Counter) => {
                metric.counter = Some(Counter {
                    value: Some(*number),
                    created_timestamp: created,
                });
            }
            (Value::Number(number), _) => {
                metric.gauge = Some(Gauge {
                    value: Some(*number),
                })
            }
            (Value::Histogram(histogram), Kind::Histogram(octaves)) => {
                let mut message = Histogram::native(&histogram.native());
                message.sample_count = Some(histogram.count());
                message.sample_sum = Some(histogram.sum());
                message.bucket = classic(histogram.classic(octaves, per_octave));
                message.created_timestamp = created;
                metric.histogram = Some(message);
            }
            (Value::Histogram(_), _) => {}
        }
        metric
    }
}

/// The last bucket, of everything, is the count and needs no message.
fn classic(buckets: Vec<(f64, u64)>) -> Vec<Bucket> {
    let bucket = |(bound, count)| Bucket {
        cumulative_count: Some(count),
        upper_bound: Some(bound),
    };
    buckets.into_iter().map(bucket).collect()
}

impl Histogram {
    fn native(native: &Native) -> Self {
        let mut message = Self {
            schema: Some(SCHEMA),
            zero_threshold: Some(ZERO_THRESHOLD),
            zero_count: Some(native.zero),
            ..Self::default()
        };
        let (mut next, mut before) = (0, 0);
        for &(index, count) in &native.buckets {
            match message.positive_span.last_mut() {
                Some(span) if index == next => span.length = span.length.map(|length| length + 1),
                _ => message.positive_span.push(Span {
                    offset: Some(index - next),
                    length: Some(1),
                }),
            }
            // Counts of nanoseconds' worth of migrations stay far below 2^63.
            message.positive_delta.push(count as i64 - before);
            (next, before) = (index + 1, count as i64);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_differences_are_the_buckets() {
        let native = Native {
            zero: 3,
            buckets: vec![(-7, 10), (-6, 4), (0, 9), (1, 1), (5, 2)],
        };
        let message = Histogram::native(&native);
        let mut deltas = message.positive_delta.iter();
        let (mut index, mut count, mut buckets) = (0, 0, Vec::new());
        for span in &message.positive_span {
            index += span.offset();
            for _ in 0..span.length() {
                count += deltas.next().unwrap();
                buckets.push((index, count as u64));
                index += 1;
            }
        }
        assert_eq!(buckets, native.buckets);
        assert_eq!(deltas.next(), None);
        assert_eq!(message.zero_count, Some(3));
    }

    #[test]
    fn without_a_gap_before_index_0_there_is_a_span_all_the_same() {
        let native = Native {
            zero: 0,
            buckets: vec![(0, 2)],
        };
        let [span] = Histogram::native(&native).positive_span[..] else {
            panic!("there is one span")
        };
        assert_eq!((span.offset, span.length), (Some(0), Some(1)));
    }
}
