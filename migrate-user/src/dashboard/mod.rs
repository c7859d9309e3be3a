//! The dashboard.
//!
//! State ([`App`]) and drawing are apart: a key or a batch changes the state, and drawing only
//! reads it.

mod action;
mod app;
mod bindings;
mod canvas;
mod cell;
mod completion;
mod data;
mod drawn;
mod exporting;
mod history;
mod keys;
mod layout;
mod nothing;
mod notices;
mod output;
mod playback;
mod player;
mod prompt;
mod run;
mod screen;
mod settings;
mod sorting;
mod state;
mod tab;
mod table;
mod tabs;
mod terminal;
mod theme;
mod widgets;
mod window;

pub use action::Action;
pub use app::App;
pub use drawn::Drawn;
pub use keys::Keys;
pub use run::run;
pub use screen::draw;
pub use settings::{REFRESH, Settings};
pub use sorting::Table;
pub use tab::Tab;
pub use theme::Theme;

use crate::trace::Facts;

/// A dashboard that has seen nothing yet. `readable`: can the source be read again from its
/// beginning?
pub fn start(name: &str, facts: Facts, settings: Settings, readable: bool) -> App {
    App::new(name, facts, settings, readable, &tabs::Tabs)
}

#[cfg(test)]
mod tests;
