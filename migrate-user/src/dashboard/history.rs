//! The lines that the user wrote before.

use super::completion::Asks;

/// So many are kept of each question.
const MOST: usize = 100;

/// What was answered, by question, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    filters: Vec<String>,
    exports: Vec<String>,
}

impl History {
    /// The answers to a question.
    pub(super) fn of(&self, asks: Asks) -> Vec<String> {
        match asks {
            Asks::Filter => self.filters.clone(),
            Asks::Export => self.exports.clone(),
            Asks::Replace => Vec::new(),
        }
    }

    /// Notes an answer, as the newest.
    pub(super) fn add(&mut self, asks: Asks, text: &str) {
        let lines = match asks {
            Asks::Filter => &mut self.filters,
            Asks::Export => &mut self.exports,
            Asks::Replace => return,
        };
        let text = text.trim();
        lines.retain(|line| line != text);
        if !text.is_empty() {
            lines.push(text.to_owned());
        }
        let old = lines.len().saturating_sub(MOST);
        lines.drain(..old);
    }
}
