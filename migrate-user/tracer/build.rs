//! Puts the eBPF object into the program. `cargo xtask` builds it first and names it in
//! `MIGSCOPE_EBPF`; without it the program is built all the same, reads recordings, and says what
//! it lacks when it is asked to trace.

use std::path::PathBuf;
use std::{env, fs};

use object::build::Error;
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

fn main() {
    println!("cargo::rerun-if-env-changed=MIGSCOPE_EBPF");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        panic!("OUT_DIR is not set: this is run by cargo");
    };
    let object = match env::var_os("MIGSCOPE_EBPF").map(PathBuf::from) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            let object = fs::read(&path)
                .unwrap_or_else(|cause| panic!("MIGSCOPE_EBPF names {}: {cause}", path.display()));
            without_debug_info(&object)
                .unwrap_or_else(|cause| panic!("MIGSCOPE_EBPF names {}: {cause}", path.display()))
        }
        None => Vec::new(),
    };
    if let Err(cause) = fs::write(out.join("migrate.o"), object) {
        panic!("cannot write {}: {cause}", out.display());
    }
}

/// The object without DWARF, which is most of it. The kernel takes types and lines from BTF, and
/// each start of the tracer would read the rest in vain.
fn without_debug_info(object: &[u8]) -> Result<Vec<u8>, Error> {
    let mut builder = Builder::read(object)?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        let of = name.strip_prefix(b".rel").unwrap_or(name);
        section.delete |= of.starts_with(b".debug_");
    }
    builder.delete_orphans();
    // LLVM has names of sections among those of symbols; what writes it wants them apart.
    let names = builder.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}
