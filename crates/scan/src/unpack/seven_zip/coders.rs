//! The coders of a 7z folder, from packed streams to content.

use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;

use super::{Folder, count, number};
use crate::budget::{Allowance, Budget, Output};
use crate::cursor::Cursor;
use crate::limits::{FILTERED_BYTES_MAX, Limits};
use crate::obstacle::{OrDamaged as _, Why};
use crate::unpack::{bzip2, inflate, lzma, stream};

/// Coders one behind the other.
const CHAIN_MAX: usize = 8;

pub(super) struct Coder {
    method: Vec<u8>,
    pub(super) inputs: u64,
    properties: Vec<u8>,
}

impl Coder {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let flags = cursor.u8()?;
        let method = cursor.take(usize::from(flags & 15))?.to_vec();
        let (mut inputs, mut outputs) = (1, 1);
        if flags & 0x10 != 0 {
            (inputs, outputs) = (number(cursor)?, number(cursor)?);
        }
        let properties = if flags & 0x20 != 0 {
            let size = count(cursor)?;
            cursor.take(size)?.to_vec()
        } else {
            Vec::new()
        };
        // No coder with several outputs is left in use.
        ((1..=4).contains(&inputs) && outputs == 1).then_some(Self {
            method,
            inputs,
            properties,
        })
    }
}

impl Folder {
    /// The coder whose output is the content.
    fn last(&self) -> Option<usize> {
        (0..self.coders.len())
            .find(|coder| self.binds.iter().all(|(_, bound)| *bound != *coder as u64))
    }

    /// The size of the content.
    pub(super) fn whole(&self) -> Option<u64> {
        self.sizes.get(self.last()?).copied()
    }

    pub(super) fn decode(&self, inputs: &[&[u8]], out: &mut Output<'_>) -> Result<(), Why> {
        let last = self.last().or_damaged("7z coders")?;
        // What one coder makes for the next is kept beside the output for as long as it is read.
        let all: u64 = self
            .sizes
            .iter()
            .fold(0, |sum, size| sum.saturating_add(*size));
        if self.coders.len() > 1 && all > FILTERED_BYTES_MAX {
            return Err(Why::Unsupported("7z: large folder behind a filter"));
        }
        // An output that two inputs shared would be made again and again.
        let shared = |(at, (_, output)): (usize, &(u64, u64))| {
            self.binds[..at].iter().any(|(_, other)| other == output)
        };
        if self.binds.iter().enumerate().any(shared) {
            return Err(Why::Damaged("7z coders"));
        }
        out.expect(self.whole().or_damaged("7z coders")?)?;
        self.run(last, inputs, 0, out)
    }

    fn run(
        &self,
        index: usize,
        packed: &[&[u8]],
        depth: usize,
        out: &mut Output<'_>,
    ) -> Result<(), Why> {
        if depth >= CHAIN_MAX {
            return Err(Why::Unsupported("7z: long chain of coders"));
        }
        let coder = self.coders.get(index).or_damaged("7z coders")?;
        let first: u64 = self.coders[..index].iter().map(|coder| coder.inputs).sum();
        let mut inputs = Vec::new();
        for input in first..first + coder.inputs {
            inputs.push(self.input(input, packed, depth)?);
        }
        let slices: Vec<&[u8]> = inputs.iter().map(Input::bytes).collect();
        let size = self.sizes.get(index).copied().or_damaged("7z coders")?;
        decode_one(coder, &slices, size, out)
    }

    /// A packed stream, or what another coder makes.
    fn input<'p>(&self, input: u64, packed: &[&'p [u8]], depth: usize) -> Result<Input<'p>, Why> {
        if let Some(place) = self.packed.iter().position(|packed| *packed == input) {
            return Ok(Input::Packed(
                packed.get(place).copied().or_damaged("7z coders")?,
            ));
        }
        let bind = self.binds.iter().find(|(bound, _)| *bound == input);
        let (_, output) = bind.or_damaged("7z coders")?;
        let index = usize::try_from(*output).ok().or_damaged("7z coders")?;
        let size = self.sizes.get(index).copied().or_damaged("7z coders")?;
        let mut budget = Budget::new(Limits {
            member_bytes_max: FILTERED_BYTES_MAX,
            ..Limits::default()
        });
        let mut allowance = Allowance { left: size };
        let mut made = Output::new(&mut budget, &mut allowance);
        self.run(index, packed, depth + 1, &mut made)?;
        Ok(Input::Made(made.into_bytes()))
    }
}

enum Input<'p> {
    Packed(&'p [u8]),
    Made(Vec<u8>),
}

impl Input<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Packed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

fn decode_one(coder: &Coder, inputs: &[&[u8]], size: u64, out: &mut Output<'_>) -> Result<(), Why> {
    let input = *inputs.first().or_damaged("7z coders")?;
    let properties = &coder.properties;
    match coder.method.as_slice() {
        [0] => out.push(input),
        [3, 1, 1] => lzma::raw(properties, input, Some(size), out),
        [0x21] => lzma::raw2(*properties.first().or_damaged("7z lzma2")?, input, out),
        [4, 1, 8] => stream::undeflate(input, out),
        [4, 1, 9] => inflate::inflate(input, inflate::Deflate::Wide, out),
        [4, 2, 2] => bzip2::decode(input, out),
        [4, 0xf7, 0x11, 1] => stream::unzstd(input, out),
        [3] => {
            let distance = usize::from(*properties.first().or_damaged("7z delta")?) + 1;
            out.pump(DeltaReader::new(input, distance), "7z delta")
        }
        [4] | [3, 3, 1, 3] => out.pump(BcjReader::new_x86(input, 0), "7z filter"),
        [5] | [3, 3, 2, 5] => out.pump(BcjReader::new_ppc(input, 0), "7z filter"),
        [6] | [3, 3, 4, 1] => out.pump(BcjReader::new_ia64(input, 0), "7z filter"),
        [7] | [3, 3, 5, 1] => out.pump(BcjReader::new_arm(input, 0), "7z filter"),
        [8] | [3, 3, 7, 1] => out.pump(BcjReader::new_arm_thumb(input, 0), "7z filter"),
        [9] | [3, 3, 8, 5] => out.pump(BcjReader::new_sparc(input, 0), "7z filter"),
        [10] => out.pump(BcjReader::new_arm64(input, 0), "7z filter"),
        [3, 3, 1, 0x1b] if inputs.len() == 4 => {
            out.pump(Bcj2Reader::new(inputs.to_vec(), size), "7z filter")
        }
        [6, 0xf1, 7, 1] => Err(Why::Encrypted),
        [3, 4, 1] => Err(Why::Unsupported("7z: ppmd")),
        _ => Err(Why::Unsupported("7z: unknown method")),
    }
}
