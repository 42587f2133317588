//! Evaluating a candidate: the lesson that all candidates of a study take, and one candidate's way through it.

use std::sync::Arc;

use bespoke_accuracy::{Decision, EpochProgress, Evaluated, Evaluator, Scorer};
use bespoke_graph::Graph;
use bespoke_study::{Objective, Source, StudySpec, Trial, is_hopeless};
use bespoke_supernet::Learner;
use tokio::sync::{RwLock, watch};

/// Opens what a study's candidates learn.
pub trait Evaluators: Send + Sync {
    /// The lesson of a study and its space file. May read files, so it may take a while.
    ///
    /// # Errors
    /// The table of the study file that is at fault, in brackets, and a sentence that says what is wrong.
    fn open(&self, spec: &StudySpec, space: &Source) -> Result<Lesson, String>;
}

/// What every candidate of a study learns, and how it is judged.
#[derive(Clone)]
pub struct Lesson {
    /// Trains a candidate and tells its accuracy.
    pub evaluator: Arc<dyn Evaluator>,
    /// Scores a candidate, where that decides which are trained.
    pub scorer: Option<Arc<dyn Scorer>>,
    /// Learns the distribution that candidates are drawn from, where the strategy does that.
    pub learner: Option<Arc<Learner>>,
    /// Channels, height and width of an image.
    pub input_shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// The class of each held-out image, in the order of the evaluator's probabilities.
    pub labels: Arc<[u8]>,
}

/// One candidate's training.
pub(crate) struct Course {
    pub evaluator: Arc<dyn Evaluator>,
    /// Canonical string of the architecture.
    pub architecture: String,
    /// The live graph.
    pub graph: Graph,
    pub seed: u64,
    /// Its trial, measured.
    pub trial: Trial,
    /// What the study minimises.
    pub objectives: Vec<Objective>,
    /// The trials that decide whether training on is hopeless.
    pub earlier: Vec<Trial>,
    /// See [`crate::Config::quiet`].
    pub quiet: Arc<RwLock<()>>,
    /// True when the study no longer runs.
    pub halt: watch::Receiver<bool>,
}

/// How a training ended.
pub(crate) enum Trained {
    /// All epochs are done.
    Complete(Box<Evaluated>),
    /// It was given up.
    Stopped {
        /// Held-out accuracy after each epoch, in per cent.
        curve: Vec<f64>,
    },
    /// The study was halted.
    Halted,
    /// The network could not be trained.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Why an observer ends a training.
enum End {
    Halted,
    Hopeless,
    Nonsense { reason: String },
}

// === impl Course ===

impl Course {
    /// Trains to an end; blocks. The machine is quiet between epochs if anyone asks for it.
    pub fn run(self, tell: impl Fn(&EpochProgress)) -> Trained {
        let mut curve = Vec::new();
        let mut end = None;
        let mut working = Some(self.quiet.blocking_read());
        let mut observer = |progress: EpochProgress| {
            working = None;
            curve.push(progress.accuracy_percent);
            tell(&progress);
            end = self.end(&curve, progress.epochs);
            if end.is_some() {
                return Decision::Stop;
            }
            working = Some(self.quiet.blocking_read());
            Decision::Continue
        };
        let evaluated = self.evaluator.evaluate_architecture(
            &self.architecture,
            &self.graph,
            self.seed,
            &mut observer,
        );
        let evaluated = match (end, evaluated) {
            (Some(End::Halted), _) => return Trained::Halted,
            (Some(End::Hopeless), _) => return Trained::Stopped { curve },
            (Some(End::Nonsense { reason }), _) => Err(reason),
            (None, evaluated) => evaluated.map_err(|error| error.to_string()),
        };
        match evaluated.and_then(sound) {
            Ok(evaluated) => Trained::Complete(Box::new(evaluated)),
            Err(reason) => Trained::Failed { reason },
        }
    }

    /// Why training ends after this epoch; never after the last, when all is done anyway, unless it told nonsense.
    fn end(&self, curve: &[f64], epochs: u32) -> Option<End> {
        if let Some(reason) = curve.last().and_then(|percent| nonsense(*percent)) {
            Some(End::Nonsense { reason })
        } else if curve.len() as u64 >= u64::from(epochs) {
            None
        } else if *self.halt.borrow() {
            Some(End::Halted)
        } else {
            is_hopeless(&self.objectives, &self.trial, curve, &self.earlier)
                .then_some(End::Hopeless)
        }
    }
}

/// The same, unless it has an accuracy that there is not.
fn sound(evaluated: Evaluated) -> Result<Evaluated, String> {
    let curve = evaluated.curve.points().iter().copied();
    let mut told = std::iter::once(evaluated.accuracy_percent).chain(curve);
    match told.find_map(nonsense) {
        Some(reason) => Err(reason),
        None => Ok(evaluated),
    }
}

/// What is wrong with an accuracy, if anything is.
fn nonsense(percent: f64) -> Option<String> {
    let is_accuracy = (0.0..=100.0).contains(&percent);
    (!is_accuracy).then(|| {
        format!("the evaluator gave an accuracy of {percent} %; it must be a number from 0 to 100")
    })
}
