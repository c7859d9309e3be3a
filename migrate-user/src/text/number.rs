//! Counts, quantities and shares.

/// An exact count: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A mean of counts, to a tenth where it is not whole: `1,234.5`.
pub fn mean_count(mean: f64) -> String {
    let tenths = (mean.max(0.0) * 10.0).round() as u64;
    match (tenths / 10, tenths % 10) {
        (whole, _) if mean.fract() == 0.0 => count(whole),
        (whole, tenth) => format!("{}.{tenth}", count(whole)),
    }
}

/// A quantity to three digits: `12.3 k`.
pub fn quantity(number: f64) -> String {
    scaled(number, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// A number of bytes to three digits: `4.88 MiB`.
pub fn bytes(number: f64) -> String {
    scaled(
        number,
        1024.0,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
    )
}

/// A share of 0 to 1: `12.3%`. What is there but rounds to nothing is `<0.1%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "<0.1%".to_owned()
    } else if percent > 99.95 && percent < 100.0 {
        ">99.9%".to_owned()
    } else if percent == 0.0 || percent >= 100.0 {
        format!("{percent:.0}%")
    } else {
        format!("{percent:.1}%")
    }
}

/// Three significant digits and a unit. A number below 10 that is whole stays so.
pub(super) fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut unit = 0;
    // What would be rounded up to four digits goes to the next unit.
    while number >= 999.5 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let digits = match number {
        n if unit == 0 && n.fract() == 0.0 => 0,
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {}", units[unit])
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn means_have_a_tenth_where_they_are_not_whole() {
        let cases = [
            (0.0, "0"),
            (1234.0, "1,234"),
            (1234.56, "1,234.6"),
            (999.98, "1,000.0"),
            (0.01, "0.0"),
        ];
        for (mean, text) in cases {
            assert_eq!(mean_count(mean), text);
        }
    }

    #[test]
    fn quantities_have_three_digits() {
        let cases = [
            (0.0, "0"),
            (7.0, "7"),
            (0.25, "0.25"),
            (999.4, "999"),
            (999.6, "1.00 k"),
            (12_345.0, "12.3 k"),
            (1.5e6, "1.50 M"),
            (1e30, "1000000000000 E"),
        ];
        for (number, text) in cases {
            assert_eq!(quantity(number), text);
        }
        assert_eq!(bytes(4096.0), "4.00 KiB");
        assert_eq!(bytes(1000.0), "0.98 KiB");
    }

    #[test]
    fn shares_never_hide_what_is_there() {
        let cases = [
            (0.0, "0%"),
            (0.0001, "<0.1%"),
            (0.123, "12.3%"),
            (0.9999, ">99.9%"),
            (1.0, "100%"),
        ];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
    }
}
