//! Which part of the overview gets which lines of it.

use ratatui::layout::Rect;

/// What the layout depends on besides the size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Directions that are listed.
    pub(super) directions: u16,
    /// Lines of the ledger's legend at this width.
    pub(super) legend: u16,
    /// Lines below the five steps.
    pub(super) below_steps: u16,
}

/// Where each part stands. A part without room has no lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The head of the rates; the rates themselves follow it.
    pub(super) rates_head: Rect,
    pub(super) rates: Rect,
    pub(super) ledger_head: Rect,
    pub(super) bar: Rect,
    pub(super) legend: Rect,
    pub(super) steps: Rect,
    pub(super) findings: Rect,
}

/// The five steps with their head.
const STEPS: u16 = 6;

/// The fewest lines in which findings are of use, with their head.
const FINDINGS: u16 = 2;

/// What the findings get before charts grow.
const FINDINGS_GOOD: u16 = 10;

/// The most lines of one chart.
const CHART: u16 = 6;

/// How many lines each part gets.
#[derive(Default)]
struct Lines {
    rates_head: u16,
    rates: u16,
    ledger_head: u16,
    bar: u16,
    legend: u16,
    steps: u16,
    findings: u16,
    gap: u16,
}

impl Lines {
    /// Gives out lines, what matters most first.
    fn share(height: u16, wanted: Wanted) -> Self {
        let mut left = height;
        let mut take = |lines: u16| {
            let given = if left >= lines { lines } else { 0 };
            left -= given;
            given
        };
        let mut lines = Self {
            rates: take(wanted.directions),
            // Without it, the numbers have no units.
            rates_head: take(1),
            bar: take(1),
            ..Self::default()
        };
        lines.steps = take(STEPS + wanted.below_steps);
        lines.findings = take(FINDINGS);
        lines.legend = take(wanted.legend);
        lines.ledger_head = take(1);
        lines.gap = take(3) / 3;
        if lines.findings > 0 {
            lines.findings += take(FINDINGS_GOOD - FINDINGS);
            let few = lines.findings < FINDINGS_GOOD;
            lines.findings += if few { take(2) } else { 0 };
        }
        if lines.findings >= FINDINGS_GOOD {
            for _ in 1..CHART {
                lines.rates += take(wanted.directions);
            }
        }
        lines.findings += if lines.findings > 0 { left } else { 0 };
        lines
    }
}

/// Places the parts from top to bottom.
pub(super) fn places(area: Rect, wanted: Wanted) -> Places {
    let lines = Lines::share(area.height, wanted);
    let mut y = area.y;
    let mut next = |height: u16| {
        let height = height.min(area.bottom().saturating_sub(y));
        let place = Rect {
            x: area.x,
            y,
            width: area.width,
            height,
        };
        y += height;
        place
    };
    let rates_head = next(lines.rates_head);
    let rates = next(lines.rates);
    next(lines.gap);
    let ledger_head = next(lines.ledger_head);
    let bar = next(lines.bar);
    let legend = next(lines.legend);
    next(lines.gap);
    let steps = next(lines.steps);
    next(lines.gap);
    let findings = next(lines.findings);
    Places {
        rates_head,
        rates,
        ledger_head,
        bar,
        legend,
        steps,
        findings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_nor_leave_the_screen() {
        for height in 0..=120 {
            for (directions, legend) in [(2, 2), (3, 8), (2, 4)] {
                let area = Rect::new(0, 0, 80, height);
                let p = places(
                    area,
                    Wanted {
                        directions,
                        legend,
                        below_steps: 1,
                    },
                );
                let parts = [
                    p.rates_head,
                    p.rates,
                    p.ledger_head,
                    p.bar,
                    p.legend,
                    p.steps,
                    p.findings,
                ];
                let used: u16 = parts.iter().map(|part| part.height).sum();
                assert!(used <= height, "{height}: {p:?}");
                for pair in parts.windows(2).filter(|pair| pair[1].height > 0) {
                    assert!(pair[0].bottom() <= pair[1].y, "{height}: {p:?}");
                    assert!(pair[1].bottom() <= height, "{height}: {p:?}");
                }
            }
        }
    }

    #[test]
    fn the_smallest_screens_keep_what_matters() {
        let wanted = Wanted {
            directions: 2,
            legend: 3,
            below_steps: 0,
        };
        let p = places(Rect::new(0, 0, 20, 3), wanted);
        assert_eq!([p.rates_head, p.rates].map(|part| part.height), [1, 2]);
        let p = places(Rect::new(0, 0, 80, 21), wanted);
        assert!(p.findings.height >= FINDINGS && p.steps.height == STEPS);
    }
}
