//! What the encoders write, read back by somebody else's rules.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, metric, number_data_point,
};
use prost::Message as _;

use super::text::Dialect;
use super::{ALL, Constant, Kind, Metrics, PerOctave, Times, Tops, Value, otlp, text};
use crate::model::Model;
use crate::trace::{Batch, Details, Exact, Facts, WaitKind, ledger, ledger::Row};
use migscope_testkit::{Synthetic, facts};

/// A run with records and totals, of which something was lost.
fn model() -> Model {
    let mut synthetic = Synthetic::new(3).with_totals();
    let mut model = Model::new(facts());
    model.apply(synthetic.batch(2000));
    synthetic.lose(0, 7);
    model.apply(synthetic.batch(2000));
    model
}

fn metrics(model: &Model) -> Metrics<'_> {
    Metrics {
        model,
        running: true,
        processes: 2,
        tops: None,
        constants: &[],
        times: Times::recorded(model.facts()),
    }
}

fn exact(model: &Model) -> &Exact {
    model.exact().unwrap()
}

/// Samples by name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series, value.parse().unwrap())
        })
        .collect()
}

fn sum_of(samples: &BTreeMap<&str, f64>, name: &str, label: &str) -> f64 {
    let matching = samples
        .iter()
        .filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(label));
    matching.map(|(_, value)| value).sum()
}

fn prometheus(model: &Model) -> String {
    text::encode(
        &metrics(model).families(),
        Dialect::Prometheus,
        PerOctave::default(),
    )
}

#[test]
fn counters_are_the_models_totals() {
    let model = model();
    let text = prometheus(&model);
    let samples = samples(&text);
    let ledger = exact(&model).ledger(None);
    assert_eq!(
        sum_of(&samples, "migscope_migrations_total", ""),
        exact(&model).migrations() as f64
    );
    assert_eq!(
        sum_of(&samples, "migscope_pages_total", ""),
        ledger.requested as f64
    );
    for row in Row::ALL {
        let label = format!("ledger=\"{}\"", row.name());
        let pages = row.of(&ledger) as f64;
        assert_eq!(
            sum_of(&samples, "migscope_pages_total", &label),
            pages,
            "{label}"
        );
    }
    let page = model.facts().page_size;
    for (name, pages) in [
        ("migscope_migrated_bytes_total", ledger::arrived(&ledger)),
        ("migscope_wasted_copy_bytes_total", ledger.wasted_copy),
    ] {
        assert_eq!(sum_of(&samples, name, ""), (pages * page) as f64, "{name}");
    }
    assert_eq!(
        sum_of(&samples, "migscope_skipped_pages_total", ""),
        ledger.skipped as f64
    );
    assert_eq!(
        samples["migscope_records_lost_total{reason=\"ring_full\"}"],
        7.0
    );
    assert_eq!(samples["migscope_migrations_ended_total"], 4007.0);
    assert_eq!(samples["migscope_oldest_in_flight_seconds"], 0.0);
    assert_eq!(samples["migscope_source_up"], 1.0);
    for name in [
        "migscope_driver_migrations_total",
        "migscope_driver_seconds_total",
    ] {
        let of_drivers = sum_of(&samples, name, "");
        let drivers = model.drivers().sorted().into_iter();
        let expected: f64 = drivers
            .map(|driver| match name.contains("seconds") {
                true => driver.sums.time_ns as f64 / 1e9,
                false => driver.sums.migrations as f64,
            })
            .sum();
        assert!((of_drivers - expected).abs() < 1e-6, "{name}: {of_drivers}");
    }
    let processes = samples
        .keys()
        .filter(|name| name.starts_with("migscope_process_migrations"));
    assert_eq!(processes.count(), 2, "those that were asked for, of three");
}

#[test]
fn classic_buckets_count_exactly_what_is_not_above_their_bound() {
    let model = model();
    for per_octave in ["1", "2", "64"] {
        let per_octave = per_octave.parse().unwrap();
        for family in metrics(&model).families() {
            let Kind::Histogram(octaves) = family.definition.kind else {
                continue;
            };
            for series in &family.series {
                let Value::Histogram(histogram) = &series.value else {
                    panic!("{} is no histogram", family.definition.name)
                };
                let buckets = histogram.classic(octaves, per_octave);
                assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
                assert!(buckets.last().unwrap().1 <= histogram.count());
            }
        }
    }
}

#[test]
fn bounds_are_the_last_values_of_the_kernels_places() {
    let mut values = crate::trace::Values::default();
    for value in [
        0,
        1,
        255,
        256,
        257,
        258,
        1023,
        1024,
        1031,
        1032,
        u64::MAX >> 1,
    ] {
        values.record(value);
    }
    let histogram = super::Histogram::of_numbers(&values, 0);
    let Kind::Histogram(octaves) = super::definition::MIGRATION_PAGES.kind else {
        panic!("it is a histogram")
    };
    let buckets = histogram.classic(octaves, "1".parse().unwrap());
    let at = |bound: f64| buckets.iter().find(|bucket| bucket.0 == bound).unwrap().1;
    assert_eq!(at(1.0), 2);
    assert_eq!(at(257.0), 5, "256 and 257 share a place");
    assert_eq!(at(1031.0), 9);
    assert_eq!(
        buckets.last().unwrap(),
        &(528_383.0, 10),
        "the rest is above every bound"
    );
    assert_eq!(histogram.count(), 11);
}

