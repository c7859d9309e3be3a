//! Text from outside, made harmless for a terminal: a process may name itself anything, and so may
//! whoever makes a control group, a file or a function.

/// Text for one line. What a terminal would take for a command, or would order anew, is shown as
/// `\u{fffd}`.
pub fn printable(text: &str) -> String {
    replaced(text, is_harmful)
}

/// Text that may have several lines, and tabs.
pub fn printable_lines(text: &str) -> String {
    replaced(text, |c| is_harmful(c) && !matches!(c, '\n' | '\t'))
}

/// A JSON text that says the same, without what a terminal would obey: in JSON, all of that can
/// only stand in strings, where it has escapes.
pub fn harmless_json(json: String) -> String {
    let harms = |c: char| is_harmful(c) && !matches!(c, '\n' | '\t');
    if !json.chars().any(harms) {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match harms(c) {
            // All of them are below U+10000, where an escape is the character's number.
            true => text += &format!("\\u{:04x}", u32::from(c)),
            false => text.push(c),
        }
    }
    text
}

fn replaced(text: &str, harms: impl Fn(char) -> bool) -> String {
    let shown = |c| match harms(c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(shown).collect()
}

/// Controls of both kinds (C0 and C1), what orders text of two directions, and what ends a line in
/// Unicode.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARMFUL: &str = "a\x1b[2Jb\x7f\u{9b}2J\u{202e}c\u{2066}";

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(printable("größe"), "größe");
        assert_eq!(
            printable(HARMFUL),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}2J\u{fffd}c\u{fffd}"
        );
        assert_eq!(printable_lines("a\tb\n\x1b\r"), "a\tb\n\u{fffd}\u{fffd}");
    }

    #[test]
    fn json_says_the_same_without_it() {
        let value = serde_json::json!({ "größe": HARMFUL, "b": 1 });
        for text in [value.to_string(), format!("{value:#}\n")] {
            let harmless = harmless_json(text);
            assert!(
                !harmless.chars().any(|c| is_harmful(c) && c != '\n'),
                "{harmless}"
            );
            let read: serde_json::Value = serde_json::from_str(&harmless).unwrap();
            assert_eq!(read, value);
        }
    }
}
