//! Pictures of the dashboard's tabs, from the buffer that it draws: `pictures RECORDING FOLDER`.

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

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(recording), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("expected a recording and a folder for the pictures".into());
    };
    let (recording, folder) = (Path::new(&recording), Path::new(&folder));
    let mut reader = Reader::new("the recording", File::open(recording)?)?;
    let name = recording.file_name().unwrap_or_default().to_string_lossy();
    let mut app = start(
        &format!("replay of {name}"),
        reader.facts().clone(),
        Settings::default(),
        true,
    );
    reader.by_ref().for_each(|batch| app.batch(batch));
    for tab in Tab::ALL {
        app.act(Action::Show(tab));
        let name = tab.name().to_lowercase();
        write(
            &app,
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

/// Writes what the dashboard shows now.
fn write(app: &App, title: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut terminal = Terminal::new(TestBackend::new(120, 40))?;
    terminal.draw(|frame| {
        draw(app, frame);
    })?;
    fs::write(path, svg::picture(title, terminal.backend().buffer()))?;
    Ok(())
}
