//! A filter from text.

use std::iter::Peekable;
use std::str::FromStr;

use super::Filter;
use super::words::{WORDS, Word, word};

/// How alike what was written has to be to a word that there is, to be taken for that mistyped: as
/// on the command line.
const ALIKE: f64 = 0.7;

impl FromStr for Filter {
    type Err = String;

    /// Reads `pid=7,8 slower-than=1ms`, and options as on a command line. A word alone is the name
    /// of a command. No words are a filter that lets everything through.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        let mut words = words.into_iter().peekable();
        let mut filter = Self::default();
        while let Some(written) = words.next() {
            let (word, value) = condition(&written, &mut words)?;
            filter.also(word, &value)?;
        }
        Ok(filter)
    }
}

impl Filter {
    /// Asks for a value of a condition, beside what is asked for already.
    fn also(&mut self, word: &Word, value: &str) -> Result<(), String> {
        if !word.is_list && !word.told(self).is_empty() {
            let option = as_option(word);
            return Err(format!(
                "the argument {option} cannot be used multiple times"
            ));
        }
        let more = word.read(value).map_err(|wrong| {
            let said = format!("invalid value '{value}' for {}: {wrong}", as_option(word));
            said.lines().next().unwrap_or_default().to_owned()
        })?;
        self.merge(&more);
        Ok(())
    }
}

/// What is asked for here: `pid=7`, `--pid=7`, `--pid` and the value behind it, or a name.
fn condition(
    written: &str,
    behind: &mut Peekable<impl Iterator<Item = String>>,
) -> Result<(&'static Word, String), String> {
    let is_option = written.starts_with('-');
    let named = written.strip_prefix("--").unwrap_or(written);
    match named.split_once('=') {
        _ if is_option && named == written => Err(unknown(&first_letter(written))),
        Some((name, value)) => Ok((known(name)?, value.to_owned())),
        None if is_option => {
            let word = known(named)?;
            let value = behind.next_if(|next| next == "-" || !next.starts_with('-'));
            let value = value.ok_or_else(|| {
                let option = as_option(word);
                format!("a value is required for {option} but none was supplied")
            })?;
            Ok((word, value))
        }
        None => Ok((known("comm")?, written.to_owned())),
    }
}

/// There are no options of one letter: all that is said of several is the first.
fn first_letter(written: &str) -> String {
    written.chars().take(2).collect()
}

fn known(name: &str) -> Result<&'static Word, String> {
    word(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> String {
    let near = WORDS
        .iter()
        .map(|word| (strsim::jaro(name, word.name), word.name))
        .filter(|(alike, _)| !name.starts_with('-') && *alike > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match near {
        Some((_, near)) => format!("there is no word {name}: did you mean {near}?"),
        None => {
            let names = WORDS.each_ref().map(|word| word.name).join(", ");
            format!("there is no word {name}: expected one of {names}")
        }
    }
}

/// As the command line's help and its complaints have it.
fn as_option(word: &Word) -> String {
    format!("'--{} <{}>'", word.name, word.value)
}
