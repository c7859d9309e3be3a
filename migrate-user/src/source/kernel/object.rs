//! The eBPF object, made for the kernel that runs.

use migrate_ebpf::wire::{CAST_NUMBER, Config, cast_instruction};

/// The object as it was built; empty in a build without a tracer.
pub(super) static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/migrate.o"));

/// The object in which calls of [`CAST`](migrate_ebpf::wire::CAST) have the number that this kernel has for it, which aya leaves alone.
pub(super) fn made_for(config: &Config) -> Vec<u8> {
    let mut object = OBJECT.to_vec();
    number_calls(&mut object, config.cast);
    object
}

/// How many calls there were.
fn number_calls(object: &mut [u8], number: u32) -> usize {
    let call = cast_instruction(CAST_NUMBER);
    let mut calls = 0;
    // Sections of instructions are aligned to them.
    for instruction in object.chunks_exact_mut(call.len()) {
        if instruction == call {
            instruction.copy_from_slice(&cast_instruction(number));
            calls += 1;
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_gets_its_number() {
        let other = [0x85, 0, 0, 0, 6, 0, 0, 0];
        let mut object = [other, cast_instruction(CAST_NUMBER), other].concat();
        assert_eq!(number_calls(&mut object, 70_000), 1);
        assert_eq!(object, [other, cast_instruction(70_000), other].concat());
        assert_eq!(number_calls(&mut object, 70_000), 0);
    }

    #[test]
    fn the_object_has_such_calls() {
        if OBJECT.is_empty() {
            return;
        }
        assert!(number_calls(&mut OBJECT.to_vec(), 0) > 0);
    }
}
