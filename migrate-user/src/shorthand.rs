//! The command line without a command, where it is plain what is meant: `migscope FILE`, `migscope
//! --pid N`.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::Path;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;

/// Reads the command line. What is neither that nor plain, clap explains, and this does not return.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Cli {
    let arguments: Vec<_> = arguments.into_iter().collect();
    Cli::try_parse_from(&arguments)
        .or_else(|error| {
            // Help and the version are no mistakes.
            let meant = if error.use_stderr() {
                meant(&arguments, io::stdout().is_terminal())
            } else {
                None
            };
            meant.unwrap_or(Err(error))
        })
        .unwrap_or_else(|error| error.exit())
}

/// The same with the command that is meant; `None` where that is not plain. A recording is watched
/// where there is a terminal, and else reported.
fn meant(arguments: &[OsString], on_terminal: bool) -> Option<Result<Cli, clap::Error>> {
    let first = arguments.get(1)?;
    let has_file = arguments.iter().skip(1).any(|word| is_recording(word));
    let is_option = first.as_encoded_bytes().starts_with(b"-");
    // A word that is neither was to be a command, which clap corrects.
    if !is_option && !is_recording(first) {
        return None;
    }
    let commands = match has_file {
        true if on_terminal => &["replay", "live"][..],
        true => &["report", "replay", "live"][..],
        false => &["live"][..],
    };
    let mut last = None;
    for command in commands {
        let with = |at: usize| arguments.iter().skip(at).cloned();
        let words = arguments.iter().take(1).cloned();
        let words = words.chain([OsString::from(command)]).chain(with(1));
        match Cli::try_parse_from(words) {
            Ok(cli) => return Some(Ok(cli)),
            // `--help` is for all commands, and is answered before this.
            Err(error) if error.kind() == ErrorKind::DisplayHelp => return None,
            Err(error) => last = Some(Err(error)),
        }
    }
    last
}

/// Can it be nothing but a recording: a file that is there, or a name that has a folder or an
/// ending, as no command has?
fn is_recording(word: &OsStr) -> bool {
    let text = word.to_string_lossy();
    let is_name = !text.starts_with('-') && (text.contains('/') || text.ends_with(".arrow"));
    text == "-" || text.starts_with("unix:") || is_name || Path::new(word).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;

    fn command(line: &str, on_terminal: bool) -> Option<Command> {
        let words = line.split_whitespace().map(OsString::from);
        let arguments: Vec<_> = [OsString::from("migscope")]
            .into_iter()
            .chain(words)
            .collect();
        meant(&arguments, on_terminal)?.ok()?.command
    }

    #[test]
    fn what_is_meant() {
        let is = |line, on_terminal, expected| {
            let found = command(line, on_terminal).map(|command| match command {
                Command::Live(_) => "live",
                Command::Replay(_) => "replay",
                Command::Report(_) => "report",
                _ => "another",
            });
            assert_eq!(found, Some(expected), "{line}");
        };
        for line in [
            "run.arrow",
            "-",
            "./run",
            "--tab steps run.arrow",
            "a.arrow b.arrow",
        ] {
            is(line, true, "replay");
        }
        is("run.arrow", false, "report");
        is("--json run.arrow", false, "report");
        is("--tab steps run.arrow", false, "replay");
        for line in [
            "--pid 7",
            "--theme light",
            "--cgroup /a/b --totals-only",
            "--export json",
        ] {
            is(line, true, "live");
        }
        for wrong in [
            "reprot",
            "reprot run.arrow",
            "reprot --json",
            "--bogus",
            "--pid x",
            "",
        ] {
            assert!(command(wrong, true).is_none(), "{wrong}");
        }
    }
}
