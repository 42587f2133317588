//! A coordinator whose agents and trainer answer at once, from the network's hash alone.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bespoke_accuracy::{
    DataSet, Decision, EpochProgress, Evaluated, EvaluationError, Evaluator, Scorer,
    SharedProgress, ZeroCostScorer,
};
use bespoke_device::{AgentInfo, Machine, RuntimeInfo, TargetSpec, Work};
use bespoke_graph::{Graph, GraphHash, Model, Weights};
use bespoke_measure::{Environment, Estimate, Latency, Measurement, Verdict};
use bespoke_store::Store;
use bespoke_study::{EvaluatorConfig, Event, Source, Study, StudyName, StudySpec, Trial};
use futures::TryStreamExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::{
    sync::{Barrier, watch},
    task::JoinHandle,
};

use crate::{Config, Coordinator, Evaluators, Lesson, dispatch::Dispatch, seed, watcher};

/// 42 architectures, and as many networks.
const SPACE: &str = "name = 'test'\nsource = 'made for a test'\nclasses = 2\n\
    input = { channels = 1, resolution = 8 }\n\
    [[stage]]\nblock = 'conv'\nchannels = { choose = [4, 6, 8] }\nrepeat = { choose = [1, 2, 3] }\n\
    kernel = { choose = [1, 3] }\n[[stage]]\nblock = 'classifier'";

/// Epochs that every training takes.
pub const EPOCHS: u32 = 3;

/// Held-out images.
pub const LABELS: [u8; 3] = [0, 1, 1];

/// What the fake trainer makes of a network, in per cent.
pub fn accuracy(graph: GraphHash) -> f64 {
    50.0 + (seed::of_graph(graph) % 500) as f64 / 10.0
}

/// What the fake agents measure of a file.
pub fn latency(onnx: &[u8]) -> Estimate {
    let graph = Model::from_onnx(onnx).expect("a network").graph().hash();
    around(1.0 + (seed::of_graph(graph) % 1000) as f64 / 10.0)
}

/// What an agent measures of a file that takes time in proportion to what there is to compute: from 0.1 to 8 ms for
/// the networks of the space.
pub fn in_proportion(onnx: &[u8]) -> Estimate {
    let cost = Model::from_onnx(onnx).expect("a network").graph().cost();
    around(0.1 + cost.macs as f64 / 1e4)
}

fn around(ms: f64) -> Estimate {
    let latency = |ms| Latency::from_ms(ms).expect("positive");
    Estimate {
        median_ms: latency(ms),
        low_ms: latency(ms * 0.99),
        high_ms: latency(ms * 1.01),
    }
}

/// A study file with these lines in front of the tables, in the table of its target, and as budget.
pub fn study(name: &str, target: &str, budget: &str) -> Source {
    let text = format!(
        "name = '{name}'\nspace = 'test.toml'\nseed = 3\n[data]\nset = 'digits'\n\
         [strategy]\nname = 'regularized_evolution'\npopulation = 4\nsample = 2\n\
         [[targets]]\nruntime = 'tract'\n{target}\n[budget]\nin_flight = 3\n{budget}\n"
    );
    Source {
        file: "study.toml".to_owned(),
        text,
    }
}

/// The space file of all studies here.
pub fn space() -> Option<Source> {
    Some(Source {
        file: "test.toml".to_owned(),
        text: SPACE.to_owned(),
    })
}

pub fn name(name: &str) -> StudyName {
    name.parse().expect("a name")
}

pub fn target() -> TargetSpec {
    "tract/b1/t1/f32".parse().expect("a target")
}

/// Opens a coordinator on a store and a folder.
pub fn open(store: &Arc<dyn Store>, folder: &Path) -> Coordinator {
    let config = Config {
        trainers: 2,
        ..Config::new(folder)
    };
    Coordinator::open_with(config, store.clone(), Arc::new(Lessons)).expect("the store works")
}

// === trainer ===

struct Lessons;

/// Trains what comes, once it was prepared.
#[derive(Default)]
struct Trainer {
    is_prepared: AtomicBool,
}

/// Scores by the accuracy that a network would have if it were trained.
struct Shared;

