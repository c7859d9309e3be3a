//! The parts of the dashboard, one file each. Each draws itself into the place that it is given, of
//! any size.

pub(super) mod bar;
pub(super) mod chart;
pub(super) mod footer;
pub(super) mod header;
pub(super) mod heat;
pub(super) mod help;
pub(super) mod histogram;
pub(super) mod kinds;
pub(super) mod ledger;
pub(super) mod prompt;
pub(super) mod rates;
pub(super) mod seek;
pub(super) mod stacks;
pub(super) mod steps;
pub(super) mod tabs;
pub(super) mod waterfall;
