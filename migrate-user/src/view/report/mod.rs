//! The figures of the dashboard as a page of text, as JSON, or as a page of HTML.

mod html;
mod json;
mod text;

#[cfg(test)]
mod tests;

use crate::insight::{Finding, Thresholds, findings};
use crate::model::Model;

/// What there is to say about a run.
pub struct Report<'a> {
    model: &'a Model,
    name: &'a str,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    /// About a run whose recording is called `name`.
    pub fn new(model: &'a Model, name: &'a str, thresholds: &Thresholds) -> Self {
        Self {
            model,
            name,
            findings: findings(model, thresholds),
        }
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