impl Evaluators for Lessons {
    fn open(&self, spec: &StudySpec, _space: &Source) -> Result<Lesson, String> {
        if spec.data.folder.is_some() {
            return Err("[data]: the folder is empty".to_owned());
        }
        let scorer: Option<Arc<dyn Scorer>> = match &spec.evaluator {
            EvaluatorConfig::Training {} => None,
            EvaluatorConfig::Supernet(supernet) => supernet.front.map(|_| Arc::new(Shared) as _),
            EvaluatorConfig::ZeroCost(zero_cost) => {
                let digits = DataSet::digits().train;
                let scorer = ZeroCostScorer::new(zero_cost, &digits, &[]);
                Some(Arc::new(scorer.map_err(|error| error.to_string())?))
            }
        };
        let evaluator = Arc::new(Trainer::default());
        Ok(Lesson {
            evaluator,
            scorer,
            ..lesson()
        })
    }
}

/// Three images of 8 by 8 in two classes, and a trainer that needs no preparation.
pub fn lesson() -> Lesson {
    Lesson {
        evaluator: Arc::new(Trainer {
            is_prepared: AtomicBool::new(true),
        }),
        scorer: None,
        learner: None,
        input_shape: [1, 8, 8],
        classes: 2,
        labels: Arc::from(LABELS),
    }
}

impl Evaluator for Trainer {
    fn evaluate(
        &self,
        graph: &Graph,
        seed: u64,
        observer: &mut dyn FnMut(EpochProgress) -> Decision,
    ) -> Result<Evaluated, EvaluationError> {
        if !self.is_prepared.load(Ordering::SeqCst) {
            return Err(EvaluationError::Shared("it was not prepared".to_owned()));
        }
        let percent = accuracy(graph.hash());
        let mut curve = Vec::new();
        let mut stopped_early = false;
        for epoch in 1..=EPOCHS {
            let accuracy_percent = percent - 10.0 * f64::from(EPOCHS - epoch);
            curve.push(accuracy_percent);
            let progress = EpochProgress {
                epoch,
                epochs: EPOCHS,
                loss: 1.0,
                accuracy_percent,
            };
            if observer(progress) == Decision::Stop {
                stopped_early = true;
                break;
            }
        }
        let weights = Weights::initial(graph, &mut ChaCha8Rng::seed_from_u64(seed));
        let model = Model::new(graph.clone(), weights)?.with_probabilities()?;
        let probabilities = [0.5, 0.5].repeat(LABELS.len());
        let (accuracy_percent, curve) = (*curve.last().expect("an epoch"), curve.into());
        Ok(Evaluated {
            accuracy_percent,
            curve,
            stopped_early,
            model,
            probabilities,
        })
    }

