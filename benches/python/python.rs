//! Python's `onnxruntime`, or PyTorch, at the other end of a pipe: see `turns.py`.

use std::{
    error::Error,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Times ONNX files.
pub struct Python {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    version: String,
}

/// What a turn of passes took, in milliseconds.
pub struct Turn {
    /// The middle one.
    pub median_ms: f64,
    /// The fastest tenth.
    #[allow(dead_code, reason = "one of the benchmarks asks for it")]
    pub fastest_ms: f64,
}

// === impl Python ===

impl Python {
    /// Starts an interpreter that has the package that a script of this folder needs.
    pub fn start(
        mut interpreter: Command,
        script: &str,
        argument: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/python");
        let mut child = interpreter
            .arg(folder.join(script))
            .args(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{interpreter:?} cannot be started: {error}"))?;
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

    /// So many passes of an ONNX file.
    pub fn turn(
        &mut self,
        network: &Path,
        threads: u32,
        passes: usize,
    ) -> Result<Turn, Box<dyn Error>> {
        writeln!(self.orders, "{passes} {threads} {}", network.display())?;
        let answer = self.answer()?;
        let (median, fastest) = answer.split_once(' ').ok_or("Python answers two numbers")?;
        Ok(Turn {
            median_ms: median.parse()?,
            fastest_ms: fastest.parse()?,
        })
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
