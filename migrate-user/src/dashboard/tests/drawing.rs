//! What holds for every picture.

use migrate_ebpf::wire::{LOSSES, Loss};
use ratatui::style::Color;

use super::super::{Action, App, Tab, Theme};
use super::pictures::{picture, picture_of, text};
use super::{app, empty, lossy, ordinary, report, sampled, totals_only};
use crate::trace::{Ending, Status};
use migscope_testkit::{Synthetic, facts};

/// Every tab, a migration by itself, the help, a question.
fn everything(app: impl Fn() -> App) -> Vec<App> {
    let tab = |tab| {
        let mut app = app();
        app.act(Action::Show(tab));
        app
    };
    let mut apps: Vec<App> = Tab::ALL.into_iter().map(tab).collect();
    for actions in [
        &[Action::Show(Tab::Migrations), Action::Order, Action::Open][..],
        &[Action::Help],
        &[Action::Filter],
        &[Action::Units, Action::Units, Action::Window, Action::Window],
    ] {
        let mut app = app();
        actions.iter().for_each(|action| app.act(*action));
        apps.push(app);
    }
    apps
}

#[test]
fn draws_at_any_size() {
    let small = (0..24).flat_map(|height| (0..30).step_by(5).map(move |width| (width, height)));
    let large = (5..=100)
        .step_by(9)
        .flat_map(|height| (20..=400).step_by(17).map(move |width| (width, height)));
    let sizes: Vec<(u16, u16)> = small.chain(large).collect();
    for app in [empty, ordinary, lossy, sampled, totals_only] {
        let apps = everything(app);
        // Each app at some of the sizes; all of them together at all.
        for (at, size) in sizes.iter().enumerate() {
            picture(&apps[at % apps.len()], *size);
        }
        for app in &apps {
            for size in [
                (1, 1),
                (2, 3),
                (7, 4),
                (20, 5),
                (21, 6),
                (80, 24),
                (400, 100),
            ] {
                picture(app, size);
            }
        }
    }
}

/// All that a tall screen shows, a low one shows too, to whoever goes to the end.
#[test]
fn what_is_longer_than_the_screen_scrolls() {
    let tabs = [Tab::Steps, Tab::Batching, Tab::Pages, Tab::Findings];
    let mut apps: Vec<(String, App)> = Vec::new();
    for tab in tabs {
        let mut app = ordinary();
        app.act(Action::Show(tab));
        apps.push((tab.name().to_owned(), app));
    }
    let (mut open, mut help) = (sampled(), ordinary());
    open.act(Action::Show(Tab::Migrations));
    open.act(Action::Open);
    help.act(Action::Help);
    apps.extend([("a migration".to_owned(), open), ("help".to_owned(), help)]);
    for (name, mut app) in apps {
        let last = |screen: &str| {
            let lines: Vec<&str> = screen.lines().collect();
            let body = lines[2..lines.len() - 1].iter();
            let mut body = body.map(|line| line.trim_matches([' ', '│', '█', '║', '╰', '─', '╯']));
            body.rfind(|line| !line.is_empty()).unwrap().to_owned()
        };
        let steps = name == "Steps";
        let tall = picture_of(&mut app, (80, if steps { 30 } else { 400 }));
        let low = picture_of(&mut app, (80, 20));
        assert_ne!(last(&low), last(&tall), "{name}");
        let end = if steps {
            Action::Page(99)
        } else {
            Action::Move(isize::MAX)
        };
        app.act(end);
        let low = picture_of(&mut app, (80, 20));
        let wanted = if steps { "cause" } else { &*last(&tall) };
        assert!(low.contains(wanted), "{name}: {wanted}\n{low}");
        // A larger screen needs no scrolling, and a smaller one begins where it was.
        app.act(Action::Move(-1));
        picture_of(&mut app, (80, 400));
        app.act(Action::Move(isize::MIN));
        picture_of(&mut app, (20, 5));
    }
}

/// What only bad input can hold must not end the program.
#[test]
fn absurd_numbers_are_drawn_too() {
    let absurd = || {
        let mut app = ordinary();
        let mut batch = Synthetic::new(3).batch(20);
        for (at, migration) in batch.migrations.make().iter_mut().enumerate() {
            migration.time_ns = if at % 2 == 0 { u64::MAX } else { 0 };
            migration.address = Some(u64::MAX);
            migration.ledger.moved = u64::MAX;
            migration.ledger.requested = u64::MAX;
            migration.steps = [Some(u64::MAX); 5];
            migration.probe = [u64::MAX; 3];
            migration.comm = Some("日本語の名前がとても長い".into());
        }
        batch.status = Some(Status {
            time_ns: u64::MAX,
            ended: u64::MAX,
            losses: [u64::MAX; LOSSES],
            hanging_ns: None,
            phases_opened: None,
            exact: None,
        });
        app.batch(batch);
        app.batch(Synthetic::new(4).batch(20));
        app
    };
    for app in everything(absurd) {
        for size in [(20, 5), (80, 24), (120, 40), (200, 60)] {
            picture(&app, size);
        }
    }
    let mut app = absurd();
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
    picture(&app, (80, 24));
}

