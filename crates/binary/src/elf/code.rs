//! A function's instructions with the addresses taken out.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};

/// Somewhere outside the function that an instruction names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach(pub(crate) u64);

/// What remains of a function wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes, with rip-relative displacements and targets outside the function as zeros.
    pub(crate) masked: Vec<u8>,
    /// What was masked, in order.
    pub(crate) reaches: Vec<Reach>,
}

impl Shape {
    /// Masks one function. On other machines than x86 nothing is masked.
    pub(crate) fn of(code: &[u8], address: u64, bits: Option<u32>) -> Self {
        let mut shape = Self {
            masked: code.to_vec(),
            reaches: Vec::new(),
        };
        let Some(bits) = bits else {
            return shape;
        };
        let inside = address..address.saturating_add(code.len() as u64);
        let mut decoder = Decoder::with_ip(bits, code, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            let start = decoder.position();
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                continue;
            }
            let constants = decoder.get_constant_offsets(&instruction);
            if instruction.is_ip_rel_memory_operand() && constants.has_displacement() {
                let target = instruction.ip_rel_memory_address();
                shape.mask(
                    start + constants.displacement_offset(),
                    constants.displacement_size(),
                    target,
                );
            }
            if is_near_branch(&instruction) && constants.has_immediate() {
                let target = instruction.near_branch_target();
                if !inside.contains(&target) {
                    shape.mask(
                        start + constants.immediate_offset(),
                        constants.immediate_size(),
                        target,
                    );
                }
            }
        }
        shape
    }

    fn mask(&mut self, at: usize, size: usize, target: u64) {
        if let Some(bytes) = self.masked.get_mut(at..at + size) {
            bytes.fill(0);
            self.reaches.push(Reach(target));
        }
    }
}

fn is_near_branch(instruction: &Instruction) -> bool {
    matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_out_is_masked_and_a_jump_within_is_not() {
        // call +0x100; je +2; nop; nop; lea rax,[rip+0x20]; ret
        let code = [
            0xe8, 0, 1, 0, 0, 0x74, 2, 0x90, 0x90, 0x48, 0x8d, 5, 0x20, 0, 0, 0, 0xc3,
        ];
        let shape = Shape::of(&code, 0x1000, Some(64));
        let mut masked = code;
        masked[2] = 0;
        masked[12] = 0;
        assert_eq!(shape.masked, masked);
        assert_eq!(shape.reaches, [Reach(0x1105), Reach(0x1030)]);
        let elsewhere = Shape::of(&code, 0x9000, Some(64));
        assert_eq!(elsewhere.masked, shape.masked);
    }

    #[test]
    fn an_immediate_is_not_masked() {
        let code = [0xb8, 1, 2, 3, 4, 0xc3];
        assert_eq!(Shape::of(&code, 0, Some(64)).masked, code);
    }
}
