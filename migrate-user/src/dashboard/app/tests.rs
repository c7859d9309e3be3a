//! What keys and batches make of the state.

use super::*;
use crate::dashboard::Table;
use crate::dashboard::notices::notices;
use migscope_testkit::{Synthetic, facts};

fn app(migrations: usize, readable: bool) -> (App, Synthetic) {
    let mut synthetic = Synthetic::new(1);
    let mut app = crate::dashboard::start("live", facts(), Settings::default(), readable);
    app.batch(synthetic.batch(migrations));
    (app, synthetic)
}

fn chosen(app: &App) -> usize {
    app.view.chosen()
}

#[test]
fn a_pause_holds_the_picture_and_loses_nothing() {
    let (mut app, mut synthetic) = app(10, false);
    app.act(Action::Pause);
    app.batch(synthetic.batch(5));
    assert_eq!(app.shown().totals().migrations(), 10);
    app.act(Action::Pause);
    assert_eq!(app.shown().totals().migrations(), 15);
}

#[test]
fn the_choice_stays_within_the_list_and_with_its_line() {
    let (mut app, mut synthetic) = app(10, false);
    app.act(Action::Show(Tab::Migrations));
    app.act(Action::Move(-5));
    assert_eq!(chosen(&app), 0);
    app.act(Action::Move(3));
    app.batch(synthetic.batch(4));
    assert_eq!(chosen(&app), 7);
    app.act(Action::Move(isize::MAX));
    assert_eq!(chosen(&app), 13);
    app.act(Action::Reset);
    assert_eq!(chosen(&app), 0);
}

#[test]
fn escape_closes_one_thing_after_the_other() {
    let (mut app, _) = app(50, false);
    app.act(Action::Show(Tab::Processes));
    app.act(Action::Open);
    assert!(
        app.filter_words()
            .is_some_and(|words| words.starts_with("pid=12"))
    );
    app.act(Action::Show(Tab::Migrations));
    app.act(Action::Open);
    app.act(Action::Help);
    app.act(Action::Close);
    assert!(app.view.help.is_none() && app.is_open());
    app.act(Action::Close);
    assert!(!app.is_open() && app.filter_words().is_some());
    app.act(Action::Close);
    assert!(app.filter_words().is_none() && !app.wants_to_quit());
}

#[test]
fn a_filter_of_what_can_be_read_again_reads_it_again() {
    let (mut app, _) = app(50, true);
    assert!(!app.takes_again());
    app.act(Action::Filter);
    let press = |code| KeyEvent::new(code, crossterm::event::KeyModifiers::NONE);
    for letter in "pid=1201".chars() {
        app.key(press(crossterm::event::KeyCode::Char(letter)));
    }
    app.key(press(crossterm::event::KeyCode::Enter));
    assert!(app.takes_again() && !app.takes_again());
    app.batch(Synthetic::new(1).batch(50));
    let shown = app.shown().totals().migrations();
    assert!(shown > 0 && shown < 50);
}

#[test]
fn says_how_it_ended() {
    let (mut app, _) = app(1, false);
    assert_eq!(notices(&app), [""; 0]);
    app.end(Ending::Complete);
    assert_eq!(notices(&app), ["stream ended"]);
    app.fail(Error::NotATerminal);
    assert!(notices(&app)[0].contains("not a terminal"));
    assert!(matches!(app.into_failure(), Some(Error::NotATerminal)));
}

#[test]
fn what_has_ended_is_not_counted_anew() {
    let (mut app, mut synthetic) = app(10, true);
    app.end(Ending::Complete);
    app.act(Action::Reset);
    assert_eq!(app.shown().totals().migrations(), 10);
    assert!(notices(&app)[0].contains("nothing more comes"));
    // Before its end it is, and what comes from there on is counted and exported.
    app.act(Action::Seek(0));
    assert!(app.takes_again());
    app.batch(synthetic.batch(4));
    app.act(Action::Seek(999));
    app.act(Action::Reset);
    assert_eq!(app.shown().totals().migrations(), 0);
    assert!(app.data.counts_anew() && app.data.counted_after_ns().is_some());
    app.act(Action::Seek(0));
    assert!(app.takes_again() && !app.data.counts_anew());
}

#[test]
fn the_next_one_is_the_next_of_the_list_it_was_opened_from() {
    let (mut app, mut synthetic) = app(20, false);
    app.act(Action::Show(Tab::Migrations));
    app.act(Action::Sort(Table::Migrations, 13));
    app.act(Action::Open);
    let opened = |app: &App| {
        let opened = app.view.opened.as_ref().unwrap();
        (opened.place(), opened.migration().total_ns())
    };
    let ((place, of), longest) = opened(&app);
    assert_eq!((place, of), (1, 20));
    // What comes does not change the order.
    app.batch(synthetic.batch(9));
    let mut before = longest;
    for at in 2..=20 {
        app.act(if at % 2 == 0 {
            Action::Next(1)
        } else {
            Action::Across(1)
        });
        let (place, total_ns) = opened(&app);
        assert_eq!(place, (at, 20));
        assert!(total_ns <= before);
        before = total_ns;
    }
    app.act(Action::Next(1));
    assert_eq!(opened(&app).0, (20, 20));
    app.act(Action::Move(isize::MIN));
    app.act(Action::Next(-19));
    assert_eq!(opened(&app), ((1, 20), longest));
    app.act(Action::Close);
    assert_eq!(chosen(&app), 0);
}

#[test]
fn the_shell_can_be_had_while_something_is_written() {
    let (mut app, _) = app(1, false);
    app.act(Action::Filter);
    let control = |c| {
        let code = crossterm::event::KeyCode::Char(c);
        KeyEvent::new(code, crossterm::event::KeyModifiers::CONTROL)
    };
    app.key(control('z'));
    assert!(app.takes_suspend() && !app.takes_suspend());
    assert!(app.prompt.is_some() && !app.wants_to_quit());
    app.key(control('4'));
    assert!(app.wants_to_quit());
}
