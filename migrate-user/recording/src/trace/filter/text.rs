//! How values are written: several with commas between them, and times with their unit.

use std::borrow::Cow;

/// The parts between commas. A backslash takes the special meaning from a comma and a backslash.
pub(super) fn elements(text: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, elements.last_mut()) {
            (',', _) => elements.push(String::new()),
            ('\\', Some(last)) => last.extend(letters.next()),
            (_, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    elements
}

/// A value as it stands in a filter, from where it is read back as one.
pub fn quoted(value: &str) -> String {
    // No argument and no name of the kernel's has a zero byte.
    let value = escaped(value).replace('\0', "");
    shlex::try_quote(&value).map_or_else(|_| value.clone(), Cow::into_owned)
}

/// A value that [`elements`] reads back as one.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,")
}

/// A time in the largest unit of which it is a whole number: it is read back as the same.
pub(super) fn duration(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let whole = units.into_iter().find(|(unit, _)| ns.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "ns"));
    format!("{}{name}", ns / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_commas() {
        assert_eq!(elements("a,b\\,c,\\\\,"), ["a", "b,c", "\\", ""]);
        for value in ["a,b", "\\", ",,\\,", "a"] {
            assert_eq!(elements(&escaped(value)), [value]);
        }
    }

    #[test]
    fn times_have_the_largest_unit() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500_000, "1500us"),
            (2_000_000_000, "2s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }
}
