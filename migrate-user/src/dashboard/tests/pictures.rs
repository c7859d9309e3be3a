//! Every tab as it looks, styles and all, with little, much and odd data, at three sizes.

use std::fmt::Write;

use migrate_ebpf::wire::Loss;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Style;

use super::super::{Action, App, Drawn, Tab, draw};
use super::{app, empty, lossy, ordinary, sampled, totals_only};
use crate::trace::{Details, Migration};
use migscope_testkit::{Synthetic, facts};

/// The sizes of the pictures, columns and lines.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub(super) fn picture(app: &App, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            draw(app, frame);
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// What is on the screen; the app notes what it tells, as when it is shown.
pub(in crate::dashboard) fn picture_of(app: &mut App, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = draw(app, frame)).unwrap();
    app.drawn(&drawn);
    text(terminal.backend().buffer())
}

pub(super) fn line(buffer: &Buffer, y: u16) -> String {
    let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
    cells.collect::<String>().trim_end().to_owned()
}

pub(super) fn text(buffer: &Buffer) -> String {
    (0..buffer.area.height)
        .map(|y| line(buffer, y) + "\n")
        .collect()
}

/// A letter for each style, in the order in which they occur.
#[derive(Default)]
struct Styles(Vec<Style>);

impl Styles {
    fn letter(&mut self, cell: &Cell) -> char {
        let style = cell.style();
        let at = self.0.iter().position(|known| *known == style);
        let at = at.unwrap_or_else(|| {
            self.0.push(style);
            self.0.len() - 1
        });
        char::from(b'a' + at as u8)
    }

    /// The styles of a line: a letter and for how many columns.
    fn line(&mut self, buffer: &Buffer, y: u16) -> String {
        let mut runs: Vec<(char, usize)> = Vec::new();
        for x in 0..buffer.area.width {
            let letter = self.letter(&buffer[(x, y)]);
            match runs.last_mut().filter(|last| last.0 == letter) {
                Some(last) => last.1 += 1,
                None => runs.push((letter, 1)),
            }
        }
        let run = |(letter, columns): &(char, usize)| format!("{letter}{columns}");
        runs.iter().map(run).collect::<Vec<_>>().join(" ")
    }

    fn legend(&self) -> String {
        let mut legend = String::new();
        for (at, style) in self.0.iter().enumerate() {
            let letter = char::from(b'a' + at as u8);
            let colour = style
                .fg
                .map_or_else(String::new, |colour| colour.to_string());
            writeln!(legend, "{letter}: {colour} {:?}", style.add_modifier).unwrap();
        }
        legend
    }
}

/// The text of the picture, then its styles by line, then what those are.
fn styled(buffer: &Buffer) -> String {
    let mut styles = Styles::default();
    let lines: String = (0..buffer.area.height)
        .map(|y| styles.line(buffer, y) + "\n")
        .collect();
    format!("{}{lines}{}", text(buffer), styles.legend())
}

fn small() -> App {
    let mut app = app(facts());
    let mut synthetic = Synthetic::new(5);
    (0..3).for_each(|_| app.batch(synthetic.batch(1)));
    app
}

/// Of an ordinary run with everything that can be measured, what went one way.
fn filtered() -> App {
    let mut app = app(facts());
    let mut synthetic = Synthetic::new(6).with_details();
    (0..30).for_each(|_| app.batch(synthetic.batch(100)));
    let filter = "direction=to_system min-pages=2".parse().unwrap();
    app.data.set_filter(filter);
    app
}

fn pictures(tab: Tab) {
    for size in SIZES {
        let mut pictures = String::new();
        for (name, mut app) in [
            ("empty", empty()),
            ("small", small()),
            ("ordinary", ordinary()),
            ("lossy", lossy()),
            ("filtered", filtered()),
        ] {
            app.act(Action::Show(tab));
            let picture = styled(&picture(&app, size));
            write!(pictures, "--- {name}\n{picture}").unwrap();
        }
        let name = format!("{}_{}x{}", tab.name().to_lowercase(), size.0, size.1);
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, pictures);
        });
    }
}

#[test]
fn overview() {
    pictures(Tab::Overview);
}

#[test]
fn steps() {
    pictures(Tab::Steps);
}

#[test]
fn batching() {
    pictures(Tab::Batching);
}

