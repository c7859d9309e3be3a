//! The order of Debian's version numbers, as deb-version(7) defines it (without epochs, which our
//! packages lack).

use std::cmp::Ordering;

/// Compares two versions.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let (text_left, text_right) = (take(&mut left, false), take(&mut right, false));
        let (number_left, number_right) = (take(&mut left, true), take(&mut right, true));
        let order = compare_text(text_left, text_right)
            .then_with(|| compare_number(number_left, number_right));
        if order != Ordering::Equal || (left.is_empty() && right.is_empty()) {
            return order;
        }
    }
}

/// Takes the digits, or the non-digits, that a text begins with.
fn take<'a>(text: &mut &'a str, digits: bool) -> &'a str {
    let end = text
        .find(|c: char| c.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    *text = rest;
    head
}

fn compare_number(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// `~` comes before the end, the end before letters, letters before everything else.
fn compare_text(left: &str, right: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    };
    let length = left.len().max(right.len());
    let weights = |text: &str| {
        (0..length)
            .map(|index| weight(text.as_bytes().get(index).copied()))
            .collect::<Vec<_>>()
    };
    weights(left).cmp(&weights(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_does() {
        let ascending = [
            "6.12.107-1",
            "7.2.9-1~bpo13+1",
            "7.2.9-1",
            "7.2.12-1~bpo13+1",
            "7.2.12-1",
            "7.2.12-1+b1",
            "7.2.12-2",
            "7.2.13-1",
            "7.3~rc1-1",
            "7.3-1",
            "7.3.4-1~bpo13+1",
            "7.10-1",
        ];
        for (index, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), index.cmp(&other), "{left} {right}");
            }
        }
        assert_eq!(compare("1.095", "1.95"), Ordering::Equal);
    }
}
