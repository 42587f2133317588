//! What the measuring child may do, and how long it lives.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use bespoke_measure::Verdict;

use crate::{LIMITS, WORKER, measure, protocol, shell};

/// The real child, which waits for its request, and the shell that has started it.
struct Waiting {
    parent: Child,
    child: u32,
}

impl Waiting {
    /// Starts it and waits until it is contained.
    fn start() -> Self {
        // What the shell starts in the background would read from nowhere.
        let script = format!("exec 3<&0; {WORKER} <&3 & echo $!; wait");
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut parent = piped.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let waiting = Self {
            parent,
            child: line.trim().parse().unwrap(),
        };
        while !waiting
            .read("limits")
            .contains("Max file size             268435456")
        {
            assert!(waiting.lives(), "it ended before it was contained");
            std::thread::yield_now();
        }
        waiting
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child))
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    fn lives(&self) -> bool {
        let status = self.read("status");
        !status.is_empty() && !status.contains("State:\tZ")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.parent.kill().ok();
        self.parent.wait().ok();
    }
}

#[test]
fn child_ends_with_its_parent_however_that_ends() {
    let mut waiting = Waiting::start();
    assert!(waiting.lives());
    // SIGKILL: the parent has no time to do anything.
    waiting.parent.kill().unwrap();
    waiting.parent.wait().unwrap();
    while waiting.lives() {
        std::thread::yield_now();
    }
}

#[test]
fn child_gains_no_privileges_and_leaves_no_core() {
    let waiting = Waiting::start();
    assert!(waiting.read("status").contains("NoNewPrivs:\t1"));
    let limits = waiting.read("limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    // Of one byte, Linux makes none, not even for a program that collects them.
    let sizes: Vec<&str> = core.unwrap().split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["1", "1"]);
}

#[tokio::test]
async fn record_tells_whether_the_child_had_a_network() {
    let measured = measure(&[WORKER.into()], "tract/b1/t1/f32", &protocol(), LIMITS).await;
    let told = measured.unwrap().environment.facts["child.network"].clone();
    let waiting = Waiting::start();
    let apart = std::fs::read_link(waiting.path("ns/net")).unwrap()
        != std::fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(told == "none", apart, "{told}");
    if apart {
        // Its only interface is the loopback, and that is down: no packet has come or gone.
        let devices = waiting.read("net/dev");
        assert_eq!(devices.lines().skip(2).count(), 1, "{devices}");
        assert!(devices.contains("lo:       0       0"), "{devices}");
    } else {
        assert!(told.starts_with("within reach: "), "{told}");
    }
}

#[tokio::test]
async fn child_that_a_signal_ends_is_a_crash_that_names_it() {
    for (signal, name) in [
        ("ABRT", "6 (SIGABRT)"),
        ("SEGV", "11 (SIGSEGV)"),
        ("BUS", "7 (SIGBUS)"),
    ] {
        let worker = shell(&format!("kill -{signal} $$"));
        let measured = measure(&worker, "tract/b1/t1/f32", &protocol(), LIMITS).await;
        let Verdict::Crashed { reason } = measured.unwrap().verdict else {
            panic!("SIG{signal} is a crash");
        };
        assert!(reason.starts_with(&format!("signal: {name}")), "{reason}");
    }
}
