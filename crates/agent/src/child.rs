//! A child process that measures one network; whatever becomes of it is a verdict.

use std::{ffi::OsString, io, process::Stdio, time::Duration};

use bespoke_device::TargetSpec;
use bespoke_measure::{Protocol, Verdict};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{self, ChildStdin, ChildStdout},
    task::JoinHandle,
};

use crate::{
    AgentError,
    request::{Command, Header, Reply},
};

/// Longest reply; ten thousand samples take a fifth of a MiB.
const MAX_REPLY_BYTES: u64 = 16 << 20;
/// What is kept of a child's complaints: the end.
const COMPLAINT_BYTES: usize = 4 << 10;

/// What one measurement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space of the child process, in bytes. Some GiB: a runtime reserves more than it uses.
    pub memory_bytes: u64,
    /// Time for an answer of the child: to compile the network and warm it up, or to take one turn's samples.
    pub time: Duration,
}

/// A network and how to measure it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) target: &'a TargetSpec,
    pub(crate) onnx: &'a [u8],
    pub(crate) protocol: &'a Protocol,
    pub(crate) seed: u64,
}

/// A child at work. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    /// Writes the request, and has the child's input afterwards.
    request: Option<JoinHandle<ChildStdin>>,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    complaint: Option<JoinHandle<io::Result<String>>>,
    time: Duration,
}

// === impl Child ===

impl Child {
    /// Starts a child over a network. `worker` is a command line whose program calls
    /// [`worker::main`](crate::worker::main).
    ///
    /// It has a process group of its own: a key that interrupts this program must not end the measurement that it waits
    /// for.
    pub(crate) fn start(
        worker: &[OsString],
        order: &Order<'_>,
        limits: &Limits,
    ) -> Result<Self, AgentError> {
        let (program, arguments) = worker.split_first().ok_or(AgentError::Empty {
            setting: "the command line that measures",
        })?;
        let failed = |source| AgentError::Worker {
            program: program.display().to_string(),
            source,
        };
        let mut process = process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let request = request(order, limits).map_err(failed)?;
        let mut stdin = process.stdin.take().expect("it is piped");
        let stdout = process.stdout.take().expect("it is piped");
        let stderr = process.stderr.take().expect("it is piped");
        let tell = async move {
            // A child that does not listen to the end says why in its answer or its status.
            stdin.write_all(&request).await.ok();
            stdin
        };
        Ok(Self {
            process,
            request: Some(tokio::spawn(tell)),
            stdin: None,
            stdout: BufReader::new(stdout),
            complaint: Some(tokio::spawn(last_line(stderr))),
            time: limits.time,
        })
    }

    /// Tells the child what to do and waits for what it says.
    pub(crate) async fn obey(&mut self, command: Command) -> Result<Reply, Verdict> {
        let time = self.time;
        if tokio::time::timeout(time, self.tell(command))
            .await
            .is_err()
        {
            self.process.kill().await.ok();
            return Err(Verdict::TimedOut);
        }
        self.answer().await
    }

    async fn tell(&mut self, command: Command) {
        let mut line = serde_json::to_vec(&command).expect("a command is plain data");
        line.push(b'\n');
        if let Some(request) = self.request.take() {
            self.stdin = request.await.ok();
        }
        if let Some(stdin) = &mut self.stdin {
            // As above.
            stdin.write_all(&line).await.ok();
        }
    }

    /// What the child says next; a verdict when it does not, or says that there will be no more samples.
    pub(crate) async fn answer(&mut self) -> Result<Reply, Verdict> {
        let verdict = match tokio::time::timeout(self.time, self.line()).await {
            Ok(Ok(Some(line))) => match serde_json::from_slice(&line) {
                Ok(reply) => return Ok(reply),
                Err(error) => nonsense(&error.to_string()),
            },
            Ok(Ok(None)) => self.death().await,
            Ok(Err(error)) => Verdict::Crashed {
                reason: format!("its answer cannot be read: {error}"),
            },
            Err(_) => Verdict::TimedOut,
        };
        self.process.kill().await.ok();
        Err(verdict)
    }

    /// A line, or that there are no more.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut start = (&mut self.stdout).take(MAX_REPLY_BYTES);
        start.read_until(b'\n', &mut line).await?;
        Ok((!line.is_empty()).then_some(line))
    }

    /// How the child ended.
    async fn death(&mut self) -> Verdict {
        // What does not end after it has closed its output is killed; either way there is a status.
        let status = match tokio::time::timeout(self.time, self.process.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(_)) | Err(_) => return Verdict::TimedOut,
        };
        if status.success() {
            return nonsense("it ended without one");
        }
        let complaint = match self.complaint.take() {
            Some(complaint) => complaint.await.ok().and_then(Result::ok),
            None => None,
        };
        Verdict::Crashed {
            reason: match complaint.filter(|complaint| !complaint.is_empty()) {
                Some(complaint) => format!("{status}: {complaint}"),
                None => status.to_string(),
            },
        }
    }
}

// === helpers ===

fn nonsense(what: &str) -> Verdict {
    Verdict::Crashed {
        reason: format!("its answer is no measurement: {what}"),
    }
}

fn request(order: &Order<'_>, limits: &Limits) -> io::Result<Vec<u8>> {
    let header = Header {
        target: order.target.clone(),
        protocol: order.protocol.clone(),
        seed: order.seed,
        memory_bytes: limits.memory_bytes,
        onnx_bytes: order.onnx.len() as u64,
    };
    let mut request = Vec::with_capacity(order.onnx.len() + 1024);
    header.write(order.onnx, &mut request)?;
    Ok(request)
}

/// The last line that says something; what goes before is dropped as it comes.
async fn last_line(mut output: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut tail = Vec::new();
    while output.read_buf(&mut tail).await? > 0 {
        let surplus = tail.len().saturating_sub(COMPLAINT_BYTES);
        tail.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    Ok(line.unwrap_or("").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_many_complaints_the_last_is_kept() {
        let noise = "nonsense\n".repeat(100_000);
        let output = format!("{noise}out of luck\n\n");
        assert_eq!(last_line(output.as_bytes()).await.unwrap(), "out of luck");
        assert_eq!(last_line(&b""[..]).await.unwrap(), "");
    }
}
