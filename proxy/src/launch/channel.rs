//! The two directions of a connection between proxy and launcher: frames, and descriptors beside them.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use rustix::{
    cmsg_space,
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{io::Interest, net::UnixStream};
use waggle_protocol::line::{Line, LineDecoder};

use super::wire::{self, MAX_FRAME};
use crate::child::Pipes;

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// Descriptors of one process: stdin, stdout, stderr.
const PIPES: usize = 3;

/// Processes whose descriptors may have come before the frames about them.
const AHEAD: usize = 64;

/// The pause while more descriptors are on their way to the other side than the system allows.
const TOO_MANY: Duration = Duration::from_millis(5);

/// Why a connection is of no use any more. The texts complete "the connection to … has ended: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The other side has closed it.
    #[error("it was closed")]
    Closed,
    /// The system refuses it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side breaks the protocol.
    #[error("it has sent {0}")]
    Junk(String),
    /// The other side has said so.
    #[error("{0}")]
    Goodbye(String),
}

/// Both directions of a connection.
pub(crate) fn split(stream: UnixStream) -> (Sender, Receiver) {
    let stream = Arc::new(stream);
    let receiver = Receiver {
        stream: stream.clone(),
        decoder: LineDecoder::new(MAX_FRAME),
        pending: 0,
        descriptors: VecDeque::new(),
    };
    (Sender { stream }, receiver)
}

/// The way to the other side.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: Arc<UnixStream>,
}

impl Sender {
    /// Sends a frame, and with it the descriptors of a process. Not cancel-safe: half a frame may have gone.
    pub(crate) async fn send(&self, frame: &impl Serialize, pipes: Option<&Pipes>) -> Result<(), Trouble> {
        let line = wire::encode(frame).map_err(|error| Trouble::Io(io::Error::other(error)))?;
        let mut sent = self.send_some(&line, pipes).await?;
        while sent < line.len() {
            sent += self.send_some(&line[sent..], None).await?;
        }
        Ok(())
    }

    /// Ends the connection, whoever else still holds it.
    pub(crate) fn close(&self) {
        // The other side may have been quicker.
        let _ = shutdown(&self.stream, Shutdown::Both);
    }

    async fn send_some(&self, bytes: &[u8], pipes: Option<&Pipes>) -> io::Result<usize> {
        let borrowed = pipes.map(|pipes| [pipes.stdin.as_fd(), pipes.stdout.as_fd(), pipes.stderr.as_fd()]);
        let send = || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(PIPES))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if let Some(borrowed) = &borrowed {
                beside.push(SendAncillaryMessage::ScmRights(borrowed));
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut beside, flags).map_err(io::Error::from)
        };
        loop {
            match self.stream.async_io(Interest::WRITABLE, send).await {
                Err(error) if Errno::from_io_error(&error) == Some(Errno::TOOMANYREFS) => {
                    tokio::time::sleep(TOO_MANY).await;
                }
                sent => return sent,
            }
        }
    }
}

/// The way from the other side.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: Arc<UnixStream>,
    decoder: LineDecoder,
    /// Bytes since the last frame.
    pending: usize,
    /// In the order of the frames that they belong to; `None` where the system had no room for them.
    descriptors: VecDeque<Option<Pipes>>,
}

impl Receiver {
    /// The next frame. Cancel-safe.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Trouble> {
        loop {
            match self.decoder.next_line() {
                Some(Line::Message(line)) => {
                    self.pending = self.decoder.buffered();
                    return wire::decode(&line).map_err(Trouble::Junk);
                }
                Some(Line::TooLong { bytes }) => return Err(too_long(bytes)),
                None if self.pending > MAX_FRAME => return Err(too_long(self.pending)),
                None => self.receive().await?,
            }
        }
    }

    /// The descriptors that came with the last `Started`; `None` if we have no room for more.
    pub(crate) fn pipes(&mut self) -> Result<Option<Pipes>, Trouble> {
        let next = self.descriptors.pop_front();
        next.ok_or_else(|| Trouble::Junk("a process without its descriptors".to_owned()))
    }

    async fn receive(&mut self) -> Result<(), Trouble> {
        let mut bytes = [0; READ];
        let stream = &self.stream;
        let receive = || receive(stream, &mut bytes);
        let (length, beside) = stream.async_io(Interest::READABLE, receive).await?;
        if length == 0 {
            return Err(Trouble::Closed);
        }
        match beside {
            Beside::Nothing => {}
            Beside::Pipes(pipes) => self.descriptors.push_back(Some(pipes)),
            Beside::Lost => self.descriptors.push_back(None),
            Beside::Other => return Err(Trouble::Junk("descriptors that are not three".to_owned())),
        }
        if self.descriptors.len() > AHEAD {
            return Err(Trouble::Junk("more descriptors than processes".to_owned()));
        }
        self.decoder.feed(&bytes[..length]);
        self.pending += length;
        Ok(())
    }
}

