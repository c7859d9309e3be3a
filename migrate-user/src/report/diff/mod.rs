//! What has changed between two runs, as a page of text or as JSON.

mod json;
mod text;

use crate::compare::{Comparison, Limits};
use crate::insight::Kind;

/// What there is to say about it.
pub struct Page {
    /// What the recordings are called, base and new.
    pub names: (String, String),
    /// Which migrations are compared, in the words of a filter; `None`: all that were recorded.
    pub filter: Option<String>,
    /// How many runs there are, base and new.
    pub runs: (usize, usize),
    /// What has changed.
    pub comparison: Comparison,
    /// Changes up to here do not count.
    pub limits: Limits,
    /// Findings of the new side that the base does not have.
    pub appeared: Vec<Kind>,
    /// Findings of the new side that could not be judged on the base.
    pub unjudged: Vec<Kind>,
    /// What is different between the recordings besides their figures: what it is, and its values,
    /// base and new.
    pub differences: Vec<(String, String, String)>,
    /// What a reader should know about the recordings.
    pub remarks: Vec<String>,
}

impl Page {
    /// A page of text; with colours if it is for a terminal.
    pub fn text(&self, for_terminal: bool) -> String {
        text::text(self, for_terminal)
    }

    /// One JSON object on lines of its own.
    pub fn json(&self) -> String {
        json::json(self)
    }
}