#[test]
fn without_colour_it_says_the_same() {
    for app in [empty, lossy, totals_only] {
        for mut app in everything(app) {
            for size in [(80, 24), (200, 60)] {
                app.settings.theme = Theme::Monochrome;
                let plain = picture(&app, size);
                let colours = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg);
                let coloured = plain.content.iter().map(colours);
                assert!(
                    coloured
                        .clone()
                        .all(|colours| colours == (Color::Reset, Color::Reset))
                );
                for theme in [Theme::Dark, Theme::Light, Theme::HighContrast] {
                    app.settings.theme = theme;
                    assert_eq!(text(&plain), text(&picture(&app, size)), "{theme:?}");
                }
            }
        }
    }
}

#[test]
fn losses_are_always_in_sight() {
    let ended = |mut app: App| {
        app.end(Ending::Complete);
        app
    };
    for (mut app, lost) in [
        (ended(empty()), "0 lost"),
        (ordinary(), "0 lost"),
        (lossy(), "1,242 lost"),
    ] {
        for tab in Tab::ALL {
            app.act(Action::Show(tab));
            for size in [(20, 1), (20, 5), (80, 24), (400, 100)] {
                let screen = text(&picture(&app, size));
                assert!(screen.contains(lost), "{lost} at {size:?}:\n{screen}");
            }
        }
    }
}

/// Among counts of migrations, nobody would know them apart.
#[test]
fn lost_waits_are_called_waits() {
    let mut synthetic = Synthetic::new(2).with_waits();
    let mut batch = synthetic.batch(20);
    let status = batch.status.as_mut().unwrap();
    status.losses[Loss::WaitLost as usize] = 12;
    status.losses[Loss::WaitMissed as usize] = 3;
    let mut app = app(facts());
    app.batch(batch);
    let screen = text(&picture(&app, (120, 30)));
    let said = "0 lost · 12 waits lost, 3 not followed";
    assert!(screen.contains(said), "{screen}");
}

#[test]
fn wide_letters_stay_in_their_columns() {
    let mut app = ordinary();
    let mut batch = Synthetic::new(8).batch(1);
    batch.migrations.make()[0].comm = Some("日本語日本語日本語".into());
    app.batch(batch);
    app.act(Action::Show(Tab::Migrations));
    let screen = text(&picture(&app, (120, 40)));
    let line = screen.lines().find(|line| line.contains('日')).unwrap();
    let plain = screen
        .lines()
        .find(|line| line.contains("trainer"))
        .unwrap();
    let column = |line: &str, word: &str| {
        let before = line.split(word).next().unwrap();
        ratatui::text::Line::raw(before.to_owned()).width()
    };
    // The symbol behind a wide letter is a blank of its own in the buffer.
    let blanks = line.matches(['日', '本', '語']).count();
    assert_eq!(
        column(line, "to_") - blanks,
        column(plain, "to_"),
        "{screen}"
    );
}

/// Names that others have chosen, in every view: nothing in them is a command for the terminal.
#[test]
fn no_name_is_a_command_for_the_terminal() {
    const NAME: &str = "a\x1b]0;x\x07\u{9b}2J\u{202e}b";
    let named = || {
        let mut facts = facts();
        (facts.host, facts.kernel) = (NAME.to_owned(), NAME.to_owned());
        facts.clocksource = Some(NAME.to_owned());
        facts.filter = Some(NAME.to_owned());
        let mut app = app(facts);
        app.name = NAME.to_owned();
        let mut synthetic = Synthetic::new(5).with_totals().with_details().with_waits();
        let mut batch = synthetic.batch(300);
        for migration in batch.migrations.make().iter_mut() {
            let name = || Some(NAME.into());
            (migration.comm, migration.driver, migration.cgroup) = (name(), name(), name());
            (migration.from.place, migration.to.place) = (name(), name());
            (migration.kernel_stack, migration.user_stack) = (name(), name());
        }
        for wait in &mut batch.waits {
            (wait.comm, wait.cgroup) = (Some(NAME.into()), Some(NAME.into()));
            wait.user_stack = Some(NAME.into());
        }
        app.batch(batch);
        app.end(Ending::Damaged {
            at: 7,
            found: NAME.to_owned(),
        });
        app
    };
    for app in everything(named) {
        let drawn = text(&picture(&app, (200, 60)));
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!drawn.contains(harmful), "{drawn}");
    }
}
