//! Bars and small charts of text.

/// Eighths of a cell from the left.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Heights of a cell from below.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for a share of 0 to 1, of at most `width` columns. What is there shows, however little it
/// is.
pub(in crate::dashboard) fn bar(share: f64, width: u16) -> String {
    let exact = share.clamp(0.0, 1.0) * f64::from(width) * 8.0;
    let eighths = exact.round().max(f64::from(exact > 0.0)) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

/// A column for each value, the highest as high as the line. What is there shows.
pub(in crate::dashboard) fn sparkline(values: impl Iterator<Item = u64> + Clone) -> String {
    let most = values.clone().max().unwrap_or(0).max(1) as f64;
    let height = |value: u64| match value {
        0 => HEIGHTS[0],
        _ => HEIGHTS[((value as f64 / most * 8.0).round() as usize).clamp(1, 8)],
    };
    values.map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_shows() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.3, 4), "█▎");
        assert_eq!(bar(1e-9, 4), "▏");
        assert_eq!((bar(0.0, 4), bar(9.0, 2)), (String::new(), "██".to_owned()));
        assert_eq!(sparkline([0, 1, 500, 1000].into_iter()), " ▁▄█");
        assert_eq!(sparkline([0].into_iter()), " ");
    }
}
