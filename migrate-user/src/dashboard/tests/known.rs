//! What is not known is not said, and what is of some is not said of all.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::{Action, App, Tab};
use super::pictures::{picture, text};
use super::{app, lossy, ordinary, sampled, totals_only};
use crate::text::{bytes, count};
use crate::trace::{Ending, Outcome};
use migscope_testkit::{Synthetic, facts};

fn screen(app: &mut App, tab: Tab, size: (u16, u16)) -> String {
    app.act(Action::Show(tab));
    text(&picture(app, size))
}

/// The words of a picture, one blank between them.
fn words(app: &mut App, tab: Tab) -> String {
    let screen = screen(app, tab, (200, 60));
    screen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn without_records_nothing_is_said_of_single_pages() {
    let mut app = totals_only();
    let pages = words(&mut app, Tab::Pages);
    assert!(pages.contains("Ping-pong unknown without records Records are off"));
    assert!(!pages.contains("0 pages came back") && !pages.contains("Nothing came back"));
    assert!(pages.contains("copied or made in vain") && !pages.contains("0 ns of the steps"));
}

#[test]
fn the_time_of_wasted_pages_is_that_of_the_recorded_ones() {
    // The same migrations again, of which every tenth was recorded.
    let mut synthetic = Synthetic::new(3).with_totals().with_details();
    let (mut all, mut recorded) = (0, 0);
    for _ in 0..4000 {
        let migration = synthetic.migration();
        let wasted = migration.ledger.wasted_copy + migration.ledger.wasted_fill;
        all += wasted;
        recorded += wasted * u64::from(migration.sequence.is_multiple_of(10));
    }
    let pages = words(&mut sampled(), Tab::Pages);
    let said = format!(
        "Wasted: {} copied or made in vain; of {} recorded pages, about",
        bytes(all as f64 * 4096.0),
        count(recorded)
    );
    assert!(pages.contains(&said), "{said} on\n{pages}");
    assert!(words(&mut ordinary(), Tab::Pages).contains("in vain, about"));
}

#[test]
fn a_filter_that_nothing_can_answer_is_unknown_and_lets_not_nothing_through() {
    let mut app = totals_only();
    app.begin_with("pid=1200".parse().unwrap()).unwrap();
    for tab in [Tab::Overview, Tab::Batching, Tab::Pages, Tab::Migrations] {
        let screen = words(&mut app, tab);
        assert!(screen.contains("which migrations match the filter is unknown"));
        assert!(!screen.contains("No migration matches"), "{screen}");
    }
    let screen = words(&mut app, Tab::Overview);
    assert!(
        !screen.contains("0 pages/s") && !screen.contains("0 requested"),
        "{screen}"
    );
    assert!(screen.contains("unknown: records are off"), "{screen}");
    let mut app = lossy();
    app.begin_with("pid=7".parse().unwrap()).unwrap();
    assert!(words(&mut app, Tab::Migrations).contains("No recorded migration matches"));
}

#[test]
fn what_is_of_records_alone_is_null_without_any() {
    let app = totals_only();
    let page = super::report(app.shown(), "run.arrow").json();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert!(page["ping_pong"].is_null() && page["retries"].is_null());
    let app = ordinary();
    let page = super::report(app.shown(), "run.arrow").json();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert!(page["ping_pong"].is_object() && page["retries"].is_object());
}

#[test]
fn where_none_completed_others_match() {
    let mut app = ordinary();
    app.begin_with("outcome=rejected".parse().unwrap()).unwrap();
    let screen = words(&mut app, Tab::Batching);
    assert!(screen.contains("No completed migration matches the filter."));
    assert!(!screen.contains("No migration matches"), "{screen}");
}

#[test]
fn what_is_of_records_says_so_where_some_are_missing() {
    let said = [
        (Tab::Batching, "recorded completed migrations"),
        (Tab::Drivers, "· of the recorded ·"),
        (Tab::Processes, "· of the recorded ·"),
        (Tab::Migrations, "recorded, newest first"),
        (Tab::Pages, "then by process · of the recorded"),
        (Tab::Pages, "Ping-pong of the recorded, at least"),
    ];
    for (tab, said) in said {
        for mut app in [lossy(), lossy_with_totals()] {
            let screen = words(&mut app, tab);
            assert!(screen.contains(said), "{said} on\n{screen}");
        }
        assert!(!words(&mut ordinary(), tab).contains(said), "{said}");
    }
    let overview = words(&mut lossy(), Tab::Overview);
    assert!(overview.contains("at least 183 ms in recorded migrations"));
    assert!(overview.contains("calls/s 1 s recorded, most "));
}

#[test]
fn a_run_of_less_than_a_second_that_has_ended_is_not_under_way() {
    let mut app = app(facts());
    app.batch(Synthetic::new(1).batch(3));
    assert!(words(&mut app, Tab::Overview).contains("the first second is under way"));
    app.end(Ending::Complete);
    let screen = words(&mut app, Tab::Overview);
    assert!(screen.contains("less than a second") && !screen.contains("under way"));
}

#[test]
fn one_migration_tells_what_arrived_from_where_it_arrived() {
    let of = |moved: u64| {
        let mut app = app(facts());
        let mut batch = Synthetic::new(1).batch(1);
        let migration = &mut batch.migrations.make()[0];
        migration.outcome = Outcome::Completed;
        migration.ledger = crate::trace::Ledger {
            requested: 1,
            moved,
            skipped: 1 - moved,
            ..Default::default()
        };
        (migration.from.pages, migration.to.pages) = ([0; 3], [0; 3]);
        app.batch(batch);
        app.act(Action::Show(Tab::Migrations));
        app.act(Action::Open);
        app
    };
    let of_screen = |app: &App| {
        let screen = text(&picture(app, (200, 60)));
        screen.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut moved = of(1);
    let screen = of_screen(&moved);
    assert!(screen.contains("to memory of a kind that is not known"));
    assert!(screen.contains("requested 1 page ") && !screen.contains("1 pages"));
    assert!(of_screen(&of(0)).contains("to nowhere: no page moved"));
    moved.act(Action::Units);
    moved.act(Action::Units);
    let screen = of_screen(&moved);
    assert!(screen.contains("0.000 GiB") && !screen.contains("GiB GiB"));
}

#[test]
fn a_complaint_about_a_filter_is_whole_and_in_the_words_of_the_filter() {
    let mut app = ordinary();
    app.act(Action::Filter);
    let keys = "time=5".chars().map(KeyCode::Char).chain([KeyCode::Enter]);
    for key in keys {
        app.key(KeyEvent::new(key, KeyModifiers::NONE));
    }
    for size in [(200, 40), (80, 24), (60, 20)] {
        let screen = text(&picture(&app, size));
        let words: Vec<_> = screen.split_whitespace().collect();
        let words = words.join(" ");
        assert!(words.contains("for 'time=FROM..TO'"), "{screen}");
        assert!(words.contains("19:17:00Z"), "{screen}");
        assert!(!words.contains("--time"), "{screen}");
    }
}

#[test]
fn a_window_that_is_longer_than_the_run_shows_all_of_it() {
    let mut app = app(facts());
    app.batch(Synthetic::new(1).batch(3000));
    app.act(Action::Window);
    let screen = words(&mut app, Tab::Overview);
    assert!(
        screen.contains("· all 0:00:0") && !screen.contains("last 0:00:0"),
        "{screen}"
    );
}

/// Nearly as [`lossy`], of a kernel that counts by itself.
fn lossy_with_totals() -> App {
    let mut synthetic = Synthetic::new(2).with_totals();
    let mut app = app(facts());
    synthetic.lose(migrate_ebpf::wire::Loss::RingFull as usize, 1234);
    app.batch(synthetic.batch(2000));
    app
}
