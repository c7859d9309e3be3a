//! What a terminal shows of a format that is made for programs.

use std::io::{self, Write};

use crate::text::printable_lines;

/// The most bytes of a character that may still lack its end.
const TAIL: usize = 3;

/// Passes text on without what a terminal would take for a command.
pub(super) struct Harmless<W> {
    out: W,
    /// A character of which the end has not come.
    tail: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            tail: Vec::new(),
        }
    }

    /// Nothing more comes.
    pub(super) fn end(mut self) -> io::Result<()> {
        let tail = std::mem::take(&mut self.tail);
        self.show(&tail)?;
        self.out.flush()
    }

    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        self.out.write_all(printable_lines(&text).as_bytes())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.tail);
        all.extend_from_slice(bytes);
        let whole = whole(&all);
        self.show(&all[..whole])?;
        self.tail = all.split_off(whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How many of these bytes do not lack their end.
fn whole(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        // Behind bytes that are no text, a character may still lack its end.
        Err(_) => {
            let last = bytes.len().saturating_sub(TAIL);
            let begin = bytes[last..].iter().rposition(|byte| *byte >= 0xc0);
            begin.map_or(bytes.len(), |at| {
                let behind = &bytes[last + at..];
                last + at + std::str::from_utf8(behind).map_or(0, str::len)
            })
        }
        Ok(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], at_once: usize) -> String {
        let mut out = Vec::new();
        let mut harmless = Harmless::new(&mut out);
        for piece in bytes.chunks(at_once) {
            assert_eq!(harmless.write(piece).unwrap(), piece.len());
        }
        harmless.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_is_obeyed_however_it_is_cut() {
        let text = "größe,\x1b]0;x\x07,\u{9b}2J,\u{202e}x,🦀\n".as_bytes();
        let expected = "größe,\u{fffd}]0;x\u{fffd},\u{fffd}2J,\u{fffd}x,🦀\n";
        for at_once in 1..=text.len() {
            assert_eq!(shown(text, at_once), expected, "{at_once}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_no_command() {
        for at_once in 1..8 {
            let shown = shown(b"a\xff\xc2\x9b2J\x9bb\xe2\x80\xaec\xf0", at_once);
            assert!(
                !shown.contains(['\u{9b}', '\u{202e}', '\x1b']),
                "{at_once}: {shown:?}"
            );
        }
    }
}
