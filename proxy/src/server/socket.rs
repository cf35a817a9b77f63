//! A client's connection, as hyper reads and writes it.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What is written as one piece. hyper gives head and body apart, and for a small answer the kernel takes longer to
/// look at a list of pieces than we take to copy them.
const PIECE: usize = 4096;

thread_local! {
    static JOINED: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(PIECE));
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Socket(TokioIo<TcpStream>);

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(TokioIo::new(stream))
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if length > PIECE {
            return Pin::new(&mut self.0).poll_write_vectored(cx, pieces);
        }
        JOINED.with_borrow_mut(|joined| {
            joined.clear();
            pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
            Pin::new(&mut self.0).poll_write(cx, joined)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_order_whatever_their_size() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut client, mut socket) = (client.unwrap(), Socket::new(accepted.unwrap().0));
        for lengths in [[0, 0, 1], [100, 0, 200], [PIECE - 1, 1, 0], [PIECE, 1, 7], [3, 5 * PIECE, 2]] {
            let parts: Vec<Vec<u8>> =
                (b'a'..).zip(lengths).map(|(letter, length)| vec![letter; length]).collect();
            let sent = parts.concat();
            let mut written = 0;
            while written < sent.len() {
                let mut skip = written;
                let slices: Vec<_> = parts
                    .iter()
                    .map(|part| {
                        let skipped = skip.min(part.len());
                        skip -= skipped;
                        IoSlice::new(&part[skipped..])
                    })
                    .collect();
                written +=
                    poll_fn(|cx| Pin::new(&mut socket).poll_write_vectored(cx, &slices)).await.unwrap();
            }
            let mut received = vec![0; sent.len()];
            client.read_exact(&mut received).await.unwrap();
            assert_eq!(received, sent);
        }
    }
}
