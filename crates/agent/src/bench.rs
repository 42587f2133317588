//! The bench that this machine's networks are measured on: one batch at a time, each network in a child of its own.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    fs::{File, TryLockError},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bespoke_device::TargetSpec;
use bespoke_measure::{Batch, Ended, Measurement, Protocol, ReferenceMs, Step, Verdict};
use tokio::sync::{
    RwLock,
    mpsc::{UnboundedSender, unbounded_channel},
};

use crate::{
    AgentError, Limits,
    child::{Child, Order},
    host::Host,
    reference,
    request::{Command, Ready, Reply, Samples, Used},
};

/// Networks that are ready at the same time, each in a process with its weights.
const WINDOW: usize = 12;
/// One turn of the reference that computes, and of the one that reads memory.
const COMPUTING_TURN_MS: u64 = 10;
const READING_TURN_MS: u64 = 5;
/// A pause in which the machine cools down.
const REST: Duration = Duration::from_secs(1);
/// Locked while a batch is measured, by whatever program of this machine does it.
const LOCK: &str = "bespoke-measuring.lock";
/// How often it is looked whether it is free.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Measures batches of networks, one batch at a time, and remembers what its reference networks take on each runtime when
/// the machine is left alone.
#[derive(Debug)]
pub struct Bench {
    worker: Vec<OsString>,
    limits: Limits,
    training: Option<Arc<RwLock<()>>>,
    /// What the references take, by runtime and threads.
    quiet_ms: Mutex<BTreeMap<(String, u32), ReferenceMs>>,
    timed: Mutex<Duration>,
}

/// A batch that is being measured.
struct Run<'a> {
    bench: &'a Bench,
    orders: &'a [Order<'a>],
    batch: Batch,
    begun: Instant,
    /// Orders whose network has no child yet.
    pending: VecDeque<usize>,
    /// Networks of the batch, by their number in it.
    seats: Vec<Seat>,
    computing: Option<Child>,
    reading: Option<Child>,
    /// Whether the references were started: once, for one that fails would fail again.
    referred: bool,
}

/// A network with its child; none once it has ended.
struct Seat {
    order: usize,
    child: Option<Child>,
    known: Ready,
    used: Used,
}

// === impl Bench ===

impl Bench {
    /// A bench whose children are started by `worker`, a command line whose program calls
    /// [`worker::main`](crate::worker::main).
    pub fn new(worker: Vec<OsString>, limits: Limits) -> Self {
        Self {
            worker,
            limits,
            training: None,
            quiet_ms: Mutex::default(),
            timed: Mutex::default(),
        }
    }

    /// Locks `training` for writing while a batch is measured.
    pub(crate) fn with_training(mut self, training: Option<Arc<RwLock<()>>>) -> Self {
        self.training = training;
        self
    }

    /// Measures ONNX files on a target, in turns, and yields the measurements in their order.
    ///
    /// # Errors
    /// When a child cannot be started. A child that fails is a verdict.
    pub async fn measure(
        &self,
        target: &TargetSpec,
        networks: &[impl AsRef<[u8]>],
        protocol: &Protocol,
    ) -> Result<Vec<Measurement>, AgentError> {
        let order = |network| Order {
            target,
            onnx: AsRef::as_ref(network),
            protocol,
            seed: 0,
        };
        let orders: Vec<Order<'_>> = networks.iter().map(order).collect();
        let (done, mut ended) = unbounded_channel();
        self.perform(&orders, done).await?;
        let mut measured = BTreeMap::new();
        while let Some((number, measurement)) = ended.recv().await {
            measured.insert(number, measurement);
        }
        Ok(measured.into_values().collect())
    }

