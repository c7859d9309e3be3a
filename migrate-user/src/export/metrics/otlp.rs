//! What an OpenTelemetry collector is sent: an `ExportMetricsServiceRequest`, cumulative, with
//! exponential histograms.
//!
//! Only the fields that are used are declared, with the numbers of the published protocol (version
//! 1).

use prost::Message;

use super::histogram::{Native, SCHEMA};
use super::{Definition, Family, Histogram as Values, Kind, Label, Metrics, Series, Value};

/// Sums since [`NumberDataPoint::start_time_unix_nano`].
const CUMULATIVE: i32 = 2;

/// The request. `now_unix_ns` is when the figures are told, nanoseconds since 1970.
pub fn encode(metrics: &Metrics<'_>, now_unix_ns: u64) -> Vec<u8> {
    let facts = metrics.model.facts();
    let time = Time {
        start: metrics.started_unix_ns().unwrap_or_default(),
        now: now_unix_ns,
    };
    let families = metrics.families();
    let scope = Scope {
        name: "migscope".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let resource = vec![
        attribute("service.name", "migscope"),
        attribute("host.name", &facts.host),
    ];
    let request = Request {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: resource,
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: families.iter().map(|family| time.metric(family)).collect(),
            }],
        }],
    };
    request.encode_to_vec()
}

/// What an answer says about data that was not taken.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    /// Absent if everything was taken.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// What was not taken.
#[derive(Clone, PartialEq, Message)]
pub struct PartialSuccess {
    /// How many data points.
    #[prost(int64, tag = "1")]
    pub rejected_data_points: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    sum: Option<Sum>,
    #[prost(message, optional, tag = "10")]
    exponential_histogram: Option<ExponentialHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<NumberDataPoint>,
}

#[derive(Clone, PartialEq, Message)]
struct Sum {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<NumberDataPoint>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ExponentialHistogram {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<HistogramDataPoint>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, Message)]
struct NumberDataPoint {
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    as_double: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct HistogramDataPoint {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    count: u64,
    #[prost(double, optional, tag = "5")]
    sum: Option<f64>,
    #[prost(sint32, tag = "6")]
    scale: i32,
    #[prost(fixed64, tag = "7")]
    zero_count: u64,
    #[prost(message, optional, tag = "8")]
    positive: Option<Buckets>,
}

/// Counts without a gap; the first is of values above 2^(offset/64) and up to 2^((offset+1)/64).
#[derive(Clone, PartialEq, Message)]
struct Buckets {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint64, repeated, tag = "2")]
    bucket_counts: Vec<u64>,
}

/// Nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Time {
    start: u64,
    now: u64,
}

impl Time {
    fn metric(self, Family { definition, series }: &Family<'_>) -> Metric {
        let mut metric = Metric {
            name: definition.name.to_owned(),
            description: definition.help.to_owned(),
            unit: unit(definition).to_owned(),
            ..Metric::default()
        };
        match definition.kind {
            Kind::Gauge => {
                metric.gauge = Some(Gauge {
                    data_points: self.numbers(series),
                });
            }
            Kind::Counter => {
                metric.sum = Some(Sum {
                    data_points: self.numbers(series),
                    aggregation_temporality: CUMULATIVE,
                    is_monotonic: true,
                });
            }
            Kind::Histogram(_) => {
                metric.exponential_histogram = Some(ExponentialHistogram {
                    data_points: self.histograms(series),
                    aggregation_temporality: CUMULATIVE,
                });
            }
        }
        metric
    }

    fn numbers(self, series: &[Series<'_>]) -> Vec<NumberDataPoint> {
        let point = |series: &Series<'_>| match &series.value {
            Value::Number(number) => Some(NumberDataPoint {
                start_time_unix_nano: self.start,
                time_unix_nano: self.now,
                as_double: Some(*number),
                attributes: attributes(&series.labels),
            }),
            Value::Histogram(_) => None,
        };
        series.iter().filter_map(point).collect()
    }

    fn histograms(self, series: &[Series<'_>]) -> Vec<HistogramDataPoint> {
        let point = |series: &Series<'_>| match &series.value {
            Value::Histogram(values) => Some(self.histogram(&series.labels, values)),
            Value::Number(_) => None,
        };
        series.iter().filter_map(point).collect()
    }

    fn histogram(self, labels: &[Label<'_>], values: &Values<'_>) -> HistogramDataPoint {
        let native = values.native();
        HistogramDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: values.count(),
            sum: Some(values.sum()),
            scale: SCHEMA,
            zero_count: native.zero,
            positive: buckets(&native),
        }
    }
}

/// Here a bucket is named after its lower bound.
fn buckets(native: &Native) -> Option<Buckets> {
    let (first, _) = native.buckets.first()?;
    let mut bucket_counts = Vec::new();
    for (index, count) in &native.buckets {
        // Ascending, and within 40 powers of two.
        bucket_counts.resize((index - first) as usize, 0);
        bucket_counts.push(*count);
    }
    Some(Buckets {
        offset: first - 1,
        bucket_counts,
    })
}

/// The unit as UCUM writes it; none for numbers of things. (`1` would be a ratio.)
fn unit(definition: &Definition) -> &'static str {
    match definition.unit {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

fn attributes(labels: &[Label<'_>]) -> Vec<KeyValue> {
    labels
        .iter()
        .map(|(name, value)| attribute(name, value))
        .collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            string_value: Some(value.to_owned()),
        }),
    }
}
