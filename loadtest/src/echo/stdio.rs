//! The echo server on stdin and stdout.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    Era,
    request::Filter,
    server::{Outcome, Server},
};

/// As much is read at once, and written at once when there is as much.
const BUFFER: usize = 64 << 10;

/// Serves until stdin ends. Answers to lines that arrive together leave together.
///
/// # Errors
/// stdin or stdout fails.
pub fn serve(era: Era, strict: bool, chatty: bool) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let mut session = Session { server: Server::new(era, strict), ..Session::default() };
    let mut line = Vec::new();
    let mut out = Vec::with_capacity(BUFFER);
    while input.read_until(b'\n', &mut line)? > 0 {
        if chatty {
            writeln!(io::stderr(), "echo: a message of {} bytes", line.len())?;
        }
        session.take(&line, &mut out)?;
        line.clear();
        if input.buffer().is_empty() || out.len() >= BUFFER {
            flush(&mut out)?;
        }
    }
    flush(&mut out)
}

fn flush(out: &mut Vec<u8>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(out)?;
    stdout.flush()?;
    out.clear();
    out.shrink_to(16 * BUFFER);
    Ok(())
}

#[derive(Debug, Default)]
struct Session {
    server: Server,
    /// Subscriptions by the raw id of their request.
    listeners: BTreeMap<String, Filter>,
    sleepers: Option<Arc<Sleepers>>,
}

impl Session {
    /// Appends what a line asks for, as lines.
    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let begin = out.len();
        let Some(request) = self.server.read(line, out) else {
            out.push(b'\n');
            return Ok(());
        };
        match self.server.act(&request, out) {
            Outcome::Silence => return Ok(()),
            Outcome::Answer | Outcome::Refusal(_) | Outcome::Opened | Outcome::Messages => {}
            Outcome::Listening { id, filter } => {
                self.listeners.insert(id.to_owned(), filter);
            }
            Outcome::Cancelled { id } => {
                if let Some(sleepers) = &self.sleepers {
                    sleepers.forget(id);
                }
                if self.listeners.remove(id).is_some() {
                    super::answer::Answer { id, modern: true }.empty(out);
                } else {
                    return Ok(());
                }
            }
            Outcome::Later { id, after } => {
                out.push(b'\n');
                let answer = out.split_off(begin);
                self.sleepers().add(id, Instant::now() + after, answer);
                return Ok(());
            }
            Outcome::Broadcast(broadcast) => {
                let answer = out.split_off(begin);
                let is_modern = request.version().is_some();
                let listeners = self.listeners.iter().filter(|(_, filter)| filter.wants(broadcast.kind));
                let listeners: Vec<_> = listeners.map(|(id, _)| Some(id.as_str())).collect();
                let legacy = [None];
                for number in 1..=broadcast.count {
                    for subscription in if is_modern { listeners.as_slice() } else { &legacy } {
                        broadcast.write(out, number, *subscription);
                        out.push(b'\n');
                    }
                    if out.len() >= BUFFER {
                        flush(out)?;
                    }
                }
                out.extend_from_slice(&answer);
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn sleepers(&mut self) -> &Arc<Sleepers> {
        self.sleepers.get_or_insert_with(Sleepers::start)
    }
}

/// Answers that are due later, written by a thread of their own.
#[derive(Debug, Default)]
struct Sleepers {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// By time and a number that makes the key unique; with the raw id of the request.
    due: BTreeMap<(Instant, u64), (String, Vec<u8>)>,
    next: u64,
}

impl Sleepers {
    fn start() -> Arc<Self> {
        let sleepers = Arc::new(Self::default());
        let waiting = sleepers.clone();
        thread::spawn(move || waiting.run());
        sleepers
    }

    fn add(&self, id: &str, at: Instant, answer: Vec<u8>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.next += 1;
        let key = (at, queue.next);
        queue.due.insert(key, (id.to_owned(), answer));
        self.changed.notify_one();
    }

    fn forget(&self, id: &str) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.due.retain(|_, (sleeper, _)| sleeper != id);
    }

    fn run(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            let pause = match queue.due.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let (_, answer) = first.remove();
                    let mut stdout = io::stdout().lock();
                    if stdout.write_all(&answer).and_then(|()| stdout.flush()).is_err() {
                        return;
                    }
                    continue;
                }
                Some(first) => first.key().0 - now,
                None => Duration::from_secs(3600),
            };
            queue = self.changed.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
