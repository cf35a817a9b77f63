//! Raw round trips through the stdin and stdout of the server that stands behind the proxy.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::{
    call::{Era, INITIALIZE, INITIALIZED, check},
    server,
};

/// A server process and its only client.
pub(crate) struct Pipe {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    era: Era,
    calls: u64,
    line: Vec<u8>,
}

impl Pipe {
    pub(crate) fn open(era: Era) -> Self {
        let mut command = server::command(era);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program starts");
        let input = process.stdin.take();
        let output = BufReader::with_capacity(64 * 1024, process.stdout.take().expect("stdout is a pipe"));
        let mut pipe = Self { process, input, output, era, calls: 0, line: Vec::new() };
        if era == Era::Legacy {
            pipe.write(&format!("{INITIALIZE}\n"));
            pipe.read();
            pipe.write(&format!("{INITIALIZED}\n"));
        }
        pipe
    }

    /// As many calls as are given, all written before the first answer is read; each gives back `size` bytes.
    pub(crate) fn echo(&mut self, size: usize, at_once: u64) {
        let first = self.calls + 1;
        self.calls += at_once;
        let ids = first..=self.calls;
        self.write(&ids.clone().map(|id| self.era.echo(id, size) + "\n").collect::<String>());
        for id in ids {
            self.read();
            check(&self.line, id, size);
        }
    }

    fn write(&mut self, text: &str) {
        let input = self.input.as_mut().expect("it is open until the end");
        input.write_all(text.as_bytes()).expect("the server reads");
    }

    fn read(&mut self) {
        self.line.clear();
        self.output.read_until(b'\n', &mut self.line).expect("the server writes");
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        let _ = self.process.wait();
    }
}