    /// Measures orders, which are all for one target, and hands each measurement over when it is there, with the number
    /// of its order.
    pub(crate) async fn perform(
        &self,
        orders: &[Order<'_>],
        done: UnboundedSender<(usize, Measurement)>,
    ) -> Result<(), AgentError> {
        let _training = match &self.training {
            Some(training) => Some(training.write().await),
            None => None,
        };
        let _alone = alone().await;
        let run = Run {
            bench: self,
            orders,
            batch: Batch::new(orders.first().map_or(0, |order| order.seed)),
            begun: Instant::now(),
            pending: (0..orders.len()).collect(),
            seats: Vec::new(),
            computing: None,
            reading: None,
            referred: false,
        };
        run.complete(done).await
    }

    /// Time that was spent running networks so far: their warm-up, their turns and the reference's.
    pub fn timed(&self) -> Duration {
        *self.timed.lock().expect("no holder of the lock panics")
    }

    fn add_timed(&self, time: Duration) {
        *self.timed.lock().expect("no holder of the lock panics") += time;
    }

    fn quiet_ms(&self, target: &TargetSpec) -> Option<ReferenceMs> {
        let known = self.quiet_ms.lock().expect("no holder of the lock panics");
        known.get(&key(target)).copied()
    }

    fn remember(&self, target: &TargetSpec, quiet_ms: ReferenceMs) {
        let mut known = self.quiet_ms.lock().expect("no holder of the lock panics");
        known.insert(key(target), quiet_ms);
    }
}

// === impl Run ===

impl Run<'_> {
    async fn complete(
        mut self,
        done: UnboundedSender<(usize, Measurement)>,
    ) -> Result<(), AgentError> {
        loop {
            while self.batch.open() < WINDOW {
                let Some(order) = self.pending.pop_front() else {
                    break;
                };
                if let Some(failed) = self.admit(order).await? {
                    // Whoever asked may have gone; then nobody polls this either.
                    done.send((order, failed)).ok();
                }
            }
            if self.batch.open() > 0 && !std::mem::replace(&mut self.referred, true) {
                self.start_references().await?;
            }
            match self.batch.step() {
                Step::Reference => self.reference_turn().await,
                Step::Turn(number) => self.turn(number).await,
                Step::Rest => {
                    tokio::time::sleep(REST).await;
                    self.batch.rested();
                }
                Step::Done => {}
            }
            for ended in self.batch.ended() {
                done.send(self.finish(ended).await).ok();
            }
            if self.batch.open() == 0 && self.pending.is_empty() {
                break;
            }
        }
        if let (Some(quiet_ms), Some(order)) = (self.batch.quiet_ms(), self.orders.first()) {
            self.bench.remember(order.target, quiet_ms);
        }
        Ok(())
    }

    /// Starts a network's child and waits until it is ready; yields the measurement of one that never is.
    async fn admit(&mut self, number: usize) -> Result<Option<Measurement>, AgentError> {
        let order = &self.orders[number];
        // Read beforehand: a child that dies cannot tell what the machine was like.
        let environment = Host::here().environment(&[], None);
        let mut child = Child::start(&self.bench.worker, order, &self.bench.limits)?;
        let unknown = Ready {
            environment,
            ..Ready::default()
        };
        let (verdict, known) = match child.answer().await {
            Ok(Reply::Ready(known)) => {
                self.batch.join(order.protocol.clone(), order.seed);
                self.seats.push(Seat {
                    order: number,
                    child: Some(child),
                    known,
                    used: Used::default(),
                });
                return Ok(None);
            }
            Ok(Reply::Failed { verdict, known }) => (verdict, known),
            Ok(_) => (out_of_turn(), unknown),
            Err(verdict) => (verdict, unknown),
        };
        Ok(Some(Measurement {
            compile_ms: known.compile_ms,
            first_run_ms: known.first_run_ms,
            ..Measurement::new(order.protocol.clone(), known.environment, verdict)
        }))
    }

    /// Starts the references' children. Those that do not run are done without: the one that reads memory needs some.
    async fn start_references(&mut self) -> Result<(), AgentError> {
        self.computing = self.start_reference(reference::computing()).await?;
        if let (Some(_), Some(order)) = (&self.computing, self.orders.first()) {
            self.batch.with_reference(self.bench.quiet_ms(order.target));
            self.reading = self.start_reference(reference::reading()).await?;
        }
        Ok(())
    }

