//! `man` and `completions`: what a package installs beside the program, made from the command
//! line's own types.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::stdout_failed;
use crate::Error;
use crate::cli::{self, Cli};

/// Writes all pages to a folder, or one to standard output.
pub(super) fn man(options: &cli::Man) -> Result<(), Error> {
    let mut program = Cli::command();
    program.build();
    match &options.output {
        Some(folder) => all(&program, folder),
        None => one(&program, options.command.as_deref()),
    }
}

/// Writes the completions of a shell to standard output.
pub(super) fn completions(options: &cli::Completions) -> Result<(), Error> {
    let mut program = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut program, "migscope", &mut script);
    print(&script)
}

fn all(program: &clap::Command, folder: &Path) -> Result<(), Error> {
    let failed = |action, path: &Path| {
        let path = path.display().to_string();
        move |cause| Error::Io {
            action,
            path,
            cause,
            advice: "Name a folder that you may write to with -o.",
        }
    };
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let pages = std::iter::once(program).chain(commands(program));
    for command in pages {
        let path = folder.join(format!("{}.1", name(command)));
        fs::write(&path, page(command)).map_err(failed("write", &path))?;
    }
    Ok(())
}

fn one(program: &clap::Command, name: Option<&str>) -> Result<(), Error> {
    let command = match name {
        Some(name) => commands(program).find(|command| command.get_name() == name),
        None => Some(program),
    };
    let command = command.ok_or_else(|| Error::NoCommand {
        name: name.unwrap_or_default().to_owned(),
        names: commands(program)
            .map(clap::Command::get_name)
            .collect::<Vec<_>>()
            .join(", "),
    })?;
    print(&page(command))
}

/// The commands that have pages.
fn commands(program: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    program
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
}

/// The page's name: `migscope-record`.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn page(command: &clap::Command) -> Vec<u8> {
    let page = Man::new(command.clone().disable_help_subcommand(true));
    let mut out = Vec::new();
    // A vector takes everything.
    let _ = page
        .render_title(&mut out)
        .and_then(|()| page.render_name_section(&mut out))
        .and_then(|()| page.render_synopsis_section(&mut out))
        .and_then(|()| page.render_description_section(&mut out))
        .and_then(|()| page.render_options_section(&mut out))
        .and_then(|()| match command.has_subcommands() {
            true => page.render_subcommands_section(&mut out),
            false => Ok(()),
        });
    let after = command.get_after_help().map(ToString::to_string);
    out.extend(sections(&after.unwrap_or_default()).into_bytes());
    out
}

/// What stands below the options in the help, as sections. `Examples:` begins one, and lines that
/// are indented stay as they are.
fn sections(text: &str) -> String {
    let mut page = String::new();
    let mut verbatim = false;
    for line in text.lines() {
        let is_verbatim = line.starts_with("  ");
        if is_verbatim != verbatim {
            page += if is_verbatim { ".nf\n" } else { ".fi\n" };
            verbatim = is_verbatim;
        }
        page += &match line.strip_suffix(':') {
            Some(title) if !is_verbatim && !title.contains(' ') => {
                format!(".SH {}\n", title.to_uppercase())
            }
            _ if line.is_empty() => ".PP\n".to_owned(),
            _ => escaped(line) + "\n",
        };
    }
    page
}

/// A line that is no request to the formatter.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(stdout_failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_on_lines_of_their_own() {
        let text = "Text\n.dot\n\nExamples:\n  a --b\n  c\n\nEnd: it is.";
        let page =
            "Text\n\\&.dot\n.PP\n.SH EXAMPLES\n.nf\n  a \\-\\-b\n  c\n.fi\n.PP\nEnd: it is.\n";
        assert_eq!(sections(text), page);
    }

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Cli::command();
        program.build();
        all(&program, folder.path()).unwrap();
        for command in [
            "", "-live", "-record", "-replay", "-report", "-export", "-serve", "-doctor",
        ] {
            let path = folder.path().join(format!("migscope{command}.1"));
            let page = fs::read_to_string(&path).unwrap();
            assert!(page.contains(".SH EXAMPLES"), "{command}");
            assert!(page.contains("migscope"), "{command}");
        }
    }
}
