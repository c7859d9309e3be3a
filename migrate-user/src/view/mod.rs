//! What people see: the dashboard, and the same figures as a page of text or JSON.
//!
//! State ([`App`]) and drawing are apart: a key or a batch changes the state, and drawing only reads it.

mod app;
mod figures;
mod keys;
mod layout;
pub mod report;
mod run;
mod screen;
mod table;
mod terminal;
mod theme;
mod widgets;

pub use app::App;
pub use keys::Action;
pub use run::run;
pub use screen::draw;
pub use theme::Theme;

#[cfg(test)]
mod tests;