    async fn start_reference(&self, onnx: &[u8]) -> Result<Option<Child>, AgentError> {
        let Some(order) = self.orders.first() else {
            return Ok(None);
        };
        let mut target = order.target.clone();
        target.batch = 1;
        let order = Order {
            target: &target,
            onnx,
            protocol: &Protocol::default(),
            seed: 0,
        };
        let mut child = Child::start(&self.bench.worker, &order, &self.bench.limits)?;
        let is_ready = matches!(child.answer().await, Ok(Reply::Ready(_)));
        Ok(is_ready.then_some(child))
    }

    async fn reference_turn(&mut self) {
        let begun = Instant::now();
        let Some(compute_ms) = samples(&mut self.computing, COMPUTING_TURN_MS).await else {
            return self.batch.without_reference();
        };
        let memory_ms = samples(&mut self.reading, READING_TURN_MS).await;
        self.bench.add_timed(begun.elapsed());
        self.batch.reference_took(&compute_ms, memory_ms.as_deref());
    }

    async fn turn(&mut self, number: usize) {
        let seat = &mut self.seats[number];
        let child = seat.child.as_mut().expect("an open network has a child");
        let begun = Instant::now();
        let ms = self.orders[seat.order].protocol.turn_ms;
        let verdict = match child.obey(Command::Turn { ms }).await {
            Ok(Reply::Samples(Samples { samples_ms, sensed })) if !samples_ms.is_empty() => {
                let (length, at) = (begun.elapsed(), self.begun.elapsed());
                self.bench.add_timed(length);
                return self.batch.took(number, samples_ms, length, at, sensed);
            }
            Ok(Reply::Failed { verdict, .. }) | Err(verdict) => verdict,
            Ok(_) => out_of_turn(),
        };
        seat.child = None;
        self.batch.leave(number, verdict);
    }

    /// The record of a network that has ended.
    async fn finish(&mut self, ended: Ended) -> (usize, Measurement) {
        let seat = &mut self.seats[ended.network];
        if let Some(mut child) = seat.child.take() {
            // What it took is told where it can be; the latency stands without.
            if let Ok(Reply::Used(used)) = child.obey(Command::End).await {
                seat.used = used;
            }
        }
        let (known, used) = (
            std::mem::take(&mut seat.known),
            std::mem::take(&mut seat.used),
        );
        let mut environment = known.environment;
        let tries = ended.tries.to_string();
        environment.facts.insert("tries".to_owned(), tries);
        environment.facts.extend(used.facts);
        let verdict = used.interference.explain(ended.verdict);
        let protocol = self.orders[seat.order].protocol.clone();
        let measurement = Measurement {
            samples_ms: ended.samples_ms,
            compile_ms: known.compile_ms,
            first_run_ms: known.first_run_ms,
            correction: ended.correction,
            energy_mj: used.energy_mj,
            peak_memory_bytes: used.peak_memory_bytes,
            operators: used.operators,
            turns: ended.turns,
            sustained: ended.sustained,
            ..Measurement::new(protocol, environment, verdict)
        };
        (seat.order, measurement)
    }
}

// === helpers ===

/// A turn of a reference; one that fails is gone.
async fn samples(reference: &mut Option<Child>, ms: u64) -> Option<Vec<f64>> {
    let took = reference.as_mut()?.obey(Command::Turn { ms }).await;
    match took {
        Ok(Reply::Samples(Samples { samples_ms, .. })) if !samples_ms.is_empty() => {
            Some(samples_ms)
        }
        Ok(_) | Err(_) => {
            *reference = None;
            None
        }
    }
}

fn key(target: &TargetSpec) -> (String, u32) {
    (target.runtime.clone(), target.threads)
}

fn out_of_turn() -> Verdict {
    Verdict::Crashed {
        reason: "its answer is no measurement: it came out of turn".to_owned(),
    }
}

/// Waits until no other program measures on this machine; whoever cannot tell goes on.
async fn alone() -> Option<File> {
    let path = std::env::temp_dir().join(LOCK);
    let file = File::options().create(true).append(true).open(path).ok()?;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
            Err(TryLockError::Error(_)) => return None,
        }
    }
}