fn too_long(bytes: usize) -> Trouble {
    Trouble::Junk(format!("a frame of {bytes} bytes, more than {MAX_FRAME}"))
}

/// What came with some bytes. The kernel never joins what came with two sends.
enum Beside {
    Nothing,
    Pipes(Pipes),
    /// We have as many descriptors as we may.
    Lost,
    Other,
}

fn receive(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Beside)> {
    // Room for one more shows that there were too many.
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(PIPES + 1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(stream, &mut [IoSliceMut::new(bytes)], &mut beside, flags)?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let lost = received.flags.contains(ReturnFlags::CTRUNC);
    let beside = match <[OwnedFd; PIPES]>::try_from(descriptors) {
        Ok([stdin, stdout, stderr]) if !lost => Beside::Pipes(Pipes { stdin, stdout, stderr }),
        _ if lost => Beside::Lost,
        Err(none) if none.is_empty() => Beside::Nothing,
        _ => Beside::Other,
    };
    Ok((received.bytes, beside))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::launch::wire::{FromLauncher, ToLauncher};

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    fn pipes() -> (Pipes, OwnedFd) {
        let make = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let ((held, stdin), (stdout, _), (stderr, _)) = (make(), make(), make());
        (Pipes { stdin, stdout, stderr }, held)
    }

    #[tokio::test]
    async fn descriptors_arrive_with_their_frames_and_close_on_exec() {
        let (a, b) = pair();
        let ((sender, _), (_, mut receiver)) = (split(a), split(b));
        for id in 0..10 {
            sender.send(&FromLauncher::Ended { id, code: Some(0), signal: None }, None).await.unwrap();
            let (pipes, held) = pipes();
            sender.send(&FromLauncher::Started { id, pid: 7 }, Some(&pipes)).await.unwrap();
            drop(pipes);
            let ended: FromLauncher = receiver.next().await.unwrap();
            assert!(matches!(ended, FromLauncher::Ended { .. }));
            assert_eq!(receiver.next::<FromLauncher>().await.unwrap(), FromLauncher::Started { id, pid: 7 });
            let received = receiver.pipes().unwrap().unwrap();
            let flags = rustix::io::fcntl_getfd(&received.stdin).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            std::fs::File::from(received.stdin).write_all(&[id as u8]).unwrap();
            let mut byte = [0];
            std::fs::File::from(held).read_exact(&mut byte).unwrap();
            assert_eq!(byte[0], id as u8);
        }
        assert!(receiver.pipes().is_err(), "each belongs to one frame");
    }

    #[tokio::test]
    async fn a_large_frame_comes_in_pieces_and_a_larger_one_ends_it() {
        let (a, b) = pair();
        let ((sender, _), (_, mut receiver)) = (split(a), split(b));
        let frame = ToLauncher::Goodbye { reason: "x".repeat(MAX_FRAME - 100) };
        let (sent, received) = tokio::join!(sender.send(&frame, None), receiver.next::<ToLauncher>());
        sent.unwrap();
        assert_eq!(received.unwrap(), frame);
        let (a, b) = pair();
        let (_, mut receiver) = split(b);
        let (_, refused) = tokio::join!(
            async {
                let bytes = vec![b'x'; MAX_FRAME + 2 * READ];
                let _ = tokio::io::AsyncWriteExt::write_all(&mut { a }, &bytes).await;
            },
            receiver.next::<ToLauncher>()
        );
        assert!(refused.unwrap_err().to_string().starts_with("it has sent a frame of"));
    }

    #[tokio::test]
    async fn the_end_and_junk_are_told_apart() {
        let (a, b) = pair();
        let (_, mut receiver) = split(b);
        let mut a = a.into_std().unwrap();
        a.set_nonblocking(false).unwrap();
        a.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let junk = receiver.next::<ToLauncher>().await.unwrap_err();
        assert_eq!(junk.to_string(), "it has sent a line of 14 bytes that is no JSON");
        drop(a);
        assert!(matches!(receiver.next::<ToLauncher>().await, Err(Trouble::Closed)));
    }
}
