//! The figures of the dashboard as a page of text or as JSON.

mod exact;
mod json;
mod text;

pub use json::json;
pub use text::text;
