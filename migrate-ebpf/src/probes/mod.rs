//! One file per step family, and what they share: [`ledger`] counts pages, [`emit`] ends a
//! migration and writes its record, [`totals`] adds it up, [`kernel`] knows the kernel's
//! structures. How they are hooked: [`fentry`], [`kprobe`].

mod anomalies;
mod asked;
mod coherent;
mod details;
mod doubt;
mod emit;
mod fentry;
mod filter;
mod finalize;
mod folio;
mod frames;
mod kernel;
mod kprobe;
mod ledger;
mod mapping;
mod memory;
mod modules;
mod off_cpu;
mod pages;
mod parts;
mod path;
mod peek;
mod phases;
mod regions;
mod setup;
mod sweep;
mod totals;
mod under_way;
mod unmap;
mod waits;
mod words;
