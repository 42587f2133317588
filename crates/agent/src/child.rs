//! Measures in a child process; whatever becomes of the child is a verdict.

use std::{
    ffi::OsString,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bespoke_device::TargetSpec;
use bespoke_measure::{Environment, Measurement, Protocol, Verdict};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::RwLock,
};

use crate::{AgentError, host::Host, request::Header};

/// Most that is read of a child's answer; ten thousand samples take a tenth of a MiB.
const MAX_ANSWER_BYTES: u64 = 16 << 20;
/// What is kept of a child's complaints: the end.
const COMPLAINT_BYTES: usize = 4 << 10;
/// How often an unstable or throttled measurement is taken, the first time included.
const MAX_TRIES: u32 = 3;

/// What one measurement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space of the child process, in bytes. Some GiB: a runtime reserves more than it uses.
    pub memory_bytes: u64,
    /// Time from the child's start to its answer.
    pub time: Duration,
}

/// Measures a network on this machine, in a child process, and once or twice again while the verdict is unstable or
/// throttled. The last measurement tells in its environment how many tries it took.
///
/// `worker` is a command line whose program calls [`worker::main`](crate::worker::main).
///
/// # Errors
/// When the child cannot be started. A child that fails is a verdict.
pub async fn measure_local(
    worker: &[OsString],
    target: &TargetSpec,
    onnx: &[u8],
    protocol: &Protocol,
    limits: &Limits,
) -> Result<Measurement, AgentError> {
    let order = Order {
        target,
        onnx,
        protocol,
        seed: 0,
    };
    order.measure(worker, limits, None).await
}

/// A network and how to measure it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) target: &'a TargetSpec,
    pub(crate) onnx: &'a [u8],
    pub(crate) protocol: &'a Protocol,
    pub(crate) seed: u64,
}

/// What a child left behind.
struct Answer {
    status: ExitStatus,
    stdout: Vec<u8>,
    complaint: String,
}

// === impl Order ===

impl Order<'_> {
    /// Measures until the verdict is final. While a try runs, `quiet` is locked for writing.
    pub(crate) async fn measure(
        &self,
        worker: &[OsString],
        limits: &Limits,
        quiet: Option<&RwLock<()>>,
    ) -> Result<Measurement, AgentError> {
        let mut tries = 1;
        loop {
            let silence = match quiet {
                Some(quiet) => Some(quiet.write().await),
                None => None,
            };
            let mut measurement = self.try_once(worker, limits).await?;
            drop(silence);
            let may_pass = matches!(
                measurement.verdict,
                Verdict::Unstable { .. } | Verdict::Throttled { .. }
            );
            if !may_pass || tries == MAX_TRIES {
                let facts = &mut measurement.environment.facts;
                facts.insert("tries".to_owned(), tries.to_string());
                return Ok(measurement);
            }
            tries += 1;
        }
    }

    async fn try_once(
        &self,
        worker: &[OsString],
        limits: &Limits,
    ) -> Result<Measurement, AgentError> {
        // Read beforehand: a child that dies cannot tell what the machine was like.
        let environment = Host::here().environment(&[], None);
        let mut child = start(worker)?;
        let answered = tokio::time::timeout(limits.time, self.ask(&mut child, limits)).await;
        let verdict = match answered {
            Ok(Ok(answer)) => match answer.measurement() {
                Ok(measurement) => return Ok(measurement),
                Err(reason) => Verdict::Crashed { reason },
            },
            Ok(Err(error)) => Verdict::Crashed {
                reason: format!("its answer cannot be read: {error}"),
            },
            Err(_) => Verdict::TimedOut,
        };
        // It may have ended meanwhile, and is killed when it is dropped in any case.
        child.kill().await.ok();
        Ok(self.failed(environment, verdict))
    }

    async fn ask(&self, child: &mut Child, limits: &Limits) -> io::Result<Answer> {
        let header = Header {
            target: self.target.clone(),
            protocol: self.protocol.clone(),
            seed: self.seed,
            memory_bytes: limits.memory_bytes,
            onnx_bytes: self.onnx.len() as u64,
        };
        let mut request = Vec::with_capacity(self.onnx.len() + 1024);
        header.write(self.onnx, &mut request)?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let tell = async move {
            // A child that does not listen to the end says why in its answer or its status.
            stdin.write_all(&request).await.ok();
        };
        let ((), stdout, complaint) = tokio::join!(tell, beginning(stdout), last_line(stderr));
        Ok(Answer {
            status: child.wait().await?,
            stdout: stdout?,
            complaint: complaint?,
        })
    }

    fn failed(&self, environment: Environment, verdict: Verdict) -> Measurement {
        Measurement {
            protocol: self.protocol.clone(),
            environment,
            verdict,
            samples_ms: Vec::new(),
            compile_ms: None,
            first_run_ms: None,
        }
    }
}

// === impl Answer ===

impl Answer {
    /// The measurement, or how the child died.
    fn measurement(&self) -> Result<Measurement, String> {
        if !self.status.success() {
            return Err(match self.complaint.as_str() {
                "" => self.status.to_string(),
                complaint => format!("{}: {complaint}", self.status),
            });
        }
        serde_json::from_slice(&self.stdout)
            .map_err(|error| format!("its answer is no measurement: {error}"))
    }
}

// === helpers ===

/// Starts the child in a process group of its own: a key that interrupts this program must not end the measurement
/// that it waits for.
fn start(worker: &[OsString]) -> Result<Child, AgentError> {
    let (program, arguments) = worker.split_first().ok_or(AgentError::Empty {
        setting: "the command line that measures",
    })?;
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| AgentError::Worker {
            program: program.display().to_string(),
            source,
        })
}

/// As much of it as a measurement can be long.
async fn beginning(output: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    output
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut bytes)
        .await?;
    Ok(bytes)
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
