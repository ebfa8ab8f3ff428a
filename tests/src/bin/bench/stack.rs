//! How much stack a program uses, out of its instructions: the kernel tells no one but the reader of a verifier log.
//!
//! It is the furthest that any function reaches below its frame pointer, added up along the deepest chain of calls.

use std::collections::BTreeSet;

use aya_obj::Object;

/// The frame pointer.
const R10: u8 = 10;

const CLASS: u8 = 0x07;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU64: u8 = 0x07;
/// `dst = src`, 64 bits.
const MOV: u8 = 0xbf;
/// `dst += imm`, 64 bits.
const ADD: u8 = 0x07;
const CALL: u8 = 0x85;
const LOAD_IMMEDIATE: u8 = 0x18;
/// Source "register" of a call to a function of the program's own, and of a load of such a function's address.
const OWN_FUNCTION: u8 = 1;
const FUNCTION_ADDRESS: u8 = 4;

#[derive(Clone, Copy, Debug, Default)]
struct Instruction {
    code: u8,
    dst: u8,
    src: u8,
    offset: i16,
    immediate: i32,
}

/// Bytes of stack that a program of the object needs.
pub(crate) fn bytes(object: &[u8], program: &str) -> Option<usize> {
    let mut object = Object::parse(object).ok()?;
    let sections = object.functions.keys().map(|(section, _)| *section).collect();
    // Puts the functions that a program calls behind it, and resolves the calls.
    object.relocate_calls(&sections).ok()?;
    let key = object.programs.get(program)?.function_key();
    let instructions: Vec<Instruction> = object
        .functions
        .get(&key)?
        .instructions
        .iter()
        .map(|raw| Instruction {
            code: raw.code,
            dst: raw.dst_reg(),
            src: raw.src_reg(),
            offset: raw.off,
            immediate: raw.imm,
        })
        .collect();
    let functions = functions(&instructions);
    Some(deepest(&instructions, &functions, 0))
}

/// Where a function that an instruction refers to begins.
fn target(at: usize, instruction: Instruction) -> Option<usize> {
    let is_own = matches!(
        (instruction.code, instruction.src),
        (CALL, OWN_FUNCTION) | (LOAD_IMMEDIATE, FUNCTION_ADDRESS)
    );
    is_own.then(|| (at + 1).checked_add_signed(isize::try_from(instruction.immediate).ok()?))?
}

/// Where each function begins; where the last one ends.
fn functions(instructions: &[Instruction]) -> BTreeSet<usize> {
    let targets = instructions.iter().enumerate().filter_map(|(at, instruction)| target(at, *instruction));
    targets.chain([0, instructions.len()]).collect()
}

/// Functions of BPF don't recurse.
fn deepest(instructions: &[Instruction], functions: &BTreeSet<usize>, start: usize) -> usize {
    let end = functions.range(start + 1..).next().copied().unwrap_or(instructions.len());
    let body = instructions.get(start..end).unwrap_or_default();
    let callees = body.iter().enumerate().filter_map(|(at, instruction)| target(start + at, *instruction));
    let deepest_callee = callees.map(|callee| deepest(instructions, functions, callee)).max();
    frame(body) + deepest_callee.unwrap_or(0)
}

/// How far below the frame pointer one function reaches, by its own accesses and by the addresses it takes.
fn frame(body: &[Instruction]) -> usize {
    let mut is_frame_address = [false; 16];
    is_frame_address[usize::from(R10)] = true;
    let mut lowest = 0;
    for Instruction { code, dst, src, offset, immediate } in body.iter().copied() {
        let (to, from) = (usize::from(dst & 15), usize::from(src & 15));
        match (code, code & CLASS) {
            (MOV, _) => is_frame_address[to] = is_frame_address[from],
            (ADD, _) if is_frame_address[to] => lowest = lowest.min(i64::from(immediate)),
            (_, LDX) => {
                if src == R10 {
                    lowest = lowest.min(i64::from(offset));
                }
                is_frame_address[to] = false;
            }
            (_, ST | STX) if dst == R10 => lowest = lowest.min(i64::from(offset)),
            (_, ALU64) | (LOAD_IMMEDIATE, _) => is_frame_address[to] = false,
            _ => {}
        }
    }
    usize::try_from(-lowest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: Instruction = Instruction { code: 0x95, dst: 0, src: 0, offset: 0, immediate: 0 };

    /// `*(u64 *)(r10 + offset) = r1`
    fn spill(offset: i16) -> Instruction {
        Instruction { code: 0x7b, dst: R10, src: 1, offset, immediate: 0 }
    }

    fn call(immediate: i32) -> Instruction {
        Instruction { code: CALL, src: OWN_FUNCTION, immediate, ..Instruction::default() }
    }

    #[test]
    fn a_frame_reaches_to_its_lowest_access_or_address() {
        let take = [
            Instruction { code: MOV, dst: 2, src: R10, ..Instruction::default() },
            Instruction { code: ADD, dst: 2, immediate: -72, ..Instruction::default() },
        ];
        assert_eq!(frame(&[spill(-8), spill(-24), EXIT]), 24);
        assert_eq!(frame(&[&[spill(-8)], &take[..], &[EXIT]].concat()), 72);
        // An address of something else.
        let other = Instruction { code: ADD, dst: 3, immediate: -500, ..Instruction::default() };
        assert_eq!(frame(&[spill(-8), other, EXIT]), 8);
    }

    #[test]
    fn programs_of_an_object_use_some_stack_and_no_more_than_there_is() {
        for program in ["inspector_frags", "inspector_plain"] {
            let bytes = bytes(inspector::dataplane::Trial::object(), program);
            assert!(bytes.is_some_and(|bytes| (1..=512).contains(&bytes)), "{program}: {bytes:?}");
        }
        assert_eq!(bytes(inspector::dataplane::Trial::object(), "no_such_program"), None);
    }

    #[test]
    fn chains_of_calls_add_up() {
        // 0: main calls 3 and 5; 3 calls 5.
        let program = [spill(-16), call(1), EXIT, spill(-32), call(0), spill(-64), EXIT];
        let functions = functions(&program);
        assert_eq!(functions.iter().copied().collect::<Vec<_>>(), [0, 3, 5, 7]);
        assert_eq!(deepest(&program, &functions, 0), 16 + 32 + 64);
    }
}
