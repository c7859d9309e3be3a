//! The eBPF object, made for the kernel that runs.

use migrate_ebpf::wire::{
    CAST, Config, KernelFunction, OFFSET_UNKNOWN, TASK_FROM_PID, TASK_RELEASE, VERSION, call_of,
    field_of, names, word_of,
};
use object::{Object as _, ObjectSection as _};

use super::TracerError;

/// The object as it was built; empty in a build without a tracer.
pub(super) static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/migrate.o"));

/// Bytes of an instruction; where they are, they are aligned to that.
const INSTRUCTION: usize = 8;

/// The object with what this kernel has in place of what stands for it: numbers of functions in
/// calls, which aya leaves alone, offsets of fields in loads, and words that are asked for. An
/// error if it was built for another version of the wire format, or an offset is too large for an
/// instruction.
pub(super) fn made_for(config: &Config) -> Result<Vec<u8>, TracerError> {
    must_be_ours(OBJECT)?;
    let mut object = OBJECT.to_vec();
    for (function, number) in [
        (CAST, config.cast),
        (TASK_FROM_PID, config.task_from_pid),
        (TASK_RELEASE, config.task_release),
    ] {
        number_calls(&mut object, &function, number);
    }
    let words = config.words();
    place_fields(&mut object, &words)?;
    place_words(&mut object, &words);
    Ok(object)
}

/// What another version means by its bytes is not known.
fn must_be_ours(object: &[u8]) -> Result<(), TracerError> {
    match version(object) {
        Some(VERSION) => Ok(()),
        other => Err(TracerError::OtherVersion(other)),
    }
}

/// The version of the wire format that an object was built for; `None` if it does not say.
fn version(object: &[u8]) -> Option<u32> {
    let file = object::File::parse(object).ok()?;
    let section = file.section_by_name(names::VERSION_SECTION)?;
    Some(u32::from_le_bytes(section.data().ok()?.try_into().ok()?))
}

fn instructions(object: &mut [u8]) -> impl Iterator<Item = &mut [u8; INSTRUCTION]> {
    object.as_chunks_mut().0.iter_mut()
}

/// How many calls of this function there were.
fn number_calls(object: &mut [u8], function: &KernelFunction, number: u32) -> usize {
    let mut calls = 0;
    for instruction in instructions(object) {
        if *instruction == call_of(function.stands_for) {
            *instruction = call_of(number);
            calls += 1;
        }
    }
    calls
}

/// How many loads there were. One of a field that this kernel does not have is never executed, and
/// gets any offset.
fn place_fields(object: &mut [u8], words: &[u32]) -> Result<usize, TracerError> {
    let mut loads = 0;
    for instruction in instructions(object) {
        let Some(&offset) = field_of(*instruction).and_then(|word| words.get(word)) else {
            continue;
        };
        let offset = if offset == OFFSET_UNKNOWN { 0 } else { offset };
        let offset = i16::try_from(offset).map_err(|_| TracerError::FarField(offset))?;
        instruction[2..4].copy_from_slice(&offset.to_le_bytes());
        loads += 1;
    }
    Ok(loads)
}

