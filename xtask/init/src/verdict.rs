//! The verdict: the one line on the console that says how the job ended.
//!
//! The host believes nothing else: no verdict, or two, is a failure.

use std::fmt;

/// What every verdict line holds, wherever in the line it begins (the kernel puts a time stamp
/// before it).
const MARK: &str = "vm-init verdict: ";
/// The kernel cuts longer lines.
const MESSAGE_LIMIT: usize = 600;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The job was run to its end; how each command ended, in the job's order.
    Ran(Vec<End>),
    /// The init could not do what the job says.
    Failed(String),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// A stop was asked for before it was started.
    NotStarted,
}

impl End {
    /// The exit status as a shell gives it; a command that never ran counts as a failure.
    pub fn status(self) -> i32 {
        match self {
            End::Exited(status) => status,
            End::Signaled(signal) => 128 + signal,
            End::NotStarted => 1,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word.split_once('=')? {
            ("exit", status) => status.parse().ok().map(End::Exited),
            ("signal", signal) => signal.parse().ok().map(End::Signaled),
            ("not", "started") => Some(End::NotStarted),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(status) => write!(f, "exit={status}"),
            End::Signaled(signal) => write!(f, "signal={signal}"),
            End::NotStarted => f.write_str("not=started"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        match self {
            Verdict::Ran(ends) => {
                f.write_str("ran")?;
                ends.iter().try_for_each(|end| write!(f, " {end}"))
            }
            Verdict::Failed(message) => {
                let line: String = message
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c })
                    .take(MESSAGE_LIMIT)
                    .collect();
                write!(f, "failed {line}")
            }
        }
    }
}

impl Verdict {
    /// The verdict in a line of the console. `None`: the line is none. A line that says that it is
    /// one but cannot be read (cut off, or mixed with another) is an `Err` with that line.
    pub fn parse(line: &str) -> Option<Result<Self, String>> {
        let text = line.split_once(MARK)?.1.trim_end();
        Some(Self::parse_text(text).ok_or_else(|| line.trim_end().to_owned()))
    }

    fn parse_text(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        match kind {
            "ran" => rest
                .split_whitespace()
                .map(End::parse)
                .collect::<Option<_>>()
                .map(Verdict::Ran),
            "failed" if !rest.is_empty() => Some(Verdict::Failed(rest.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(verdict: Verdict) {
        let line = format!("[    1.234567] {verdict}\r\n");
        assert_eq!(Verdict::parse(&line), Some(Ok(verdict)));
    }

    #[test]
    fn what_is_written_can_be_read() {
        there_and_back(Verdict::Ran(vec![]));
        there_and_back(Verdict::Ran(vec![
            End::Exited(0),
            End::Signaled(9),
            End::NotStarted,
            End::Exited(255),
        ]));
        there_and_back(Verdict::Failed(
            "insmod /lib/modules/migrate_test.ko: ENOENT".into(),
        ));
    }

    #[test]
    fn a_message_stays_one_line() {
        let line = Verdict::Failed("first\nsecond".into()).to_string();
        assert!(line.ends_with("first second"), "{line}");
        assert!(Verdict::Failed("x".repeat(5000)).to_string().len() < 700);
    }

    #[test]
    fn other_lines_are_none() {
        assert_eq!(Verdict::parse("[    0.000000] Linux version 7.2.13"), None);
        assert_eq!(Verdict::parse(""), None);
    }

    #[test]
    fn a_broken_verdict_is_an_error() {
        for broken in [
            "vm-init verdict: ",
            "vm-init verdict: ran exit=",
            "vm-init verdict: ran ex",
            "vm-init verdict: failed",
        ] {
            assert!(matches!(Verdict::parse(broken), Some(Err(_))), "{broken}");
        }
    }
}
