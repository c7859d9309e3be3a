//! One file per step family, and what they share: [`ledger`] counts pages, [`emit`] ends a migration and writes its record,
//! [`totals`] adds it up, [`kernel`] knows the kernel's structures. How they are hooked: [`fentry`], [`kprobe`].

mod anomalies;
mod details;
mod emit;
mod fentry;
mod filter;
mod finalize;
mod kernel;
mod kprobe;
mod ledger;
mod off_cpu;
mod pages;
mod parts;
mod setup;
mod stacks;
mod sweep;
mod totals;
mod unmap;