/// How many words are moved to a register.
fn place_words(object: &mut [u8], words: &[u32]) -> usize {
    let mut moves = 0;
    for instruction in instructions(object) {
        if let Some(word) = word_of(*instruction).and_then(|word| words.get(word)) {
            instruction[4..].copy_from_slice(&word.to_le_bytes());
            moves += 1;
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_gets_its_number() {
        let other = [0x85, 0, 0, 0, 6, 0, 0, 0];
        let mut object = [other, call_of(CAST.stands_for), other].concat();
        assert_eq!(number_calls(&mut object, &TASK_RELEASE, 70_000), 0);
        assert_eq!(number_calls(&mut object, &CAST, 70_000), 1);
        assert_eq!(object, [other, call_of(70_000), other].concat());
        assert_eq!(number_calls(&mut object, &CAST, 70_000), 0);
    }

    #[test]
    fn every_load_gets_its_offset() {
        // r1 = *(u64 *)(r2 + ...), of the second word; the same of 32 bits, of the third; a store.
        let (second, third) = ([0x79, 0x21, 1, 0x70], [0x61, 0x21, 2, 0x70]);
        let store = [0x7b, 0x21, 1, 0x70];
        let mut object = [second, [0; 4], third, [0; 4], store, [0; 4]].concat();
        let words = [7, 0x1234, OFFSET_UNKNOWN];
        assert_eq!(place_fields(&mut object, &words).unwrap(), 2);
        assert_eq!(object[..8], [0x79, 0x21, 0x34, 0x12, 0, 0, 0, 0]);
        assert_eq!(object[8..16], [0x61, 0x21, 0, 0, 0, 0, 0, 0]);
        assert_eq!(object[16..20], store);
        let mut far = [second, [0; 4]].concat();
        assert!(place_fields(&mut far, &[0, 40_000]).is_err());
    }

    #[test]
    fn every_word_is_where_it_is_asked_for() {
        // w3 = the second word; the same of 64 bits; w3 = 1.
        let second = [0xb4, 3, 0, 0, 1, 0, 0x66, 0x63];
        let wide = [0xb7, 3, 0, 0, 1, 0, 0x66, 0x63];
        let one = [0xb4, 3, 0, 0, 1, 0, 0, 0];
        let mut object = [second, wide, one].concat();
        assert_eq!(place_words(&mut object, &[7, OFFSET_UNKNOWN]), 1);
        let placed = [0xb4, 3, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(object, [placed, wide, one].concat());
    }

    #[test]
    fn an_object_of_another_version_is_refused() {
        if OBJECT.is_empty() {
            return;
        }
        must_be_ours(OBJECT).unwrap();
        let file = object::File::parse(OBJECT).unwrap();
        let section = file.section_by_name(names::VERSION_SECTION).unwrap();
        let (at, _) = section.file_range().unwrap();
        let mut other = OBJECT.to_vec();
        other[at as usize] += 1;
        let refused = must_be_ours(&other).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("of version {}", VERSION + 1)),
            "{refused}"
        );
        assert!(must_be_ours(b"no object").is_err());
    }

    #[test]
    fn it_has_all_that_is_asked_for_by_name() {
        if OBJECT.is_empty() {
            return;
        }
        let file = object::File::parse(OBJECT).unwrap();
        for name in names::STATICS {
            assert!(file.symbol_by_name(name).is_some(), "{name}");
        }
        for name in [names::PAGES_AT, names::NAMES_TOLD] {
            assert!(file.section_by_name(name).is_some(), "{name}");
        }
    }

    /// What is replaced are instructions, and all of those that stand for something.
    #[test]
    fn nothing_else_in_the_object_looks_so() {
        if OBJECT.is_empty() {
            return;
        }
        let parsed = aya_obj::Object::parse(OBJECT).unwrap();
        let all = parsed.functions.values().flat_map(|it| &it.instructions);
        let functions = [CAST, TASK_FROM_PID, TASK_RELEASE];
        let (mut calls, mut loads, mut moves) = ([0; 3], 0, 0);
        for instruction in all {
            let registers = instruction.src_reg() << 4 | instruction.dst_reg();
            let (off, imm) = (instruction.off.to_le_bytes(), instruction.imm.to_le_bytes());
            let bytes = [[instruction.code, registers, off[0], off[1]], imm];
            let bytes: [u8; INSTRUCTION] = bytes.concat().try_into().unwrap();
            for (calls, function) in calls.iter_mut().zip(&functions) {
                *calls += usize::from(bytes == call_of(function.stands_for));
            }
            loads += usize::from(field_of(bytes).is_some());
            moves += usize::from(word_of(bytes).is_some());
        }
        let mut object = OBJECT.to_vec();
        assert!(!calls.contains(&0) && loads > 0 && moves > 0);
        let counted = functions.map(|function| number_calls(&mut object, &function, 0));
        assert_eq!(counted, calls);
        let words = [0; migrate_ebpf::wire::CONFIG_WORDS];
        assert_eq!(place_fields(&mut object, &words).unwrap(), loads);
        assert_eq!(place_words(&mut object, &words), moves);
    }
}
