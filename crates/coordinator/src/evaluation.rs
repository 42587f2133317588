//! Evaluating a candidate: the lesson that all candidates of a study take, and one candidate's way through it.

use std::sync::Arc;

use bespoke_accuracy::{Decision, EpochProgress, Evaluated, Evaluator};
use bespoke_graph::Graph;
use bespoke_recipe::Recipe;
use bespoke_study::{Data, Objective, Trial, is_hopeless};
use tokio::sync::{RwLock, watch};

/// Opens what a study's candidates learn.
pub trait Evaluators: Send + Sync {
    /// The lesson of a data set and a recipe. May read files, so it may take a while.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the data set.
    fn open(&self, data: &Data, recipe: &Recipe) -> Result<Lesson, String>;
}

/// What every candidate of a study learns, and how it is judged.
#[derive(Clone)]
pub struct Lesson {
    /// Trains a candidate and tells its accuracy.
    pub evaluator: Arc<dyn Evaluator>,
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
#[derive(Clone, Copy)]
enum End {
    Halted,
    Hopeless,
}

// === impl Course ===

impl Course {
    /// Trains to an end; blocks. The machine is quiet between epochs if anyone asks for it.
    pub fn run(self, tell: impl Fn(&EpochProgress)) -> Trained {
        let mut curve = Vec::new();
        let mut end = None;
        let mut working = Some(self.quiet.blocking_read());
        let evaluated = self
            .evaluator
            .evaluate(&self.graph, self.seed, &mut |progress| {
                working = None;
                curve.push(progress.accuracy_percent);
                tell(&progress);
                end = self.end(&curve, progress.epochs);
                if end.is_some() {
                    return Decision::Stop;
                }
                working = Some(self.quiet.blocking_read());
                Decision::Continue
            });
        match (end, evaluated) {
            (Some(End::Halted), _) => Trained::Halted,
            (Some(End::Hopeless), _) => Trained::Stopped { curve },
            (None, Ok(evaluated)) => Trained::Complete(Box::new(evaluated)),
            (None, Err(error)) => Trained::Failed {
                reason: error.to_string(),
            },
        }
    }

    /// Why training ends after this epoch; never after the last, when all is done anyway.
    fn end(&self, curve: &[f64], epochs: u32) -> Option<End> {
        if curve.len() as u64 >= u64::from(epochs) {
            None
        } else if *self.halt.borrow() {
            Some(End::Halted)
        } else {
            is_hopeless(&self.objectives, &self.trial, curve, &self.earlier)
                .then_some(End::Hopeless)
        }
    }
}
