//! The dashboard.
//!
//! State ([`App`]) and drawing are apart: a key or a batch changes the state, and drawing only reads it.

mod app;
mod bindings;
mod canvas;
mod completion;
mod data;
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

pub use app::App;
pub use canvas::Drawn;
pub use keys::{Action, Keys};
pub use run::run;
pub use screen::draw;
pub use settings::{REFRESH, Settings};
pub use sorting::Table;
pub use tab::Tab;
pub use theme::Theme;

#[cfg(test)]
mod tests;
