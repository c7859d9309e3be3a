//! Lines, with colours and bars where they are for a terminal.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

/// Columns of a bar.
const BAR: usize = 16;

/// The ends of bars, in eighths of a column.
const ENDS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Heads of tables.
pub(in super::super) const TITLE: Style = AnsiColor::Cyan.on_default().bold();

/// A part of the page. Writing to it cannot fail.
pub(in super::super) struct Page {
    text: String,
    for_terminal: bool,
}

impl Page {
    pub(in super::super) fn new(for_terminal: bool) -> Self {
        Self {
            text: String::new(),
            for_terminal,
        }
    }

    /// Adds a line.
    pub(in super::super) fn line(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.text, "{}", line.as_ref().trim_end());
    }

    /// Adds a line that is the head of what follows.
    pub(in super::super) fn head(&mut self, line: impl AsRef<str>) {
        let line = self.styled(TITLE, line.as_ref().trim_end());
        self.line(line);
    }

    /// Adds a line with a bar behind it, which shows a share of 0 to 1.
    pub(in super::super) fn bar(&mut self, line: &str, share: f64) {
        let bar = if self.for_terminal {
            bar(share)
        } else {
            String::new()
        };
        self.line(format!("{line}  {bar}"));
    }

    /// The text in a style, if that can be shown.
    pub(in super::super) fn styled(&self, style: Style, text: &str) -> String {
        if self.for_terminal {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Adds a paragraph, with `first` in front of its first line and as much space in front of the
    /// others.
    pub(in super::super) fn paragraph(&mut self, first: &str, text: &str) {
        let rest = " ".repeat(textwrap::core::display_width(first));
        let options = textwrap::Options::new(100)
            .initial_indent(first)
            .subsequent_indent(&rest)
            .break_words(false);
        for line in textwrap::wrap(text, options) {
            self.line(line);
        }
    }

    /// All lines.
    pub(in super::super) fn into_text(self) -> String {
        self.text
    }
}

fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f64).round() as usize;
    "█".repeat(eighths / 8) + ENDS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_share() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(0.5), "████████");
        assert_eq!(bar(1.0 / 32.0), "▌");
        assert_eq!(bar(7.0).chars().count(), BAR);
        assert_eq!(bar(f64::NAN), "");
    }

    #[test]
    fn a_pipe_gets_neither_colours_nor_bars() {
        for for_terminal in [false, true] {
            let mut page = Page::new(for_terminal);
            page.head("Steps");
            page.bar("  setup", 0.25);
            let text = page.into_text();
            assert_eq!(text == "Steps\n  setup\n", !for_terminal, "{text:?}");
        }
    }
}
