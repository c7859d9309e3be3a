//! The figures of the dashboard as a page of text, as JSON, or as a page of HTML.

pub mod diff;
mod html;
mod json;
pub mod stat;
mod text;

#[cfg(test)]
mod tests;

use crate::insight::{Finding, Thresholds, findings, unjudged};
use crate::model::Model;
use crate::source::Part;

/// What there is to say about a run.
pub struct Report<'a> {
    model: &'a Model,
    name: &'a str,
    findings: Vec<Finding>,
    parts: &'a [Part],
    /// Was it read to its end?
    interrupted: bool,
    /// What was not judged, and why.
    unjudged: Vec<String>,
}

/// What is said of a recording that was not read to its end.
pub const INTERRUPTED: &str = "interrupted before the end of the recording.";

impl<'a> Report<'a> {
    /// About a run whose recording is called `name`.
    pub fn new(model: &'a Model, name: &'a str, thresholds: &Thresholds) -> Self {
        Self {
            model,
            name,
            findings: findings(model, thresholds),
            parts: &[],
            interrupted: false,
            unjudged: unjudged(model, thresholds),
        }
    }

    /// It says of how many recordings it is, and what could not be read of them.
    pub fn of_parts(self, parts: &'a [Part], interrupted: bool) -> Self {
        Self {
            parts,
            interrupted,
            ..self
        }
    }

    /// What is missing of the recordings, in sentences.
    fn notes(&self) -> Vec<String> {
        let notes = self.parts.iter().flat_map(Part::notes);
        let interrupted = self.interrupted.then(|| INTERRUPTED.to_owned());
        notes.chain(interrupted).collect()
    }

    /// A page of text; with colours and small bars if it is for a terminal.
    pub fn text(&self, for_terminal: bool) -> String {
        text::text(self, for_terminal)
    }

    /// One JSON object on lines of its own.
    pub fn json(&self) -> String {
        json::json(self)
    }

    /// A page of HTML that needs nothing else.
    pub fn html(&self) -> String {
        html::html(self)
    }
}