    fn prepare(
        &self,
        _observer: &mut dyn FnMut(SharedProgress) -> Decision,
    ) -> Result<(), EvaluationError> {
        self.is_prepared.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl Scorer for Shared {
    fn score(&self, _: &str, graph: &Graph, _: u64) -> Result<f64, EvaluationError> {
        Ok(accuracy(graph.hash()))
    }
}

// === agents ===

/// An agent in this process.
pub struct FakeAgent {
    measured: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

/// How an agent goes about its work.
#[derive(Default)]
struct Manner {
    /// It keeps its first work until all who share the barrier have some.
    barrier: Option<Arc<Barrier>>,
    /// It asks for no more work once it has measured so much.
    most: Option<usize>,
    /// It reports energy on tract: [`WATTS`] for as long as a pass takes.
    meters: bool,
}

/// What a pass of a metering agent draws.
pub const WATTS: f64 = 2.0;

impl FakeAgent {
    /// Measures whatever comes.
    pub fn start(coordinator: &Coordinator, name: &str) -> Self {
        Self::answering(coordinator, name, |work| valid(&work.onnx))
    }

    /// Keeps its first work until all who share the barrier have some.
    pub fn sharing(coordinator: &Coordinator, name: &str, barrier: Arc<Barrier>) -> Self {
        let manner = Manner {
            barrier: Some(barrier),
            ..Manner::default()
        };
        Self::spawn(coordinator, name, manner, |work| valid(&work.onnx))
    }

    /// Measures so much, and then nothing more.
    pub fn tiring(coordinator: &Coordinator, name: &str, most: usize) -> Self {
        let manner = Manner {
            most: Some(most),
            ..Manner::default()
        };
        Self::spawn(coordinator, name, manner, |work| valid(&work.onnx))
    }

    /// Takes time in proportion to what there is to compute; measures so much and then nothing more, or whatever comes.
    pub fn proportional(coordinator: &Coordinator, name: &str, most: Option<usize>) -> Self {
        let manner = Manner {
            most,
            ..Manner::default()
        };
        Self::spawn(coordinator, name, manner, |work| Verdict::Valid {
            estimate: in_proportion(&work.onnx),
        })
    }

    /// Measures whatever comes, and its energy on tract.
    pub fn metering(coordinator: &Coordinator, name: &str) -> Self {
        let manner = Manner {
            meters: true,
            ..Manner::default()
        };
        Self::spawn(coordinator, name, manner, |work| valid(&work.onnx))
    }

    /// Answers with the verdict of a function.
    pub fn answering(
        coordinator: &Coordinator,
        name: &str,
        verdict: impl Fn(&Work) -> Verdict + Send + 'static,
    ) -> Self {
        Self::spawn(coordinator, name, Manner::default(), verdict)
    }

    fn spawn(
        coordinator: &Coordinator,
        name: &str,
        mut manner: Manner,
        verdict: impl Fn(&Work) -> Verdict + Send + 'static,
    ) -> Self {
        let dispatch: Arc<Dispatch> = coordinator.services.dispatch.clone();
        dispatch
            .register(agent_info(name))
            .expect("the same version");
        let (counter, measured) = watch::channel(0);
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            while manner.most.is_none_or(|most| *counter.borrow() < most) {
                let leased = dispatch.lease(&name, Duration::from_secs(30), 1).await;
                let Some(work) = leased.expect("it is registered").pop() else {
                    continue;
                };
                if let Some(barrier) = manner.barrier.take() {
                    barrier.wait().await;
                }
                let measurement = measurement(&work, verdict(&work), manner.meters);
                dispatch
                    .report(&name, work.lease, measurement)
                    .expect("the lease is held");
                counter.send_modify(|count| *count += 1);
            }
        });
        Self { measured, task }
    }

    /// How much it has measured.
    pub fn count(&self) -> usize {
        *self.measured.borrow()
    }

    /// Waits until it has measured so much.
    pub async fn until(&mut self, count: usize) {
        self.measured
            .wait_for(|measured| *measured >= count)
            .await
            .expect("the agent works");
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An agent with both runtimes, of the same machine whatever its name.
pub fn agent_info(name: &str) -> AgentInfo {
    let machine = Machine {
        architecture: "x86_64".to_owned(),
        os: "linux".to_owned(),
        cpu_model: "a model".to_owned(),
        logical_cores: 4,
        memory_bytes: 1 << 30,
    };
    let runtime = |name: &str| RuntimeInfo {
        name: name.to_owned(),
        version: "1".to_owned(),
    };
    AgentInfo {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine,
        runtimes: vec![runtime("tract"), runtime("flex")],
    }
}

pub fn valid(onnx: &[u8]) -> Verdict {
    Verdict::Valid {
        estimate: latency(onnx),
    }
}

fn measurement(work: &Work, verdict: Verdict, meters: bool) -> Measurement {
    let median_ms = verdict.estimate().map(|estimate| estimate.median_ms.ms());
    let energy_mj = median_ms.map(|ms| WATTS * ms);
    Measurement {
        energy_mj: energy_mj.filter(|_| meters && work.target == target()),
        samples_ms: vec![1.0],
        compile_ms: Some(1.0),
        first_run_ms: Some(1.0),
        ..Measurement::new(work.protocol.clone(), Environment::default(), verdict)
    }
}

// === waiting ===

/// Everything that happens in a study from now until it no longer runs.
pub async fn until_end(coordinator: &Coordinator, study: &str) -> Vec<Event> {
    let studies = coordinator.services.studies.clone();
    let events = watcher::watch(studies, name(study)).expect("there is such a study");
    events.try_collect().await.expect("the store works")
}

/// A study and its trials when it no longer runs.
pub async fn outcome(coordinator: &Coordinator, study: &str) -> (Study, Vec<Trial>) {
    until_end(coordinator, study).await;
    let studies = &coordinator.services.studies;
    let trials = studies.trials(&name(study)).expect("there is such a study");
    (
        studies.get(&name(study)).expect("there is such a study"),
        trials,
    )
}
