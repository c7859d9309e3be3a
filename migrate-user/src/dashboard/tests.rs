//! The picture at several sizes, and that every view tells the same numbers.

use migrate_ebpf::wire::Loss;

mod digits;
mod drawing;
mod known;
mod numbers;
pub(super) mod pictures;

use super::App;
use crate::dashboard::Settings;
use crate::figures;
use crate::insight::Thresholds;
use crate::model::Model;
use crate::report::Report;
use crate::trace::{Cause, Direction, Ending, Facts};
use migscope_testkit::{Synthetic, facts};

/// A dashboard of a source that cannot be read again.
fn app(facts: Facts) -> App {
    super::start("live", facts, Settings::default(), false)
}

fn empty() -> App {
    let mut app = app(facts());
    app.batch(Synthetic::new(1).batch(0));
    app
}

fn ordinary() -> App {
    let mut synthetic = Synthetic::new(1);
    let mut app = app(facts());
    (0..40).for_each(|_| app.batch(synthetic.batch(300)));
    app
}

/// With everything that can go wrong.
fn lossy() -> App {
    let mut synthetic = Synthetic::new(2);
    let mut facts = facts();
    facts.clocksource = Some("refined-jiffies".to_owned());
    facts.host = "a\x1b[31mhost".to_owned();
    let mut app = app(facts);
    synthetic.lose(Loss::RingFull as usize, 1234);
    synthetic.lose(Loss::Incomplete as usize, 5);
    let mut batch = synthetic.batch(2000);
    batch.migrations.make()[7].ledger.moved += 1;
    batch.migrations.make()[1999].direction = Direction::Unknown;
    batch.migrations.make()[1999].cause = Cause::Unknown;
    batch.migrations.make()[1998].comm = Some("a name too long \x07".into());
    let status = batch.status.as_mut().unwrap();
    status.losses[Loss::Headless as usize] = 3;
    app.batch(batch);
    app.end(Ending::Unfinished {
        whole_bytes: 4096,
        lost_bytes: 17,
    });
    app
}

/// With everything that can be asked for, one of ten recorded, and figures from the kernel.
fn sampled() -> App {
    let mut synthetic = Synthetic::new(3).with_totals().with_details();
    let mut facts = facts();
    facts.filter = Some("--pid 1200".to_owned());
    facts.record_every = 10;
    let mut app = app(facts);
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch
            .migrations
            .make()
            .retain(|m| m.sequence.is_multiple_of(10));
        app.batch(batch);
    }
    app
}

/// Only the kernel's totals.
fn totals_only() -> App {
    let mut synthetic = Synthetic::new(4).with_totals();
    let mut facts = facts();
    facts.record_every = 0;
    let mut app = app(facts);
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch.migrations.make().clear();
        app.batch(batch);
    }
    app
}

fn report<'a>(model: &'a Model, name: &'a str) -> Report<'a> {
    Report::new(model, name, &Thresholds::default())
}

#[test]
fn the_report_as_text() {
    insta::assert_snapshot!(
        "report_text",
        report(ordinary().shown(), "run.arrow").text(false)
    );
    insta::assert_snapshot!(
        "report_text_lossy",
        report(lossy().shown(), "run.arrow").text(false)
    );
    let sampled = sampled();
    insta::assert_snapshot!(
        "report_text_sampled",
        report(sampled.shown(), "x").text(false)
    );
    insta::assert_snapshot!(
        "report_text_empty",
        report(empty().shown(), "run.arrow").text(false)
    );
}

#[test]
fn the_report_as_json_has_the_models_numbers() {
    let app = ordinary();
    let model = app.shown();
    let json: serde_json::Value = serde_json::from_str(&report(model, "x").json()).unwrap();
    assert_eq!(json["migrations"], model.totals().migrations());
    assert_eq!(json["ledger"]["moved"], model.totals().ledger(None).moved);
    assert_eq!(
        json["steps"]["both"]["setup"]["count"],
        model.totals().migrations()
    );
    let p99 = figures::steps(model, Some(Direction::ToDevice))[2]
        .p99_ns
        .unwrap();
    assert_eq!(json["steps"]["to_device"]["pages"]["p99_ns"], p99);
    assert_eq!(json["lost"], 0);
    let empty: serde_json::Value =
        serde_json::from_str(&report(empty().shown(), "x").json()).unwrap();
    assert!(empty["steps"]["both"]["setup"]["p50_ns"].is_null());
}

#[test]
fn the_report_as_json_tells_totals_and_records_apart() {
    let app = sampled();
    let model = app.shown();
    let json: serde_json::Value = serde_json::from_str(&report(model, "x").json()).unwrap();
    let coverage = &json["coverage"];
    assert_eq!(coverage["filter"], "--pid 1200");
    assert_eq!(
        (&coverage["record_every"], &coverage["from"]),
        (&10.into(), &"kernel".into())
    );
    assert_eq!(coverage["left_out"], 3600);
    let sum = |of: &str| {
        let counts = json[of]["counts"].as_array().unwrap();
        counts
            .iter()
            .filter_map(|c| c["migrations"].as_u64())
            .sum::<u64>()
    };
    assert_eq!((sum("exact"), sum("records")), (4000, 400));
    assert_eq!(json["migrations"], 4000);
    let setup = |of: &str| {
        let figures = json[of]["figures"].as_array().unwrap();
        let setup = figures.iter().filter(|f| f["figure"] == "setup_ns");
        setup.filter_map(|f| f["count"].as_u64()).sum::<u64>()
    };
    assert_eq!((setup("exact"), setup("records")), (4000, 400));
    assert_eq!(json["parts"]["migrations"], 400);
    assert_eq!(json["parts"]["rmap_ns"], model.parts().sums_ns[2]);
    assert_eq!(
        json["off_cpu"]["setup"]["step_ns"],
        json["parts"]["setup_ns"]
    );
    assert_eq!(json["drivers"][0]["driver"], "migrate_test");
    let plain: serde_json::Value =
        serde_json::from_str(&report(ordinary().shown(), "x").json()).unwrap();
    for unknown in ["exact", "parts", "off_cpu"] {
        assert!(plain[unknown].is_null(), "{unknown}");
    }
}
