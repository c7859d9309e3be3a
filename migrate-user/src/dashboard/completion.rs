//! What can stand where the cursor is.

use clap::ValueEnum;

use crate::export::Format;
use crate::trace::{filter::Seen, filter::quoted, filter::words::WORDS, filter::words::word};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Which migrations to show.
    Filter,
    /// What to export, and where to.
    Export,
    /// Whether a file that is there is to be replaced.
    Replace,
}

/// What is written in place of the text before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) text: String,
    /// What can follow, where that is more than one thing.
    pub(super) choices: Vec<String>,
}

/// Completes the text before the cursor as far as there is only one way to go on; `None` where
/// nothing that is known begins so.
pub(super) fn complete(asks: Asks, before: &str, seen: &Seen) -> Option<Completion> {
    let (kept, begun, candidates) = match asks {
        Asks::Filter => filter(before, seen),
        Asks::Export => ("", before, formats()),
        Asks::Replace => return None,
    };
    let choices: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| candidate.starts_with(begun))
        .collect();
    let common = common(&choices)?;
    Some(Completion {
        text: format!("{kept}{common}"),
        choices: if choices.len() > 1 {
            choices
        } else {
            Vec::new()
        },
    })
}

/// What stays, what is begun, and what it can become: a word, or one more value of a word.
fn filter<'a>(before: &'a str, seen: &Seen) -> (&'a str, &'a str, Vec<String>) {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let Some((name, value)) = before[start..].split_once('=') else {
        let names = WORDS.iter().map(|word| format!("{}=", word.name));
        return (&before[..start], &before[start..], names.collect());
    };
    let begun = value.rsplit(',').next().unwrap_or(value);
    let kept = &before[..before.len() - begun.len()];
    let name = name.trim_start_matches('-');
    let few = word(name).map(|word| (word.values)()).unwrap_or_default();
    let values = few.into_iter().chain(seen.values(name));
    (kept, begun, values.map(quoted).collect())
}

fn formats() -> Vec<String> {
    let values = Format::value_variants().iter();
    let values = values.filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

/// What all of them begin with.
fn common(choices: &[String]) -> Option<String> {
    let (first, rest) = choices.split_first()?;
    let agrees = |length: &usize| {
        let begin = first.get(..*length);
        begin.is_some_and(|begin| rest.iter().all(|choice| choice.starts_with(begin)))
    };
    let length = (0..=first.len()).rev().find(agrees).unwrap_or(0);
    Some(first[..length].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    fn completed(before: &str) -> Option<(String, Vec<String>)> {
        let mut seen = Seen::default();
        let batch = Synthetic::new(1).batch(500);
        batch.migrations.each(|row| seen.note(row));
        let completion = complete(Asks::Filter, before, &seen)?;
        Some((completion.text, completion.choices))
    }

    #[test]
    fn words_then_values() {
        let only = |text: &str| Some((text.to_owned(), Vec::new()));
        assert_eq!(completed("pid=7 dri"), only("pid=7 driver="));
        assert_eq!(completed("outcome=rol"), only("outcome=rolled_back"));
        assert_eq!(
            completed("direction=to_device,to_s"),
            only("direction=to_device,to_system")
        );
        assert_eq!(completed("comm=tr"), only("comm=trainer"));
        let (text, choices) = completed("d").unwrap();
        assert_eq!(
            (text.as_str(), choices),
            ("d", vec!["driver=".into(), "direction=".into()])
        );
        let (text, choices) = completed("direction=to").unwrap();
        assert_eq!((text.as_str(), choices.len()), ("direction=to_", 2));
        assert_eq!(completed("colour=r"), None);
        assert_eq!(completed("outcome=x"), None);
    }

    #[test]
    fn formats_of_an_export() {
        let seen = Seen::default();
        let completion = complete(Asks::Export, "par", &seen).unwrap();
        assert_eq!(completion.text, "parquet");
    }
}
