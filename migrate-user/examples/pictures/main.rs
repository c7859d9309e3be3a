//! Pictures of the dashboard's tabs, from the buffer that it draws: `pictures RECORDING OTHER
//! FOLDER`. The other recording tells of waits and of mappings, which the first does not know.

mod svg;

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use migscope::dashboard::{Action, App, Settings, Tab, draw, start};
use migscope::recording::Reader;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// What is shown besides the tabs as they begin: the slowest migration by itself.
const OPENED: [Action; 3] = [Action::Show(Tab::Migrations), Action::Order, Action::Open];

/// What is drawn from the other recording.
const OF_OTHER: [Tab; 2] = [Tab::Waits, Tab::Memory];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [recording, other, folder] = &arguments[..] else {
        return Err("expected two recordings and a folder for the pictures".into());
    };
    let (mut app, mut other) = (replay(Path::new(recording))?, replay(Path::new(other))?);
    let folder = Path::new(folder);
    for tab in Tab::ALL {
        let shown = if OF_OTHER.contains(&tab) {
            &mut other
        } else {
            &mut app
        };
        shown.act(Action::Show(tab));
        let name = tab.name().to_lowercase();
        write(
            shown,
            &format!("The dashboard of migscope: {name}"),
            &folder.join(format!("dashboard-{name}.svg")),
        )?;
    }
    OPENED.into_iter().for_each(|action| app.act(action));
    write(
        &app,
        "The dashboard of migscope: one migration",
        &folder.join("dashboard-migration.svg"),
    )
}

/// A dashboard that has read all of a recording.
fn replay(recording: &Path) -> Result<App, Box<dyn Error>> {
    let mut reader = Reader::new("the recording", File::open(recording)?)?;
    let name = recording.file_name().unwrap_or_default().to_string_lossy();
    let mut app = start(
        &format!("replay of {name}"),
        reader.facts().clone(),
        Settings::default(),
        true,
    );
    reader.by_ref().for_each(|batch| app.batch(batch));
    Ok(app)
}

/// Writes what the dashboard shows now.
fn write(app: &App, title: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut terminal = Terminal::new(TestBackend::new(120, 40))?;
    terminal.draw(|frame| {
        draw(app, frame);
    })?;
    fs::write(path, svg::picture(title, terminal.backend().buffer()))?;
    Ok(())
}
