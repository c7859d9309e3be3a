//! A line through points, in constant memory.

/// What a call costs by itself, and what each page that it asks for adds: `time = fixed + per_page
/// * requested`.
///
/// A line of least squares, each call weighted by one over its pages: what a page takes varies from
/// page to page, so that a call of many varies more. The errors are those of 95% intervals: so much
/// either way holds the truth in 19 of 20 runs, if time really grows in a straight line. There is
/// no line through calls of one size, nor an error with fewer than three calls, and where a cost is
/// certainly below 0, time does not grow in a straight line; then there is no `Fit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// What a call costs, however many pages it has, nanoseconds.
    pub fixed_ns: f64,
    /// Half the width of its 95% interval.
    pub fixed_error_ns: f64,
    /// What each page adds, nanoseconds.
    pub per_page_ns: f64,
    /// Half the width of its 95% interval.
    pub per_page_error_ns: f64,
    /// How many calls it rests on.
    pub calls: u64,
    /// Pages of the largest of them: of larger calls it says nothing.
    pub most_pages: u64,
}

impl Fit {
    /// What a call costs and its error; `None` where that cannot be told from 0.
    pub fn fixed(&self) -> Option<(f64, f64)> {
        let shows = self.fixed_ns > self.fixed_error_ns;
        shows.then_some((self.fixed_ns, self.fixed_error_ns))
    }

    /// What each page adds and its error; `None` where that cannot be told from 0.
    pub fn per_page(&self) -> Option<(f64, f64)> {
        let shows = self.per_page_ns > self.per_page_error_ns;
        shows.then_some((self.per_page_ns, self.per_page_error_ns))
    }

    /// How many pages cost as much as the call itself: with fewer, most of the time is the call's.
    /// `None` where one of the two does not show.
    pub fn break_even_pages(&self) -> Option<f64> {
        self.pages_for(0.5)
    }

    /// How many pages a call needs for its fixed cost to be at most this share of its time, 0 to 1.
    /// `None` where one of the two costs does not show.
    pub fn pages_for(&self, fixed_share: f64) -> Option<f64> {
        let ((fixed_ns, _), (per_page_ns, _)) = self.fixed().zip(self.per_page())?;
        (fixed_share > 0.0).then(|| fixed_ns / per_page_ns * (1.0 - fixed_share) / fixed_share)
    }

    /// The time of a call of so many pages, nanoseconds.
    pub fn time_ns(&self, pages: f64) -> f64 {
        self.fixed_ns + self.per_page_ns * pages
    }
}

/// The pages of a call, at least 1, and its weight.
#[derive(Clone, Copy)]
pub(super) struct Pages {
    pages: u64,
    inverse: f64,
}

impl Pages {
    pub(super) fn new(pages: u64) -> Self {
        Self {
            pages,
            inverse: 1.0 / pages as f64,
        }
    }
}

/// Sums from which the line follows. `x` are pages, `y` nanoseconds; the weight of a point is `1 /
/// x`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points {
    calls: u64,
    /// Their smallest and largest `x`. Without one, those that give way to every other.
    least: u64,
    most: u64,
    inverse: f64,
    x: f64,
    y: f64,
    y_by_x: f64,
    yy_by_x: f64,
}

impl Default for Points {
    fn default() -> Self {
        Self {
            calls: 0,
            least: u64::MAX,
            most: 0,
            inverse: 0.0,
            x: 0.0,
            y: 0.0,
            y_by_x: 0.0,
            yy_by_x: 0.0,
        }
    }
}

impl Points {
    /// Adds a call of `x` pages that took `y` nanoseconds.
    pub(super) fn add(&mut self, x: Pages, y: u64) {
        let (inverse, y) = (x.inverse, y as f64);
        let x = x.pages;
        self.least = self.least.min(x);
        self.most = self.most.max(x);
        self.calls = self.calls.saturating_add(1);
        self.inverse += inverse;
        self.x += x as f64;
        self.y += y;
        self.y_by_x += y * inverse;
        self.yy_by_x += y * y * inverse;
    }

    /// The line; `None` if the points do not tell.
    pub(super) fn fit(&self) -> Option<Fit> {
        let n = self.calls as f64;
        let det = self.inverse * self.x - n * n;
        if self.least >= self.most || self.calls < 3 || det <= 0.0 {
            return None;
        }
        let per_page = (self.inverse * self.y - n * self.y_by_x) / det;
        let fixed = (self.x * self.y_by_x - n * self.y) / det;
        // Rounding may make nothing less than nothing.
        let squares = (self.yy_by_x - fixed * self.y_by_x - per_page * self.y).max(0.0);
        let variance = squares / (n - 2.0);
        let wide = width(self.calls - 2);
        let fit = Fit {
            fixed_ns: fixed,
            fixed_error_ns: wide * (variance * self.x / det).sqrt(),
            per_page_ns: per_page,
            per_page_error_ns: wide * (variance * self.inverse / det).sqrt(),
            calls: self.calls,
            most_pages: self.most,
        };
        let is_straight = fixed >= -fit.fixed_error_ns - ROUNDING
            && per_page >= -fit.per_page_error_ns - ROUNDING;
        (fixed.is_finite() && per_page.is_finite() && is_straight).then_some(fit)
    }
}

/// What is closer to 0 than this is nothing, nanoseconds.
const ROUNDING: f64 = 1e-3;

/// How many standard errors a 95% interval reaches to either side: Student's t, by the calls beyond
/// the two that a line takes.
fn width(freedom: u64) -> f64 {
    const FEW: [f64; 10] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
    let few = FEW.get((freedom.max(1) - 1) as usize);
    few.copied().unwrap_or_else(|| 1.96 + 2.7 / freedom as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1, the same for the same seed.
    fn noise(seed: &mut u64) -> f64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed % 2001) as f64 / 1000.0 - 1.0
    }

    #[test]
    fn errors_say_how_far_off_it_may_be() {
        let mut seed = 1;
        let mut within = 0;
        for _ in 0..400 {
            let mut points = Points::default();
            for call in 0..200 {
                let x = 1u64 << (call % 10);
                let spread = 400.0 * (x as f64).sqrt() * noise(&mut seed);
                points.add(Pages::new(x), (5000.0 + 70.0 * x as f64 + spread) as u64);
            }
            let fit = points.fit().unwrap();
            let is_within = (fit.fixed_ns - 5000.0).abs() < fit.fixed_error_ns
                && (fit.per_page_ns - 70.0).abs() < fit.per_page_error_ns;
            within += u32::from(is_within);
        }
        // 95% of each; both together somewhat less.
        assert!((340..400).contains(&within), "{within} of 400");
    }

    #[test]
    fn a_share_of_the_fixed_cost_takes_so_many_pages() {
        let mut points = Points::default();
        (1..50).for_each(|x| points.add(Pages::new(x), 900 + 10 * x));
        let fit = points.fit().unwrap();
        let close = |got: Option<f64>, expected: f64| (got.unwrap() - expected).abs() < 1e-6;
        assert!(close(fit.break_even_pages(), 90.0));
        assert!(close(fit.pages_for(0.1), 810.0));
        assert!((fit.time_ns(100.0) - 1900.0).abs() < 1e-6);
        let unsure = Fit {
            per_page_error_ns: 11.0,
            ..fit
        };
        assert_eq!((unsure.per_page(), unsure.break_even_pages()), (None, None));
        let mut falling = Points::default();
        (1..50).for_each(|x| falling.add(Pages::new(x), 9000 - 10 * x));
        assert_eq!(falling.fit(), None);
    }
}
