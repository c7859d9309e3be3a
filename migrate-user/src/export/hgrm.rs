//! HdrHistogram's percentile distribution, as its own tools write and plot it: how long migrations
//! took, or one step of them, in nanoseconds.

use std::io;

use hdrhistogram::Histogram;

use super::{Export, Notes, Out};
use crate::trace::{Batch, Facts, Step, histogram::DIGITS, histogram::new_histogram};

/// Lines for each halving of the distance to 100%, as in HdrHistogram's own output.
const TICKS_PER_HALF: u32 = 5;

/// Places in each power of two, in HdrHistogram's words, that two significant digits take.
const SUB_BUCKETS: u32 = 256;

/// The percentile distribution.
pub struct Hgrm {
    /// Of which step; `None`: of all together.
    pub step: Option<Step>,
}

impl Hgrm {
    /// Of all steps together.
    pub const ALL: Self = Self { step: None };
}

impl Export for Hgrm {
    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let mut histogram = new_histogram();
        for migration in batches.flat_map(|batch| batch.migrations) {
            let value = match self.step {
                Some(step) => migration.steps[step as usize],
                None => Some(migration.total_ns()),
            };
            if let Some(value) = value {
                histogram.saturating_record(value);
            }
        }
        write(&histogram, out)?;
        Ok(Notes::new())
    }
}

fn write(histogram: &Histogram<u64>, out: Out<'_>) -> io::Result<()> {
    let digits = usize::from(DIGITS);
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut so_far = 0;
    for values in histogram.iter_quantiles(TICKS_PER_HALF) {
        so_far += values.count_since_last_iteration();
        let (value, quantile) = (values.value_iterated_to(), values.quantile_iterated_to());
        let value = value as f64;
        write!(out, "{value:12.digits$} {quantile:2.12} {so_far:10}")?;
        if quantile < 1.0 {
            writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        } else {
            writeln!(out)?;
        }
    }
    let (mean, deviation) = (histogram.mean(), histogram.stdev());
    let (max, count) = (histogram.max() as f64, histogram.len());
    writeln!(
        out,
        "#[Mean    = {mean:12.digits$}, StdDeviation   = {deviation:12.digits$}]"
    )?;
    writeln!(
        out,
        "#[Max     = {max:12.digits$}, Total count    = {count:12}]"
    )?;
    writeln!(
        out,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        SUB_BUCKETS
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::{Synthetic, facts};

    #[test]
    fn a_line_for_each_percentile_up_to_all() {
        let all = Synthetic::new(1).batch(1000);
        for filter in ["", "direction=to_system"] {
            let mut batch = all.clone();
            batch.choose(&filter.parse().unwrap(), &facts().run());
            let mut out = Vec::new();
            let step = Some(Step::Setup);
            Hgrm { step }
                .export(&facts(), &mut std::iter::once(batch.clone()), &mut out)
                .unwrap();
            let text = String::from_utf8(out).unwrap();
            let lines = text.lines().filter(|line| !line.is_empty());
            let lines: Vec<Vec<f64>> = lines
                .skip(1)
                .filter(|line| !line.starts_with('#'))
                .map(|line| {
                    line.split_whitespace()
                        .map(|n| n.parse().unwrap())
                        .collect()
                })
                .collect();
            let of = batch.migrations.made().iter();
            let mut values: Vec<_> = of.filter_map(|m| m.steps[0]).collect();
            values.sort_unstable();
            let last = lines.last().unwrap();
            assert_eq!(
                (last[1], last[2], last.len()),
                (1.0, values.len() as f64, 3)
            );
            for line in &lines {
                let at = (line[1] * values.len() as f64).ceil().max(1.0) as usize;
                let exact = values[at - 1] as f64;
                assert!((line[0] / exact - 1.0).abs() < 0.01, "{line:?}: {exact}");
            }
        }
    }
}
