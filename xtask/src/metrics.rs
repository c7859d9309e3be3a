//! What `migscope serve` answers.

/// The values of the samples that begin so and have this label, added up.
pub(crate) fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let lines = metrics.lines();
    let samples = lines.filter(|line| line.starts_with(name) && line.contains(label));
    samples
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
