//! The parts of the dashboard, one file each. Each draws itself into the place that it is given, of any size.

mod drivers;
pub(super) mod footer;
pub(super) mod header;
pub(super) mod help;
pub(super) mod kinds;
pub(super) mod ledger;
pub(super) mod rates;
pub(super) mod recent;
pub(super) mod steps;
