//! A filter as options of a command.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches, Id};

use crate::trace::Filter;
use crate::trace::filter::words::{WORDS, Word};

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

/// Which migrations a command is about: an option for each condition.
#[derive(Clone, Debug, Default)]
pub struct Only(pub Filter);

impl Args for Only {
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

impl FromArgMatches for Only {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut only = Self::default();
        only.update_from_arg_matches(matches)?;
        Ok(only)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for word in &WORDS {
            let values = matches.get_many::<Filter>(word.name);
            values
                .into_iter()
                .flatten()
                .for_each(|more| self.0.merge(more));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ContextKind;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true, disable_help_flag = true)]
    struct Options {
        #[command(flatten)]
        only: Only,
    }

    /// The same as options; none of these words has a space.
    fn by_options(words: &str) -> Result<Filter, clap::Error> {
        let options = words.split(' ').map(|word| format!("--{word}"));
        Options::try_parse_from(options).map(|options| options.only.0)
    }

    #[test]
    fn options_and_words_mean_the_same() {
        for words in [
            "pid=7,8 pid=9 tid=1 comm=a,b worker=kworker/u8:1",
            "cgroup=/a driver=amdgpu direction=to_device cause=eviction outcome=rejected errno=22",
            "min-pages=0 slower-than=1ms address=0x1000..0x2000 time=1s..",
        ] {
            let filter = by_options(words).unwrap();
            assert_eq!(words.parse(), Ok(filter), "{words}");
        }
        let apart: Filter = "--pid 7 --comm 'a b'".parse().unwrap();
        assert_eq!(apart.words(), "pid=7 comm='a b'");
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said_alike() {
        for words in [
            "pid=x",
            "pid=0",
            "pid=",
            "pid=1,",
            "pid",
            "direction=up",
            "cgroup=a/b",
            "time=10s",
            "min-pages=1 min-pages=2",
            "address=0x2..0x1",
            "slower-than=soon",
        ] {
            let said = by_options(words).unwrap_err().to_string();
            // A word alone is a name.
            let written = words.replace(' ', " --");
            let wrong = format!("--{written}").parse::<Filter>().unwrap_err();
            assert_eq!(said.lines().next(), Some(&*format!("error: {wrong}")));
        }
    }

    #[test]
    fn what_was_mistyped_is_taken_for_the_same_word() {
        for name in [
            "pidd", "colour", "dirver", "drive", "adress", "slower", "min", "worke", "co", "tmie",
        ] {
            let error = by_options(&format!("{name}=1")).unwrap_err();
            let near = error
                .get(ContextKind::SuggestedArg)
                .map(ToString::to_string);
            let near = near.map(|near| format!("did you mean {}?", near.replace("--", "")));
            let wrong = format!("{name}=1").parse::<Filter>().unwrap_err();
            let meant = wrong
                .split(": ")
                .nth(1)
                .filter(|meant| meant.starts_with("did"));
            assert_eq!(meant, near.as_deref(), "{wrong}");
        }
    }
}
