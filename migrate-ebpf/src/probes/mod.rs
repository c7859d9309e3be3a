//! One file per step family; what they share: [`ledger`] counts pages, [`emit`] writes the record, [`kernel`]
//! knows the kernel's structures.

mod emit;
mod finalize;
mod kernel;
mod ledger;
mod pages;
mod setup;
mod sweep;
mod unmap;
