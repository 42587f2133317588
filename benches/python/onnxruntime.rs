//! Python's `onnxruntime` at the other end of a pipe.

use std::{
    error::Error,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Times ONNX files with `onnxruntime_turns.py`.
pub struct Python {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    version: String,
}

// === impl Python ===

impl Python {
    /// Starts an interpreter that has the package `onnxruntime`.
    pub fn start(interpreter: &str) -> Result<Self, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/python");
        let mut child = Command::new(interpreter)
            .arg(folder.join("onnxruntime_turns.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{interpreter} cannot be started: {error}"))?;
        let orders = child.stdin.take().ok_or("it is piped")?;
        let answers = BufReader::new(child.stdout.take().ok_or("it is piped")?).lines();
        let mut python = Self {
            child,
            orders,
            answers,
            version: String::new(),
        };
        python.version = python.answer()?;
        Ok(python)
    }

    /// The version of the package.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The median of so many passes of an ONNX file, in milliseconds.
    pub fn turn(
        &mut self,
        network: &Path,
        threads: u32,
        passes: usize,
    ) -> Result<f64, Box<dyn Error>> {
        writeln!(self.orders, "{passes} {threads} {}", network.display())?;
        Ok(self.answer()?.parse()?)
    }

    fn answer(&mut self) -> Result<String, Box<dyn Error>> {
        let line = self.answers.next();
        Ok(line.ok_or("Python ended; what it said is above")??)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
