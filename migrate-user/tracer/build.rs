//! Puts the eBPF object into the program. `cargo xtask` builds it first and names it in
//! `MIGSCOPE_EBPF`; without it the program is built all the same, reads recordings, and says what
//! it lacks when it is asked to trace.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=MIGSCOPE_EBPF");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        panic!("OUT_DIR is not set: this is run by cargo");
    };
    let object = match env::var_os("MIGSCOPE_EBPF").map(PathBuf::from) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            fs::read(&path)
                .unwrap_or_else(|cause| panic!("MIGSCOPE_EBPF names {}: {cause}", path.display()))
        }
        None => Vec::new(),
    };
    if let Err(cause) = fs::write(out.join("migrate.o"), object) {
        panic!("cannot write {}: {cause}", out.display());
    }
}
