//! How often a step took how long, on a logarithmic scale, with a cursor that reads it.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::chart;
use crate::model::Distribution;
use crate::text::{count, duration, percent};

/// Columns for each doubling of the duration: what any screen can show.
const PER_DOUBLING: usize = 4;

/// The bits of a duration that tell columns apart.
const BITS: u32 = PER_DOUBLING.ilog2();

/// The column of a duration.
fn column(ns: u64) -> usize {
    let ns = ns.max(1 << BITS);
    let bits = ns.ilog2();
    let part = (ns >> (bits - BITS)) as usize % PER_DOUBLING;
    (bits as usize - BITS as usize) * PER_DOUBLING + part
}

/// The shortest duration of a column, nanoseconds.
fn begin(column: usize) -> u64 {
    let bits = (column / PER_DOUBLING) as u32;
    let part = (column % PER_DOUBLING) as u64;
    if column == 0 {
        return 0;
    }
    ((1 << BITS) + part) << bits.min(61)
}

/// The columns with values, from the first to the last of them.
pub(in crate::dashboard) struct Histogram {
    first: usize,
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// `None` if there is no value.
    pub(in crate::dashboard) fn new(durations: &Distribution) -> Option<Self> {
        let total = durations.count();
        let (smallest, _) = durations.values().next()?;
        let last = column(durations.values().last()?.0);
        let first = column(smallest);
        let mut counts = vec![0; last - first + 1];
        for (ns, times) in durations.values() {
            counts[column(ns) - first] += times;
        }
        Some(Self {
            first,
            counts,
            total,
        })
    }

    /// How many columns there are.
    pub(in crate::dashboard) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The column in which this share of all values is reached.
    pub(in crate::dashboard) fn at_quantile(&self, quantile: f64) -> usize {
        let mut sum = 0;
        let reached = |count: &u64| {
            sum += count;
            sum as f64 >= quantile * self.total as f64
        };
        self.counts.iter().position(reached).unwrap_or(0)
    }

    /// What the cursor reads.
    fn reading(&self, at: usize) -> String {
        let share = |number: u64| percent(number as f64 / self.total as f64);
        let up_to: u64 = self.counts[..=at].iter().sum();
        format!(
            "{} to {}: {} of {} ({}); {} are not longer",
            duration(begin(self.first + at)),
            duration(begin(self.first + at + 1)),
            count(self.counts[at]),
            count(self.total),
            share(self.counts[at]),
            share(up_to),
        )
    }

    /// Draws the columns over a scale, with the cursor at a column.
    pub(in crate::dashboard) fn draw(&self, cursor: usize, canvas: &mut Canvas<'_>, area: Rect) {
        if area.height < 3 {
            return canvas.put_reading(area, &self.reading(cursor));
        }
        canvas.put_reading(area, &self.reading(cursor));
        let wide = (usize::from(area.width) / self.len()).clamp(1, 4);
        // Where there are more columns than the screen has, the cursor is kept in sight.
        let fits = (usize::from(area.width) / wide).max(1);
        let from = cursor.saturating_sub(fits - 1).min(self.len());
        let to = (from + fits).min(self.len());
        let shown = &self.counts[from..to];
        let most = shown.iter().copied().max().unwrap_or(0);
        let repeated = shown.iter().flat_map(|c| std::iter::repeat_n(*c, wide));
        let values: Vec<u64> = repeated
            .map(|count| visible(count, most, area.height))
            .collect();
        let plot = left(below(area, 1), values.len() as u16);
        let plot = top(plot, area.height - 2);
        chart::draw(&values, most, canvas.theme.bar(), plot, canvas.buffer);
        let marked = Rect {
            x: plot.x + ((cursor - from) * wide) as u16,
            width: wide as u16,
            ..plot
        };
        canvas.buffer.set_style(marked, canvas.theme.warning());
        let scale = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        self.scale(from..to, wide, marked, canvas, scale);
        let sign = "▲".repeat(wide);
        canvas.put(
            Rect {
                y: scale.y,
                ..marked
            },
            &sign,
            canvas.theme.key(),
        );
    }

    /// Draws where durations begin, as many as there is room for beside the cursor.
    fn scale(
        &self,
        columns: Range<usize>,
        wide: usize,
        cursor: Rect,
        canvas: &mut Canvas<'_>,
        area: Rect,
    ) {
        let mut free = area.x;
        for at in columns.clone() {
            let x = area.x + ((at - columns.start) * wide) as u16;
            let text = format!("╵{}", duration(begin(self.first + at)));
            let end = x + Line::raw(&text).width() as u16;
            if x < free || (x < cursor.right() && cursor.x < end) {
                continue;
            }
            free = canvas.put(with_x(area, x), &text, canvas.theme.quiet()) + 2;
        }
    }
}

/// A count as high as it takes to be seen.
fn visible(count: u64, most: u64, height: u16) -> u64 {
    if count == 0 {
        return 0;
    }
    count.max(most.div_ceil(u64::from(height.saturating_sub(2).max(1)) * 8))
}

impl Canvas<'_> {
    fn put_reading(&mut self, area: Rect, text: &str) {
        self.put(area, text, ratatui::style::Style::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::trace::{Batch, Step};
    use migscope_testkit::{Synthetic, facts};

    #[test]
    fn columns_begin_where_they_say() {
        for at in 1..200 {
            assert_eq!((column(begin(at)), column(begin(at + 1) - 1)), (at, at));
        }
        assert_eq!((column(0), begin(0)), (0, 0));
        column(u64::MAX);
    }

    #[test]
    fn the_cursor_reads_what_is_there() {
        let mut model = Model::new(facts());
        let mut batch = Synthetic::new(1).batch(4);
        for (migration, ns) in batch
            .migrations
            .make()
            .iter_mut()
            .zip([100, 1000, 1000, 9000])
        {
            migration.steps = [Some(ns), None, None, None, None];
        }
        model.apply(Batch { ..batch });
        let histogram = Histogram::new(&model.steps().of(Step::Setup, None)).unwrap();
        let at = histogram.at_quantile(0.5);
        assert_eq!(
            histogram.reading(at),
            "896 ns to 1.02 µs: 2 of 4 (50.0%); 75.0% are not longer"
        );
        assert_eq!(histogram.at_quantile(1.0), histogram.len() - 1);
        assert!(Histogram::new(&model.steps().of(Step::Pages, None)).is_none());
    }
}
