//! What a call costs, and what a page: a straight line through the costs of several sizes.

use serde::Serialize;

/// A cost that grows with the pages, in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Fit {
    pub(super) fixed: f64,
    pub(super) per_page: f64,
}

/// A size: its pages, what it costs, and how long such a call is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) pages: f64,
    pub(super) cost: f64,
    pub(super) length: f64,
}

impl Fit {
    /// The line with the least squares of errors, each in proportion to the length of the call, as
    /// what disturbs it is. `None` for fewer than two sizes.
    pub(super) fn of(points: &[Point]) -> Option<Self> {
        let weight = |point: &Point| point.length.powi(-2);
        let sum = |value: fn(&Point) -> f64| -> f64 {
            points
                .iter()
                .map(|point| weight(point) * value(point))
                .sum()
        };
        let (ones, pages, costs) = (sum(|_| 1.0), sum(|p| p.pages), sum(|p| p.cost));
        let squares = sum(|p| p.pages * p.pages);
        let products = sum(|p| p.pages * p.cost);
        let determinant = ones * squares - pages * pages;
        // One size, however often, lies on every line.
        (determinant > 1e-9 * ones * squares).then(|| Fit {
            fixed: (squares * costs - pages * products) / determinant,
            per_page: (ones * products - pages * costs) / determinant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(pages: f64, cost: f64) -> Point {
        let length = 10_000.0 + 5_000.0 * pages;
        Point {
            pages,
            cost,
            length,
        }
    }

    #[test]
    fn a_line_is_found() {
        let points =
            [1.0, 8.0, 64.0, 512.0, 4096.0].map(|pages| point(pages, 2_940.0 + 22.0 * pages));
        let fit = Fit::of(&points).unwrap();
        assert!((fit.fixed - 2_940.0).abs() < 0.01, "{fit:?}");
        assert!((fit.per_page - 22.0).abs() < 0.0001, "{fit:?}");
    }

    #[test]
    fn what_disturbs_a_long_call_does_not_move_the_fixed_part() {
        let mut points = [1.0, 8.0, 64.0, 512.0, 4096.0].map(|pages| point(pages, 3_000.0));
        points[4].cost += 20_000.0;
        let fit = Fit::of(&points).unwrap();
        assert!((fit.fixed - 3_000.0).abs() < 10.0, "{fit:?}");
    }

    #[test]
    fn one_size_makes_no_line() {
        assert_eq!(Fit::of(&[]), None);
        assert_eq!(Fit::of(&[point(8.0, 1.0), point(8.0, 2.0)]), None);
    }
}
