//! LZX (MS-PATCH 2): cabinets and help files. Frames of 32 KB, each from a fresh word of the stream.

use super::bits::Codes;
use crate::budget::Output;
use crate::obstacle::{OrDamaged as _, Why};

const DAMAGED: &str = "lzx";
const FRAME: usize = 32_768;
const LENGTHS: usize = 249;

/// Words of 16 bits, little-endian, the highest bit first.
struct WordBits<'a> {
    bytes: &'a [u8],
    at: usize,
    hold: u16,
    count: u32,
}

impl WordBits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.count == 0 {
            let pair = self.bytes.get(self.at..)?.get(..2)?;
            self.hold = u16::from_le_bytes([pair[0], pair[1]]);
            self.at += 2;
            self.count = 16;
        }
        self.count -= 1;
        Some(u32::from(self.hold >> self.count & 1))
    }

    fn bits(&mut self, size: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..size {
            value = value << 1 | self.bit()?;
        }
        Some(value)
    }

    /// Raw bytes begin at the next word; where the stream is at one, a whole word is passed.
    fn align(&mut self) -> Option<()> {
        if self.count == 0 {
            self.bits(16)?;
        }
        self.count = 0;
        Some(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Verbatim,
    Aligned,
    Raw,
}

/// A decoder between frames.
pub(super) struct Lzx {
    main_sizes: Vec<u8>,
    length_sizes: Vec<u8>,
    main: Option<Codes>,
    lengths: Option<Codes>,
    aligned: Option<Codes>,
    block: Block,
    block_left: usize,
    block_odd: bool,
    recent: [usize; 3],
    window: usize,
    started: bool,
    /// Size of the program whose calls were made absolute; 0 for none.
    calls: u32,
    done: usize,
}

impl Lzx {
    /// With a window of 2^`window_bits` bytes, 15 to 21.
    pub(super) fn new(window_bits: u32) -> Option<Self> {
        let positions = match window_bits {
            15..=19 => window_bits * 2,
            20 => 42,
            21 => 50,
            _ => return None,
        };
        Some(Self {
            main_sizes: vec![0; 256 + 8 * positions as usize],
            length_sizes: vec![0; LENGTHS],
            main: None,
            lengths: None,
            aligned: None,
            block: Block::Verbatim,
            block_left: 0,
            block_odd: false,
            recent: [1; 3],
            window: 1 << window_bits,
            started: false,
            calls: 0,
            done: 0,
        })
    }

    /// Decodes one frame of `whole` bytes.
    pub(super) fn frame(
        &mut self,
        bytes: &[u8],
        whole: usize,
        out: &mut Output<'_>,
    ) -> Result<(), Why> {
        let mut bits = WordBits {
            bytes,
            at: 0,
            hold: 0,
            count: 0,
        };
        if !self.started {
            self.started = true;
            if bits.bit().or_damaged(DAMAGED)? == 1 {
                self.calls = bits.bits(32).or_damaged(DAMAGED)?;
            }
        }
        let end = out.size() + whole;
        while out.size() < end {
            if self.block_left == 0 {
                self.begin_block(&mut bits).or_damaged(DAMAGED)?;
            }
            let before = out.size();
            let target = end.min(before + self.block_left);
            match self.block {
                Block::Raw => {
                    let size = (target - before).min(bits.bytes.len().saturating_sub(bits.at));
                    if size == 0 {
                        return Err(Why::Damaged(DAMAGED));
                    }
                    out.push(&bits.bytes[bits.at..bits.at + size])?;
                    bits.at += size;
                }
                _ => self.codes(&mut bits, target, out)?,
            }
            let made = out.size() - before;
            self.block_left = self.block_left.checked_sub(made).or_damaged(DAMAGED)?;
        }
        if out.size() > end {
            return Err(Why::Damaged(DAMAGED));
        }
        self.done += whole;
        Ok(())
    }

    fn begin_block(&mut self, bits: &mut WordBits<'_>) -> Option<()> {
        if self.block == Block::Raw && self.block_odd {
            bits.at += 1;
        }
        let kind = bits.bits(3)?;
        self.block_left = bits.bits(24)? as usize;
        self.block_odd = self.block_left % 2 == 1;
        if self.block_left == 0 {
            return None;
        }
        self.block = match kind {
            1 => Block::Verbatim,
            2 => Block::Aligned,
            3 => Block::Raw,
            _ => return None,
        };
        if self.block == Block::Raw {
            bits.align()?;
            let recent = bits.bytes.get(bits.at..)?.get(..12)?;
            for (place, value) in self.recent.iter_mut().zip(recent.chunks_exact(4)) {
                *place = u32::from_le_bytes([value[0], value[1], value[2], value[3]]) as usize;
            }
            bits.at += 12;
            return Some(());
        }
        if self.block == Block::Aligned {
            let mut sizes = [0u8; 8];
            for size in &mut sizes {
                *size = bits.bits(3)? as u8;
            }
            self.aligned = Codes::new(&sizes);
            self.aligned.as_ref()?;
        }
        let (literals, matches) = self.main_sizes.split_at_mut(256);
        read_sizes(bits, literals)?;
        read_sizes(bits, matches)?;
        self.main = Some(Codes::new(&self.main_sizes)?);
        read_sizes(bits, &mut self.length_sizes)?;
        self.lengths = Some(Codes::new(&self.length_sizes)?);
        Some(())
    }

    fn codes(
        &mut self,
        bits: &mut WordBits<'_>,
        target: usize,
        out: &mut Output<'_>,
    ) -> Result<(), Why> {
        while out.size() < target {
            let main = self.main.as_ref().or_damaged(DAMAGED)?;
            let symbol = usize::from(main.decode(|| bits.bit()).or_damaged(DAMAGED)?);
            if let Ok(byte) = u8::try_from(symbol) {
                out.byte(byte)?;
                continue;
            }
            let (slot, mut size) = ((symbol - 256) / 8, (symbol - 256) % 8 + 2);
            if size == 9 {
                let lengths = self.lengths.as_ref().or_damaged(DAMAGED)?;
                size += usize::from(lengths.decode(|| bits.bit()).or_damaged(DAMAGED)?);
            }
            let distance = self.distance(bits, slot).or_damaged(DAMAGED)?;
            if distance > self.window {
                return Err(Why::Damaged(DAMAGED));
            }
            out.copy_back(distance, size)?;
        }
        Ok(())
    }

    fn distance(&mut self, bits: &mut WordBits<'_>, slot: usize) -> Option<usize> {
        if slot < 3 {
            self.recent.swap(0, slot);
            return Some(self.recent[0]);
        }
        let extra = extra_bits(slot);
        let mut value = base(slot) - 2;
        if self.block == Block::Aligned && extra >= 3 {
            value += (bits.bits(extra - 3)? as usize) << 3;
            value += usize::from(self.aligned.as_ref()?.decode(|| bits.bit())?);
        } else {
            value += bits.bits(extra)? as usize;
        }
        self.recent = [value, self.recent[0], self.recent[1]];
        Some(value)
    }

    /// Forgets everything but the window, as help files do every so often.
    pub(super) fn reset(&mut self) {
        self.main_sizes.fill(0);
        self.length_sizes.fill(0);
        self.block_left = 0;
        self.block = Block::Verbatim;
        self.recent = [1; 3];
        self.started = false;
    }

    /// Makes the targets of x86 calls relative again.
    pub(super) fn undo_calls(&self, bytes: &mut [u8]) {
        if self.calls == 0 {
            return;
        }
        let size = i64::from(self.calls as i32);
        for (index, frame) in bytes.chunks_mut(FRAME).enumerate().take(32_768) {
            let from = (index * FRAME) as i64;
            let mut at = 0;
            while at + 10 < frame.len() {
                if frame[at] != 0xe8 {
                    at += 1;
                    continue;
                }
                let here = from + at as i64;
                let target = &mut frame[at + 1..at + 5];
                let value = i64::from(i32::from_le_bytes([
                    target[0], target[1], target[2], target[3],
                ]));
                if value >= -here && value < size {
                    let relative = if value >= 0 {
                        value - here
                    } else {
                        value + size
                    };
                    target.copy_from_slice(&(relative as i32).to_le_bytes());
                }
                at += 5;
            }
        }
    }
}

/// How many bits of a distance stand behind its slot.
fn extra_bits(slot: usize) -> u32 {
    if slot < 4 {
        0
    } else {
        ((slot / 2 - 1) as u32).min(17)
    }
}

/// The smallest distance of a slot, plus 2.
fn base(slot: usize) -> usize {
    (0..slot).map(|slot| 1usize << extra_bits(slot)).sum()
}

/// Sizes as differences from the sizes before, coded themselves.
fn read_sizes(bits: &mut WordBits<'_>, sizes: &mut [u8]) -> Option<()> {
    let mut own = [0u8; 20];
    for size in &mut own {
        *size = bits.bits(4)? as u8;
    }
    let codes = Codes::new(&own)?;
    let mut at = 0;
    while at < sizes.len() {
        let symbol = codes.decode(|| bits.bit())?;
        let less = |old: u8, by: u16| ((u16::from(old) + 17 - by) % 17) as u8;
        let (run, value) = match symbol {
            17 => (bits.bits(4)? + 4, 0),
            18 => (bits.bits(5)? + 20, 0),
            19 => {
                let run = bits.bit()? + 4;
                let by = codes.decode(|| bits.bit())?;
                (run, less(sizes[at], by.min(17)))
            }
            by => (1, less(sizes[at], by)),
        };
        let end = at
            .checked_add(run as usize)
            .filter(|end| *end <= sizes.len())?;
        sizes[at..end].fill(value);
        at = end;
    }
    Some(())
}
