//! Runs the program in a folder of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use bespoke_space::Space;
use serde_json::Value;
use tempfile::TempDir;

const TINY: &str = include_str!("tiny.toml");

/// The space in `tiny.toml`, which has 48 networks.
pub fn tiny() -> Space {
    Space::parse("tiny.toml", TINY).expect("a space")
}

/// The number under a key.
pub fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

/// A folder with the program to run in it.
pub struct Room {
    folder: TempDir,
}

/// A program that runs in the background; it is killed when dropped.
pub struct Background {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// A process that another has started.
pub struct Process(u32);

impl Room {
    /// A folder with a small space file, `tiny.toml`, in it.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let room = Self { folder };
        room.file("tiny.toml", TINY);
        room
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, contents).expect("the folder can be written");
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bespoke"));
        command
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command.env_remove("BESPOKE_LOG");
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    /// Runs to the end and gives what it printed; panics if it failed.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "bespoke {}: {stderr}",
            arguments.join(" ")
        );
        String::from_utf8(output.stdout).expect("output is text")
    }

    /// Runs to the end and gives the JSON it printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(arguments)).expect("output is JSON")
    }

    /// Runs to the end, expecting it to fail, and gives the one sentence it must say.
    pub fn error(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = format!("bespoke {}: {stderr}", arguments.join(" "));
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(!stderr.contains("panicked"), "{told}");
        let sentence = stderr.lines().last().unwrap_or_default();
        assert!(sentence.starts_with("bespoke: "), "{told}");
        sentence.to_owned()
    }

    /// Starts in the background.
    pub fn start(&self, arguments: &[&str]) -> Background {
        Background::start(self.command(arguments))
    }
}

impl Background {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        Self { child, stderr }
    }

    /// Reads its stderr up to the first line that contains the text; nothing if it ended before.
    pub fn wait_for(&mut self, text: &str) -> Option<String> {
        let mut line = String::new();
        while self.stderr.read_line(&mut line).expect("stderr is text") > 0 {
            if line.contains(text) {
                return Some(line.trim().to_owned());
            }
            line.clear();
        }
        None
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM: the system asks it to stop.
    pub fn terminate(&self) {
        let sent = Command::new("kill").arg(self.id().to_string()).status();
        assert!(sent.expect("there is such a program").success());
    }

    /// Waits for its end and gives its status.
    pub fn status(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// SIGKILL: no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("the program can be killed");
        self.child.wait().expect("a killed program ends");
    }
}

impl Process {
    /// The one child of a process, if it has one.
    pub fn child_of(parent: u32) -> Option<Self> {
        let entries = std::fs::read_dir("/proc").expect("the system shows its processes");
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let line = format!("PPid:\t{parent}\n");
        ids.map(Self)
            .find(|process| process.status().contains(&line))
    }

    /// Whether it may gain no privileges any more, which it gives up once it is to end with its parent.
    pub fn is_contained(&self) -> bool {
        self.status().contains("NoNewPrivs:\t1")
    }

    pub fn wait_for_its_end(&self) {
        loop {
            let status = self.status();
            if status.is_empty() || status.contains("State:\tZ") {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
