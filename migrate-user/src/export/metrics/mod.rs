//! The model's figures as metrics, for Prometheus and OpenTelemetry.
//!
//! Counters and histograms are the kernel's own totals where it tells them, so that lost records
//! change nothing. They count from the start of the tracer and never decrease. Units are seconds,
//! bytes and base pages.
//!
//! - [`Metrics`] puts the families together; `definition` says what there is, with its help.
//! - [`text`] and [`protobuf`] are what a Prometheus server reads, [`otlp`] what an OpenTelemetry
//!   collector is sent.
//! - [`Histogram`] cuts the kernel's histograms into buckets, and says how exact those are.

mod constant;
mod container;
mod definition;
mod families;
mod file;
mod histogram;
pub mod otlp;
pub mod protobuf;
pub mod text;
mod top;

use std::borrow::Cow;

pub use constant::Constant;
pub use definition::{ALL, Definition, Kind};
pub use families::{Metrics, Times};
pub use file::OpenMetrics;
pub use histogram::{Histogram, Native, PerOctave, SCHEMA};
pub use top::Tops;

/// Everything that is known under one name.
#[derive(Clone, Debug)]
pub struct Family<'a> {
    /// Its name, help, kind and unit.
    pub definition: Definition,
    /// One for each combination of labels that occurred.
    pub series: Vec<Series<'a>>,
}

/// A label's name and value.
pub type Label<'a> = (&'a str, Cow<'a, str>);

/// The value of one combination of labels.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// In the same order in every series of a family.
    pub labels: Vec<Label<'a>>,
    /// The value, in the family's unit.
    pub value: Value<'a>,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Histogram<'a>),
}

#[cfg(test)]
mod tests;
