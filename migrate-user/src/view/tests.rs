//! The picture at several sizes, and that every view tells the same numbers.

use migrate_ebpf::wire::{LOSS_NAMES, Loss};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::report::Report;
use super::{Action, App, Theme, draw, figures};
use crate::insight::Thresholds;
use crate::model::{Direction, Model, Trigger};
use crate::source::{Ending, Status};
use crate::support::{Synthetic, facts};

/// The sizes of the snapshots, columns and lines.
const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (20, 5), (200, 60)];

fn empty() -> App {
    let mut app = App::new("live", Model::new(facts()));
    app.batch(Synthetic::new(1).batch(0));
    app
}

fn ordinary() -> App {
    let mut synthetic = Synthetic::new(1);
    let mut app = App::new("live", Model::new(facts()));
    (0..40).for_each(|_| app.batch(synthetic.batch(300)));
    app
}

/// With everything that can go wrong.
fn lossy() -> App {
    let mut synthetic = Synthetic::new(2);
    let mut facts = facts();
    facts.clocksource = Some("refined-jiffies".to_owned());
    facts.host = "a\x1b[31mhost".to_owned();
    let mut app = App::new("replay of run.arrow", Model::new(facts));
    synthetic.lose(Loss::RingFull as usize, 1234);
    synthetic.lose(Loss::Incomplete as usize, 5);
    let mut batch = synthetic.batch(2000);
    batch.migrations[7].ledger.moved += 1;
    batch.migrations[1999].direction = Direction::Unknown;
    batch.migrations[1999].trigger = Trigger::Unknown;
    batch.migrations[1998].comm = "a name too long \x07".into();
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
    let mut app = App::new("live", Model::new(facts));
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch.migrations.retain(|m| m.sequence.is_multiple_of(10));
        app.batch(batch);
    }
    app
}

/// Only the kernel's totals.
fn totals_only() -> App {
    let mut synthetic = Synthetic::new(4).with_totals();
    let mut facts = facts();
    facts.record_every = 0;
    let mut app = App::new("live", Model::new(facts));
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch.migrations.clear();
        app.batch(batch);
    }
    app
}

fn picture(app: &App, theme: Theme, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(app, theme, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn report<'a>(model: &'a Model, name: &'a str) -> Report<'a> {
    Report::new(model, name, &Thresholds::default())
}

fn snapshots(name: &str, app: &App) {
    for size in SIZES {
        let picture = text(&picture(app, Theme::new(true), size));
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture);
    }
}

#[test]
fn nothing_yet() {
    snapshots("empty", &empty());
}

#[test]
fn an_ordinary_run() {
    snapshots("ordinary", &ordinary());
}

#[test]
fn losses_and_trouble() {
    snapshots("lossy", &lossy());
}

#[test]
fn a_sample_with_everything_and_totals_only() {
    snapshots("sampled", &sampled());
    snapshots("totals_only", &totals_only());
}

#[test]
fn the_help() {
    let mut app = ordinary();
    app.act(Action::Help);
    let picture = text(&picture(&app, Theme::new(true), (80, 30)));
    insta::assert_snapshot!("help_80x30", picture);
}

#[test]
fn draws_at_any_size() {
    let mut help = ordinary();
    help.act(Action::Help);
    let apps = [empty(), ordinary(), lossy(), help, sampled(), totals_only()];
    let small = (0..24).flat_map(|height| (0..30).map(move |width| (width, height)));
    let large = (5..=100)
        .step_by(9)
        .flat_map(|height| (20..=400).step_by(17).map(move |width| (width, height)));
    for (at, size) in small.chain(large).enumerate() {
        picture(&apps[at % apps.len()], Theme::new(true), size);
    }
    for app in &apps {
        picture(app, Theme::new(true), (400, 100));
    }
}

/// What only bad input can hold must not end the program.
#[test]
fn absurd_numbers_are_drawn_too() {
    let mut app = ordinary();
    let mut batch = Synthetic::new(3).batch(20);
    for (at, migration) in batch.migrations.iter_mut().enumerate() {
        migration.time_ns = if at % 2 == 0 { u64::MAX } else { 0 };
        migration.ledger.moved = u64::MAX;
        migration.ledger.requested = u64::MAX;
        migration.steps = [Some(u64::MAX); 5];
        migration.probe = [u64::MAX; 3];
    }
    batch.status = Some(Status {
        time_ns: u64::MAX,
        ended: u64::MAX,
        losses: [u64::MAX; LOSS_NAMES.len()],
        exact: None,
    });
    app.batch(batch);
    app.batch(Synthetic::new(4).batch(20));
    for size in SIZES {
        picture(&app, Theme::new(true), size);
    }
    assert!(
        report(app.shown(), "x")
            .text(false)
            .contains("18,446,744,073,709,551,615")
    );
    assert!(
        report(app.shown(), "x")
            .json()
            .contains("18446744073709551615")
    );
    app.act(Action::Reset);
    picture(&app, Theme::new(true), SIZES[0]);
}

#[test]
fn without_colour_it_says_the_same() {
    for app in [empty(), ordinary(), lossy(), sampled(), totals_only()] {
        for size in SIZES {
            let plain = picture(&app, Theme::new(false), size);
            assert_eq!(text(&plain), text(&picture(&app, Theme::new(true), size)));
            let coloured = plain
                .content
                .iter()
                .any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
            assert!(!coloured, "{size:?}");
        }
    }
}

#[test]
fn losses_are_always_in_sight() {
    let ended = |mut app: App| {
        app.end(Ending::Complete);
        app
    };
    for (app, lost) in [
        (ended(empty()), "0 lost"),
        (ordinary(), "0 lost"),
        (lossy(), "1,239 lost"),
    ] {
        for (width, height) in [(20, 1), (20, 5), (80, 24), (400, 100)] {
            let screen = text(&picture(&app, Theme::new(true), (width, height)));
            assert!(
                screen.contains(lost),
                "{lost} at {width}x{height}:\n{screen}"
            );
        }
    }
}

/// The words of a line, with runs of blanks as one.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn dashboard_and_report_show_the_same_numbers() {
    let app = ordinary();
    let page = report(app.shown(), "x").text(false);
    let screen = text(&picture(&app, Theme::new(true), (120, 60)));
    let page_lines: Vec<String> = page.lines().map(words).collect();
    let screen = words(&screen);
    for figure in figures::steps(app.shown(), None) {
        // The last was not asked for.
        let cells = &figure.cells()[..6];
        let line = format!("{} {}", figure.step.name(), cells.join(" "));
        assert!(screen.contains(&line), "{line} on screen");
        // The report has one quantile more.
        let ends = (
            format!("{} {} ", figure.step.name(), cells[..4].join(" ")),
            format!(" {}", cells[4..].join(" ")),
        );
        let has = |line: &String| line.starts_with(&ends.0) && line.ends_with(&ends.1);
        assert!(page_lines.iter().any(has), "{ends:?} in\n{page}");
    }
    for figure in figures::ledger(app.shown())
        .iter()
        .filter(|figure| figure.pages > 0)
    {
        let (pages, share) = (
            crate::text::count(figure.pages),
            crate::text::percent(figure.share),
        );
        let name = figure.row.name();
        assert!(
            page_lines.contains(&format!("{name} {pages} {share}")),
            "{name} in\n{page}"
        );
        assert!(
            screen.contains(&format!("{name} {share} {pages}")),
            "{name} on screen"
        );
    }
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