#[test]
fn pages() {
    pictures(Tab::Pages);
}

#[test]
fn processes() {
    pictures(Tab::Processes);
}

#[test]
fn drivers() {
    pictures(Tab::Drivers);
}

#[test]
fn migrations() {
    pictures(Tab::Migrations);
}

#[test]
fn findings() {
    pictures(Tab::Findings);
}

/// Threads that wait, as far as that can be followed.
fn waiting() -> App {
    let mut facts = facts();
    facts.details = Details::ALL;
    let mut app = app(facts);
    let mut synthetic = Synthetic::new(8).with_details().with_waits();
    (0..20).for_each(|_| app.batch(synthetic.batch(100)));
    app
}

#[test]
fn waits() {
    pictures(Tab::Waits);
    let mut app = waiting();
    app.act(Action::Show(Tab::Waits));
    for size in [SIZES[0], SIZES[1], (200, 90)] {
        snapshot(&format!("waiting_{}x{}", size.0, size.1), &app, size);
    }
    let text = super::report(app.shown(), "run.arrow").text(false);
    insta::assert_snapshot!("waiting_report", text);
}

#[test]
fn a_migration_of_a_fault_that_had_to_wait() {
    let mut app = waiting();
    app.act(Action::Show(Tab::Migrations));
    let at = {
        let waits = app.shown().waits();
        let made = |of: &Migration| waits.before(of.sequence).is_some_and(|ns| ns > 100_000);
        app.shown().recent().iter().position(made).unwrap()
    };
    (0..at).for_each(|_| app.act(Action::Move(1)));
    app.act(Action::Open);
    snapshot("waiting_migration", &app, (120, 40));
}

fn snapshot(name: &str, app: &App, size: (u16, u16)) {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, styled(&picture(app, size)));
    });
}

#[test]
fn a_sample_with_everything_and_totals_only() {
    for (name, mut app) in [("sampled", sampled()), ("totals_only", totals_only())] {
        for tab in [Tab::Overview, Tab::Steps, Tab::Migrations] {
            app.act(Action::Show(tab));
            snapshot(
                &format!("{name}_{}", tab.name().to_lowercase()),
                &app,
                (120, 40),
            );
        }
    }
}

/// The end of a run with losses.
pub(super) fn windowed() -> App {
    let mut app = app(facts());
    (0..3).for_each(|_| app.act(Action::Window));
    let mut synthetic = Synthetic::new(2);
    synthetic.lose(Loss::RingFull as usize, 1234);
    (0..200).for_each(|_| app.batch(synthetic.batch(300)));
    app
}

#[test]
fn what_happened_lately() {
    let mut app = windowed();
    for tab in [Tab::Overview, Tab::Steps, Tab::Processes] {
        app.act(Action::Show(tab));
        let name = format!("window_{}", tab.name().to_lowercase());
        snapshot(&name, &app, (120, 40));
    }
    app.act(Action::Window);
    snapshot("window_off", &app, (120, 40));
    let mut idle = empty();
    idle.act(Action::Show(Tab::Processes));
    idle.act(Action::Window);
    assert!(text(&picture(&idle, (80, 24))).contains("No migration lately."));
}

#[test]
fn one_migration() {
    let mut app = sampled();
    app.act(Action::Show(Tab::Migrations));
    app.act(Action::Open);
    for size in SIZES {
        snapshot(&format!("migration_{}x{}", size.0, size.1), &app, size);
    }
}

#[test]
fn the_help_and_a_question() {
    let mut app = ordinary();
    app.act(Action::Help);
    snapshot("help_80x24", &app, (80, 24));
    snapshot("help_120x60", &app, (120, 60));
    app.act(Action::Close);
    app.act(Action::Filter);
    snapshot("prompt_80x24", &app, (80, 24));
}

#[test]
fn the_smallest_screen() {
    for (name, mut app) in [
        ("empty", empty()),
        ("ordinary", ordinary()),
        ("lossy", lossy()),
    ] {
        let mut all = String::new();
        for tab in Tab::ALL {
            app.act(Action::Show(tab));
            writeln!(all, "--- {}\n{}", tab.name(), text(&picture(&app, (20, 5)))).unwrap();
        }
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_20x5"), all);
        });
    }
}
