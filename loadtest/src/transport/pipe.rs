//! Raw stdio: round trips through one server process, without any bridge.

use std::{
    collections::HashMap,
    io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, oneshot},
};

use super::{
    Fault, Request,
    request::{self, LEGACY},
};

/// Messages that wait for the pipe.
const QUEUE: usize = 4096;
const BUFFER: usize = 64 << 10;

type Waiting = Mutex<HashMap<u64, oneshot::Sender<Bytes>>>;

/// A server process and the sessions' way to it. Ids of requests must be unique among all of them.
#[derive(Clone, Debug)]
pub struct Pipe {
    lines: mpsc::Sender<String>,
    waiting: Arc<Waiting>,
    // Killed when the last session is gone.
    child: Arc<Child>,
}

#[derive(Deserialize)]
struct Id {
    #[serde(default)]
    id: Option<u64>,
}

impl Pipe {
    /// Starts the server and shakes hands with it.
    ///
    /// # Errors
    /// It does not start, or does not answer.
    pub async fn start(command: &[String]) -> io::Result<Self> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| io::Error::other("there is no command to start"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let (lines, queue) = mpsc::channel(QUEUE);
        let pipe = Self { lines, waiting: Arc::default(), child: Arc::new(child) };
        tokio::task::spawn(write(stdin, queue));
        tokio::task::spawn(read(stdout, pipe.waiting.clone()));
        let answer = pipe.expect(0);
        let hello = pipe.write(request::initialize(LEGACY)).await.and(answer.await.map_err(|_| Fault::Lost));
        hello.map_err(|fault| io::Error::other(fault.to_string()))?;
        pipe.write(request::INITIALIZED.to_owned())
            .await
            .map_err(|fault| io::Error::other(fault.to_string()))?;
        Ok(pipe)
    }

    /// The server's process.
    pub fn pid(&self) -> Option<i32> {
        self.child.id()?.try_into().ok()
    }

    fn expect(&self, id: u64) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        receiver
    }

    pub(super) async fn write(&self, line: String) -> Result<(), Fault> {
        self.lines.send(line).await.map_err(|_| Fault::Broken("the server's stdin is closed".to_owned()))
    }

    pub(super) async fn request(
        &self,
        request: &Request<'_>,
        mut message: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        let answer = self.expect(request.id);
        self.write(request.body(false)).await?;
        message(&answer.await.map_err(|_| Fault::Broken("the server's stdout is closed".to_owned()))?);
        Ok(())
    }
}

/// Writes all that waits with one call.
async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<String>) {
    let (mut lines, mut bytes) = (Vec::new(), Vec::new());
    while queue.recv_many(&mut lines, QUEUE).await > 0 {
        for line in lines.drain(..) {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.clear();
    }
}

async fn read(mut stdout: ChildStdout, waiting: Arc<Waiting>) {
    let mut bytes = BytesMut::with_capacity(BUFFER);
    let mut seen = 0;
    loop {
        bytes.reserve(BUFFER);
        match stdout.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        while let Some(length) = memchr(b'\n', &bytes[seen..]) {
            let line = bytes.split_to(seen + length + 1).freeze();
            seen = 0;
            let id = serde_json::from_slice::<Id>(&line).ok().and_then(|message| message.id);
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(session) = id.and_then(|id| waiting.remove(&id)) {
                // The session may have lost its patience.
                let _ = session.send(line);
            }
        }
        seen = bytes.len();
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
