//! A filter as arguments of the command line, and as text.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches, Id};

use super::Filter;
use super::words::{WORDS, Word};

/// The name of the arguments together.
const GROUP: &str = "Filter";

/// What stands above them in the help.
const HEADING: &str =
    "Only migrations (of a recording also any of several values, such as --pid 7,8)";

/// Reads what stands behind an option: a filter of that condition alone.
#[derive(Clone)]
struct Value(&'static Word);

impl TypedValueParser for Value {
    type Value = Filter;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Filter, clap::Error> {
        let word = self.0;
        let read = move |text: &str| word.read(text);
        read.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = (self.0.values)();
        (!values.is_empty()).then(|| {
            Box::new(values.into_iter().map(PossibleValue::new)) as Box<dyn Iterator<Item = _>>
        })
    }
}

fn argument(word: &'static Word) -> Arg {
    let action = match word.is_list {
        true => ArgAction::Append,
        false => ArgAction::Set,
    };
    let help = match word.in_kernel {
        true => word.help.to_owned(),
        false => format!("{} (of a recording, not while tracing)", word.help),
    };
    Arg::new(word.name)
        .long(word.name)
        .value_name(word.value)
        .help(help)
        .help_heading(HEADING)
        .value_parser(Value(word))
        .action(action)
}

impl Args for Filter {
    fn group_id() -> Option<Id> {
        Some(GROUP.into())
    }

    fn augment_args(command: Command) -> Command {
        let group = ArgGroup::new(GROUP).multiple(true);
        let group = group.args(WORDS.iter().map(|word| word.name));
        command.args(WORDS.iter().map(argument)).group(group)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Filter {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut filter = Self::default();
        filter.update_from_arg_matches(matches)?;
        Ok(filter)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for word in &WORDS {
            let values = matches.get_many::<Self>(word.name);
            values
                .into_iter()
                .flatten()
                .for_each(|more| self.merge(more));
        }
        Ok(())
    }
}

impl FromStr for Filter {
    type Err = String;

    /// Reads `pid=7,8 slower-than=1ms`, and options as on a command line. A word alone is the name
    /// of a command. No words are a filter that lets everything through.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        let mut value_is_next = false;
        let option = |word: String| {
            let is_value = std::mem::take(&mut value_is_next);
            let is_option = word.starts_with('-');
            value_is_next = !is_value && is_option && !word.contains('=');
            match word {
                word if is_value || is_option => word,
                word if word.contains('=') => format!("--{word}"),
                word => format!("--comm={word}"),
            }
        };
        let command = Self::augment_args(Command::new("filter"))
            .no_binary_name(true)
            .disable_help_flag(true)
            .color(clap::ColorChoice::Never);
        let read = command.try_get_matches_from(words.into_iter().map(option));
        let read = read.and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| what_is_wrong(&error))
    }
}

/// The command line's complaint in one sentence, in the words of a filter.
fn what_is_wrong(error: &clap::Error) -> String {
    let told = |kind| {
        error
            .get(kind)
            .map(|value| value.to_string().replace("--", ""))
    };
    if let (ErrorKind::UnknownArgument, Some(word)) = (error.kind(), told(ContextKind::InvalidArg))
    {
        let names = WORDS.each_ref().map(|word| word.name).join(", ");
        return match told(ContextKind::SuggestedArg) {
            Some(near) => format!("there is no word {word}: did you mean {near}?"),
            None => format!("there is no word {word}: expected one of {names}"),
        };
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