#[test]
fn native_buckets_hold_everything_close_to_where_it_is() {
    let mut values = crate::trace::Values::default();
    let numbers = (0..30).flat_map(|shift| [1_u64 << shift, (1 << shift) + (1 << shift) / 3]);
    for number in numbers.clone() {
        values.record(number);
    }
    let native = super::Histogram::of_numbers(&values, 0).native();
    let counted: u64 = native.buckets.iter().map(|(_, count)| count).sum();
    assert_eq!(counted + native.zero, numbers.clone().count() as u64);
    for number in numbers {
        let near = native.buckets.iter().any(|(index, _)| {
            let upper = 2_f64.powf(f64::from(*index) / 64.0);
            let (low, high) = (upper / 1.0109 / 1.008, upper * 1.008);
            (low..=high).contains(&(number as f64))
        });
        assert!(near, "{number}");
    }
    assert!(native.buckets.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn both_dialects_say_the_same() {
    let model = model();
    let families = metrics(&model).families();
    let open = text::encode(&families, Dialect::OpenMetrics, PerOctave::default());
    assert!(open.ends_with("\n# EOF\n"));
    assert!(
        open.contains("# TYPE migscope_pages counter\n"),
        "without the suffix"
    );
    assert!(open.contains("# UNIT migscope_step_duration_seconds seconds\n"));
    let text = prometheus(&model);
    assert!(text.contains("# TYPE migscope_pages_total counter\n"));
    let (open, text) = (samples(&open), samples(&text));
    assert_eq!(open.len(), text.len());
    for name in ["migscope_pages_total", "migscope_migration_pages_bucket"] {
        assert_eq!(sum_of(&open, name, ""), sum_of(&text, name, ""), "{name}");
    }
}

#[test]
fn labels_are_escaped() {
    let mut facts = facts();
    facts.host = "a\"b\\c\nd".to_owned();
    let text = prometheus(&Model::new(facts));
    assert!(text.contains(r#"host="a\"b\\c\nd","#), "{text}");
}

#[test]
fn constants_are_on_every_series_in_every_format() {
    let model = model();
    let constants = ["node=gpu\"1", "rack=7"].map(|text| text.parse().unwrap());
    let metrics = Metrics {
        constants: &constants,
        ..metrics(&model)
    };
    let text = text::encode(
        &metrics.families(),
        Dialect::Prometheus,
        PerOctave::default(),
    );
    for series in samples(&text).keys() {
        assert!(series.contains("node=\"gpu\\\"1\",rack=\"7\""), "{series}");
    }
    let request = otlp::encode(&metrics, 77);
    let request = ExportMetricsServiceRequest::decode(&*request).unwrap();
    let sent = &request.resource_metrics[0].scope_metrics[0].metrics;
    let points = sent.iter().filter_map(|metric| match &metric.data {
        Some(metric::Data::Sum(sum)) => Some(&sum.data_points),
        _ => None,
    });
    for point in points.flatten() {
        assert!(point.attributes.iter().any(|label| label.key == "rack"));
    }
}

#[test]
fn processes_in_a_pod_have_its_uid() {
    let uid = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    let id = "0123456789abcdef".repeat(4);
    let mut migration = Synthetic::new(1).migration();
    migration.pid = Some(7);
    migration.comm = Some("train".into());
    migration.cgroup = Some(format!("/kubepods/burstable/pod{uid}/{id}").into());
    let mut model = Model::new(facts());
    model.apply(Batch {
        migrations: vec![migration].into(),
        waits: Vec::new(),
        status: None,
    });
    let text = prometheus(&model);
    let labels = format!(r#"{{pid="7",comm="train",pod_uid="{uid}",container_id="{id}"}} 1"#);
    let line = format!("migscope_process_migrations_total{labels}");
    assert!(text.lines().any(|found| found == line), "{text}");
}

#[test]
fn names_follow_the_rules_and_nothing_is_exported_that_is_not_defined() {
    for definition in ALL {
        assert!(
            definition.name.starts_with("migscope_"),
            "{}",
            definition.name
        );
        assert!(definition.help.ends_with('.'), "{}", definition.name);
        if let Some(unit) = definition.unit {
            assert!(definition.name.ends_with(unit), "{}", definition.name);
        }
    }
    let mut facts = facts();
    facts.details = Details::ALL;
    let mut model = Model::new(facts);
    let mut synthetic = Synthetic::new(3).with_totals().with_waits();
    synthetic.lose(0, 7);
    model.apply(synthetic.batch(2000));
    let mut tops = Tops::new(2, 2);
    tops.look(&model);
    let metrics = Metrics {
        tops: Some(&tops),
        ..metrics(&model)
    };
    let families = metrics.families();
    let names: Vec<_> = families
        .iter()
        .map(|family| family.definition.name)
        .collect();
    let all: Vec<_> = ALL.iter().map(|definition| definition.name).collect();
    assert_eq!(names, all, "all of them occur here");
    let series = families.iter().flat_map(|family| &family.series);
    for (label, _) in series.flat_map(|series| &series.labels) {
        let constant: Result<Constant, _> = format!("{label}=x").parse();
        assert!(constant.is_err(), "a constant could be called {label}, too");
    }
}

#[test]
fn opentelemetry_reads_the_same_numbers() {
    let model = model();
    let request = otlp::encode(&metrics(&model), 77);
    let request = ExportMetricsServiceRequest::decode(&*request).unwrap();
    let [resource] = &request.resource_metrics[..] else {
        panic!("there is one resource")
    };
    let sent = &resource.scope_metrics[0].metrics;
    let find = |name: &str| -> &Metric { sent.iter().find(|metric| metric.name == name).unwrap() };

    let Some(metric::Data::Sum(pages)) = &find("migscope_pages").data else {
        panic!("pages are a sum")
    };
    assert!(pages.is_monotonic);
    assert_eq!(
        pages.aggregation_temporality(),
        AggregationTemporality::Cumulative
    );
    let values = pages.data_points.iter().map(|point| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        values.sum::<f64>(),
        exact(&model).ledger(None).requested as f64
    );
    assert_eq!(
        pages.data_points[0].start_time_unix_nano,
        facts().started_unix_ns.unwrap()
    );
    assert_eq!(pages.data_points[0].time_unix_nano, 77);

    let duration = find("migscope_migration_duration_seconds");
    assert_eq!(duration.unit, "s");
    let Some(metric::Data::ExponentialHistogram(duration)) = &duration.data else {
        panic!("durations are a histogram")
    };
    let figures = exact(&model).figures.iter();
    let figures = figures.filter(|figure| figure.figure == migrate_ebpf::wire::Figure::Total);
    for (point, figure) in duration.data_points.iter().zip(figures) {
        let buckets = point.positive.as_ref().unwrap();
        assert_eq!(point.count, figure.values.len());
        assert_eq!(
            buckets.bucket_counts.iter().sum::<u64>() + point.zero_count,
            point.count
        );
        let middle = figure.values.histogram().value_at_quantile(0.5) as f64 / 1e9;
        let mut left = point.count.div_ceil(2);
        let bucket = buckets.bucket_counts.iter().position(|count| {
            let found = left <= *count;
            left = left.saturating_sub(*count);
            found
        });
        let lower = f64::from(buckets.offset) + bucket.unwrap() as f64;
        let lower = 2_f64.powf(lower / 64.0);
        assert!(
            (lower / 1.01..lower * 1.02).contains(&middle),
            "{middle} above {lower}"
        );
    }
    assert_eq!(resource.resource.as_ref().unwrap().attributes.len(), 2);
}

/// Whatever has a series of its own, all series together are all that there was.
#[test]
fn phases_and_mappings_add_up_with_the_rest() {
    let details = Details::ALL;
    let mut model = Model::new(Facts { details, ..facts() });
    let mut synthetic = Synthetic::new(3).with_totals().with_details().with_waits();
    let mut tops = Tops::new(1, 2);
    for _ in 0..5 {
        model.apply(synthetic.batch(400));
        tops.look(&model);
    }
    let metrics = Metrics {
        tops: Some(&tops),
        ..metrics(&model)
    };
    let text = text::encode(
        &metrics.families(),
        Dialect::Prometheus,
        PerOctave::default(),
    );
    let samples = samples(&text);
    let sum = |name: &str, label: &str| sum_of(&samples, name, label);
    for of in ["phase", "mapping"] {
        assert_eq!(sum(&format!("migscope_{of}_migrations_total"), ""), 2000.0);
        let pages = format!("migscope_{of}_pages_total");
        let moved = exact(&model).ledger(None).moved as f64;
        assert_eq!(sum(&pages, "ledger=\"moved\""), moved, "{of}");
    }
    // Of the two that have names, one has a series.
    let of = |which: &str| {
        sum(
            "migscope_phase_migrations_total",
            &format!("which=\"{which}\""),
        )
    };
    assert_eq!([of("none"), of("unknown")], [500.0; 2]);
    assert_eq!(of("named") + of("other"), 1000.0);
    let lists = |name: &str, which: &str| {
        let label = format!("which=\"{which}\"");
        let series = samples.keys().filter(|series| series.starts_with(name));
        series.filter(|series| series.contains(&label)).count()
    };
    for which in ["named", "other", "none", "unknown"] {
        assert_eq!(lists("migscope_phase_migrations", which), 1, "{which}");
    }
    assert_eq!(lists("migscope_mapping_seconds", "named"), 2);
    let faults = model.waits().totals().of_kind(WaitKind::Fault) as f64;
    assert_eq!(sum("migscope_phase_waits_total", "kind=\"fault\""), faults);
}
