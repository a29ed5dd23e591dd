//! What is left of the limits while one sample is read.
//!
//! Invariant: `total <= total_bytes_max`, `live <= live_bytes_max`, each [`Output`] is at most
//! `member_bytes_max`; once a limit that ends everything is reached, nothing more is unpacked.

use std::io::{self, Read, Write};
use std::time::Instant;

use crate::limits::{Limit, Limits};
use crate::obstacle::Why;

/// Bytes between two looks at the clock.
const CLOCK_BYTES: u64 = 1 << 20;
/// Bytes a reader gives at once.
const PUMP_BYTES: usize = 32 << 10;

pub(crate) struct Budget {
    limits: Limits,
    started: Instant,
    total: u64,
    live: u64,
    members: u32,
    clock_at: u64,
    spent: Option<Limit>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: Instant::now(),
            total: 0,
            live: 0,
            members: 0,
            clock_at: 0,
            spent: None,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The limit that ended everything, if one did.
    pub(crate) fn spent(&self) -> Option<Limit> {
        self.spent
    }

    /// What was looked for is found: whatever is read next ends as if time were over.
    pub(crate) fn close(&mut self) {
        self.spent = Some(Limit::Time);
    }

    pub(crate) fn unpacked_bytes(&self) -> u64 {
        self.total
    }

    fn reached(&mut self, limit: Limit) -> Why {
        if limit.ends_all() {
            self.spent = Some(limit);
        }
        Why::Limit(limit)
    }

    /// One more member, if there may be one.
    pub(crate) fn count_member(&mut self) -> Result<(), Why> {
        if let Some(limit) = self.spent {
            return Err(Why::Limit(limit));
        }
        if self.members >= self.limits.members_max {
            return Err(self.reached(Limit::Members));
        }
        self.members += 1;
        self.check_clock()
    }

    pub(crate) fn check_clock(&mut self) -> Result<(), Why> {
        if self.started.elapsed() > self.limits.time_max {
            return Err(self.reached(Limit::Time));
        }
        Ok(())
    }

    /// Bytes of a member that already stand in memory.
    pub(crate) fn count_bytes(&mut self, bytes: u64) -> Result<(), Why> {
        if bytes > self.limits.member_bytes_max {
            return Err(self.reached(Limit::MemberBytes));
        }
        if let Some(limit) = self.spent {
            return Err(Why::Limit(limit));
        }
        if bytes > self.limits.total_bytes_max - self.total {
            return Err(self.reached(Limit::TotalBytes));
        }
        self.total += bytes;
        if self.total - self.clock_at >= CLOCK_BYTES {
            self.clock_at = self.total;
            return self.check_clock();
        }
        Ok(())
    }

    /// Memory that stays taken until [`Budget::release`].
    pub(crate) fn hold(&mut self, bytes: u64) -> Result<(), Why> {
        if bytes > self.limits.live_bytes_max - self.live {
            return Err(self.reached(Limit::LiveBytes));
        }
        self.live += bytes;
        Ok(())
    }

    pub(crate) fn release(&mut self, bytes: u64) {
        self.live -= bytes;
    }
}

/// What a container of a certain size may still hold.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) left: u64,
}

impl Allowance {
    pub(crate) fn of(container_bytes: usize, limits: &Limits) -> Self {
        let bytes = u64::try_from(container_bytes).unwrap_or(u64::MAX);
        let left = bytes
            .saturating_mul(limits.ratio_max)
            .max(limits.ratio_free_bytes);
        Self { left }
    }
}

/// One member as it is decoded.
pub(crate) struct Output<'b> {
    bytes: Vec<u8>,
    budget: &'b mut Budget,
    allowance: &'b mut Allowance,
}

impl<'b> Output<'b> {
    pub(crate) fn new(budget: &'b mut Budget, allowance: &'b mut Allowance) -> Self {
        Self {
            bytes: Vec::new(),
            budget,
            allowance,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Says before any work is done that `size` more bytes would be too much.
    ///
    /// A declared size is never allocated; it only lets a lie end early.
    pub(crate) fn expect(&mut self, size: u64) -> Result<(), Why> {
        let whole = size.saturating_add(self.bytes.len() as u64);
        if whole > self.budget.limits.member_bytes_max {
            return Err(self.budget.reached(Limit::MemberBytes));
        }
        Ok(())
    }

    fn account(&mut self, size: usize) -> Result<(), Why> {
        let more = size as u64;
        let limits = self.budget.limits;
        if more > limits.member_bytes_max - (self.bytes.len() as u64) {
            return Err(self.budget.reached(Limit::MemberBytes));
        }
        if more > self.allowance.left {
            return Err(self.budget.reached(Limit::Ratio));
        }
        self.budget.hold(more)?;
        if let Err(why) = self.budget.count_bytes(more) {
            self.budget.release(more);
            return Err(why);
        }
        self.allowance.left -= more;
        // A quarter more at a time, rather than twice as much: memory is counted.
        if self.bytes.capacity() - self.bytes.len() < size {
            let more = (self.bytes.len() / 4 + 4096).max(size);
            self.bytes.reserve_exact(more);
        }
        Ok(())
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Why> {
        self.account(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn byte(&mut self, byte: u8) -> Result<(), Why> {
        self.account(1)?;
        self.bytes.push(byte);
        Ok(())
    }

    pub(crate) fn repeat(&mut self, byte: u8, size: usize) -> Result<(), Why> {
        self.account(size)?;
        self.bytes.resize(self.bytes.len() + size, byte);
        Ok(())
    }

    /// Copies `size` bytes from `distance` before the end; they may overlap what is written.
    pub(crate) fn copy_back(&mut self, distance: usize, size: usize) -> Result<(), Why> {
        if distance == 0 || distance > self.bytes.len() {
            return Err(Why::Damaged("copy from before the beginning"));
        }
        self.account(size)?;
        for _ in 0..size {
            let byte = self.bytes[self.bytes.len() - distance];
            self.bytes.push(byte);
        }
        Ok(())
    }

    /// Changes what was decoded in place, as filters of programs do.
    pub(crate) fn bytes_mut(&mut self, from: usize) -> &mut [u8] {
        let from = from.min(self.bytes.len());
        &mut self.bytes[from..]
    }

    /// Everything a decoder gives. Its error is `damaged`; ours keeps its name.
    pub(crate) fn pump(&mut self, mut reader: impl Read, what: &'static str) -> Result<(), Why> {
        let mut buffer = vec![0; PUMP_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(size) => self.push(&buffer[..size])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Why::Damaged(what)),
            }
        }
    }
}

/// For decoders that only write; the limit that ended them is asked of [`Budget`] afterwards.
impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes)
            .map_err(|why| io::Error::other(why.to_string()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
