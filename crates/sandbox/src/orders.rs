//! What a nursery and the program in its sandbox say to each other, over a socket of packets.
//!
//! ```text
//! program -> nursery    "ready"
//! nursery -> program    the order, with two descriptors: input (to read), output (to write)
//! program -> nursery    2 bytes: how the child ended: "c" and its exit code, or "s" and its signal
//! ```

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Bytes of one order.
pub(crate) const ORDER_BYTES_MAX: usize = 16 << 10;
/// What a program says when it waits for its first order.
pub(crate) const READY: &[u8] = b"ready";
/// First byte of how a child ended.
pub(crate) const BY_CODE: u8 = b'c';
pub(crate) const BY_SIGNAL: u8 = b's';

/// Sends one packet.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // Nobody reads any more: an error, no signal.
    let flags = SendFlags::NOSIGNAL;
    let sent =
        retry_on_intr(|| sendmsg(socket.as_fd(), &[IoSlice::new(bytes)], &mut control, flags))?;
    match sent == bytes.len() {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::WriteZero)),
    }
}

/// Receives one packet into `bytes`: how many there were, 0 at the end, and the descriptors that came along.
pub(crate) fn receive(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        let mut into = [IoSliceMut::new(bytes)];
        recvmsg(
            socket.as_fd(),
            &mut into,
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let messages = control.drain();
    let rights = messages.filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok((received.bytes, rights.flatten().collect()))
}
