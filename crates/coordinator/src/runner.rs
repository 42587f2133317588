//! One study as it runs: proposes, has candidates measured and trained, and keeps the journal.

mod beginning;
mod clock;
mod learning;
mod steps;

use std::sync::Arc;

use bespoke_accuracy::Evaluated;
use bespoke_measure::Estimate;
use bespoke_store::Store;
use bespoke_study::{
    Accuracy, Ending, Front, Study, StudyName, StudySpec, StudyState, Submission, Trial, TrialId,
    TrialState, to_be_trained,
};
use tokio::{
    sync::{RwLock, Semaphore, watch},
    task::JoinSet,
};

use self::{
    beginning::Beginning,
    clock::Clock,
    learning::Learning,
    steps::{Measured, Step},
};
use crate::{
    Beforehand, CoordinatorError,
    dispatch::Dispatch,
    evaluation::{Evaluators, Lesson, Trained},
    files::{FrontFiles, Keepsake},
    journal::Journal,
    predictors::Predictors,
    proposer::{Candidate, Proposal, Proposer, known},
};

/// Why a study is stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// For good.
    Cancel,
    /// Until it is taken up again.
    Pause,
}

/// What all studies of a coordinator share.
pub struct Resources {
    /// Measures.
    pub dispatch: Arc<Dispatch>,
    /// Keeps what the end of the program must not undo.
    pub store: Arc<dyn Store>,
    /// Learns targets.
    pub predictors: Arc<Predictors>,
    /// Opens data sets.
    pub evaluators: Arc<dyn Evaluators>,
    /// As many permits as candidates may be trained or scored side by side.
    pub trainers: Arc<Semaphore>,
    /// See [`crate::Config::quiet`].
    pub quiet: Arc<RwLock<()>>,
}

/// What a study is started with.
#[derive(Clone)]
pub struct Plan {
    /// Its name.
    pub name: StudyName,
    /// Its record.
    pub study: Study,
    /// Its trials so far, by number.
    pub trials: Vec<Trial>,
    /// Where it is written.
    pub journal: Arc<Journal>,
    /// Where its networks are kept.
    pub files: FrontFiles,
    /// What its candidates learn, if it is open already.
    pub lesson: Option<Lesson>,
}

/// Runs one study.
struct Runner<'a> {
    resources: Arc<Resources>,
    study: &'a mut Study,
    spec: StudySpec,
    trials: Vec<Trial>,
    proposer: Proposer,
    lesson: Lesson,
    /// Where the strategy draws from a distribution that is learned.
    learning: Option<Learning>,
    journal: Arc<Journal>,
    files: FrontFiles,
    steps: JoinSet<Step>,
    /// True when trainings shall end at their next epoch.
    halt: watch::Sender<bool>,
    clock: Clock,
}

/// Runs a study until it ends, fails or is stopped, and records how.
pub async fn run(resources: Arc<Resources>, plan: Plan, stop: &mut watch::Receiver<Option<Stop>>) {
    let Plan {
        name,
        mut study,
        journal,
        ..
    } = plan.clone();
    let clock = Clock::start(study.elapsed);
    let outcome = tokio::select! {
        stop = stopped(stop) => Ok(match stop {
            Stop::Pause => StudyState::Running,
            Stop::Cancel => StudyState::Complete { ending: Ending::Cancelled },
        }),
        ending = search(resources, plan, clock, &mut study) => {
            ending.map(|ending| StudyState::Complete { ending })
        }
    };
    study.elapsed = clock.elapsed();
    study.state = outcome.unwrap_or_else(|error| {
        tracing::warn!(study = %name, %error, "the study has failed");
        StudyState::Failed {
            reason: error.to_string(),
        }
    });
    if let Err(error) = journal.study(&study) {
        // Its watchers must hear of the end; the store still has it as running, so a later coordinator goes on.
        tracing::error!(study = %name, %error, "the end of the study could not be stored");
        journal.unstored(&study);
    }
}

/// Waits until someone stops the study; if nobody can any more, it is paused.
async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    match stop.wait_for(Option::is_some).await {
        Ok(stop) => stop.expect("it was waited for"),
        Err(_) => Stop::Pause,
    }
}

/// Opens a study and runs it to its end.
async fn search(
    resources: Arc<Resources>,
    plan: Plan,
    clock: Clock,
    study: &mut Study,
) -> Result<Ending, CoordinatorError> {
    let minutes = study.spec()?.budget.minutes;
    let is_new = plan.trials.is_empty();
    let opened = Runner::open(resources, plan, clock, study);
    // A study with trials has its targets already. If its time is spent, it is opened to train what it found.
    let mut runner = tokio::select! {
        runner = opened => runner?,
        () = clock.spent(minutes), if is_new => return Ok(Ending::Time),
    };
    let ending = tokio::select! {
        ending = runner.search() => ending?,
        () = clock.spent(minutes) => Ending::Time,
    };
    runner.train_front().await?;
    Ok(ending)
}

// === impl Runner ===

impl<'a> Runner<'a> {
    async fn open(
        resources: Arc<Resources>,
        plan: Plan,
        clock: Clock,
        study: &'a mut Study,
    ) -> Result<Self, CoordinatorError> {
        let Plan {
            trials,
            journal,
            files,
            lesson,
            ..
        } = plan;
        let spec = study.spec()?;
        let lesson = match lesson {
            Some(lesson) => lesson,
            None => open_lesson(&resources.evaluators, &study.submission, &spec).await?,
        };
        files.keep_only(&Front::of(&spec, &trials))?;
        let mut beginning = Beginning {
            resources: &resources,
            study,
            spec: &spec,
            journal: &journal,
            clock,
        };
        beginning.bind().await?;
        beginning.learn().await?;
        let table = match &lesson.learner {
            Some(learner) => Some(beginning.table(learner).await?),
            None => None,
        };
        let beforehand = Beforehand::of_study(&*resources.store, study)?;
        let mut proposer = Proposer::of_study(study, &beforehand)?;
        proposer.replay(&trials)?;
        let learning = lesson.learner.clone().zip(table);
        let learning = learning.map(|(learner, table)| {
            let epoch = beforehand.rounds.last().map_or(0, |round| round.epoch);
            Learning::new(learner, table, epoch)
        });
        let (halt, steps) = (watch::Sender::new(false), JoinSet::new());
        Ok(Self {
            resources,
            study,
            spec,
            trials,
            proposer,
            lesson,
            learning,
            journal,
            files,
            steps,
            halt,
            clock,
        })
    }

    async fn search(&mut self) -> Result<Ending, CoordinatorError> {
        self.prepare().await?;
        for trial in self.trials.clone() {
            self.take_up(&trial)?;
        }
        loop {
            let exhausted = self.propose()?;
            let Some(step) = self.steps.join_next().await else {
                return Ok(if exhausted {
                    Ending::Exhausted
                } else {
                    Ending::Trials
                });
            };
            let step = step.map_err(|error| CoordinatorError::Broken(error.to_string()))?;
            self.apply(step)?;
        }
    }

    /// Trains those of the scored trials that no other beats. The search is over: what still goes on is dropped.
    async fn train_front(&mut self) -> Result<(), CoordinatorError> {
        let to_be_trained = to_be_trained(&self.spec, &self.trials);
        if to_be_trained.is_empty() {
            return Ok(());
        }
        self.halt.send_replace(true);
        (self.halt, self.steps) = (watch::Sender::new(false), JoinSet::new());
        // The search may have been over before it came to that: its time was spent in an earlier run.
        self.prepare().await?;
        for id in to_be_trained {
            let trial = self.trials[id.0 as usize].clone();
            let candidate = self.proposer.candidate(&trial)?;
            self.spawn_training(&trial, candidate);
        }
        while let Some(step) = self.steps.join_next().await {
            let step = step.map_err(|error| CoordinatorError::Broken(error.to_string()))?;
            self.apply(step)?;
        }
        Ok(())
    }

    /// Proposes as many trials as may be. Returns whether the space is exhausted.
    fn propose(&mut self) -> Result<bool, CoordinatorError> {
        let most = usize::try_from(self.spec.budget.trials.get()).unwrap_or(usize::MAX);
        while self.trials.len() < most {
            if self.learns_first() {
                return Ok(false);
            }
            match self.proposer.next(&self.trials)? {
                Proposal::Candidate(candidate) => self.start(*candidate)?,
                Proposal::Wait => return Ok(false),
                Proposal::Exhausted => return Ok(true),
            }
        }
        Ok(false)
    }

    fn start(&mut self, candidate: Candidate) -> Result<(), CoordinatorError> {
        let id = u32::try_from(self.trials.len()).expect("the budget of trials is a u32");
        let Candidate {
            architecture,
            hash,
            cost,
            ..
        } = candidate.clone();
        let trial = Trial::proposed(TrialId(id), architecture, hash, cost);
        self.put(trial.clone())?;
        self.evaluate(trial, candidate)
    }

    /// Goes on with a trial of an earlier run that is not finished.
    fn take_up(&mut self, trial: &Trial) -> Result<(), CoordinatorError> {
        if trial.is_finished() {
            return Ok(());
        }
        let candidate = self.proposer.candidate(trial)?;
        self.evaluate(trial.clone(), candidate)
    }

    /// The next step of a trial that is not finished.
    fn evaluate(&mut self, mut trial: Trial, candidate: Candidate) -> Result<(), CoordinatorError> {
        if let TrialState::Measured { .. } = trial.state() {
            match self.lesson.scorer.clone() {
                Some(scorer) => self.spawn_scoring(&trial, candidate, scorer),
                None => self.spawn_training(&trial, candidate),
            }
        } else if let Some(violation) = self.spec.cost_violation(trial.cost()) {
            trial.infeasible(Vec::new(), violation)?;
            self.put(trial)?;
        } else if let Some((latencies, violation)) = self.priced_out(&trial) {
            trial.infeasible_as_predicted(latencies, violation)?;
            self.put(trial)?;
        } else {
            self.spawn_measuring(&trial, candidate);
        }
        Ok(())
    }

    fn apply(&mut self, step: Step) -> Result<(), CoordinatorError> {
        match step {
            Step::Measured {
                trial,
                candidate,
                outcome,
            } => {
                let trial = self.trials[trial].clone();
                self.measured(trial, *candidate, outcome)
            }
            Step::Scored { trial, outcome } => {
                let mut trial = self.trials[trial].clone();
                match outcome {
                    Ok(score) => trial.scored(score)?,
                    Err(reason) => trial.fail(reason)?,
                }
                self.put(trial)
            }
            Step::Trained { trial, outcome } => {
                let trial = self.trials[trial].clone();
                self.trained(trial, outcome)
            }
            Step::Learned(learned) => self.learned(learned?),
        }
    }

    fn measured(
        &mut self,
        mut trial: Trial,
        candidate: Candidate,
        outcome: Measured,
    ) -> Result<(), CoordinatorError> {
        let readings = match outcome {
            Measured::Valid(readings) => readings,
            Measured::Invalid { reason } => {
                trial.fail(reason)?;
                return self.put(trial);
            }
            Measured::Broken(error) => return Err(error),
        };
        let latencies: Vec<Estimate> = readings.iter().map(|reading| reading.latency).collect();
        trial = trial.with_energies(readings.iter().map(|reading| reading.energy_mj).collect());
        let violation = (self.spec).measured_violation(&latencies, trial.energies_mj());
        if let Some(violation) = violation {
            trial.infeasible(latencies, violation)?;
            return self.put(trial);
        }
        trial.measured(latencies)?;
        self.put(trial.clone())?;
        self.evaluate(trial, candidate)
    }

    fn trained(&mut self, mut trial: Trial, outcome: Trained) -> Result<(), CoordinatorError> {
        match outcome {
            Trained::Complete(evaluated) => return self.complete(trial, *evaluated),
            Trained::Stopped { curve } => trial.stopped(curve)?,
            Trained::Failed { reason } => match trial.state() {
                TrialState::Scored { .. } => trial.untrainable(reason)?,
                _ => trial.fail(reason)?,
            },
            Trained::Halted => return Ok(()),
        }
        self.put(trial)
    }

    /// Keeps the network if it stands on the front, and only then says that the trial is complete.
    fn complete(&mut self, mut trial: Trial, evaluated: Evaluated) -> Result<(), CoordinatorError> {
        let labels = self.lesson.labels.clone();
        let images = u32::try_from(labels.len()).unwrap_or(u32::MAX);
        let Evaluated {
            accuracy_percent,
            curve,
            model,
            probabilities,
            ..
        } = evaluated;
        trial.complete(Accuracy {
            percent: accuracy_percent,
            images,
            curve: curve.points().to_vec(),
        })?;
        let mut trials = self.trials.clone();
        trials[trial.id().0 as usize] = trial.clone();
        let front = Front::of(&self.spec, &trials);
        if front.contains(trial.id()) {
            let keepsake = Keepsake {
                model,
                probabilities,
                labels,
            };
            // Not beside the event loop: a study that is stopped must not leave a write behind it.
            self.files.write(trial.id(), &keepsake)?;
        }
        self.put(trial)?;
        self.files.keep_only(&front)
    }

    /// Stores and tells a trial's new state, and the time spent so far.
    fn put(&mut self, trial: Trial) -> Result<(), CoordinatorError> {
        self.study.elapsed = self.clock.elapsed();
        self.journal.trial(self.study, &trial)?;
        let index = trial.id().0 as usize;
        match self.trials.get_mut(index) {
            Some(known) => *known = trial,
            None => self.trials.push(trial),
        }
        Ok(())
    }

    /// The price of a trial that need not be measured, and which bounds it breaks: what it was expected to take when it
    /// was proposed lies over a bound with its whole interval.
    fn priced_out(&self, trial: &Trial) -> Option<(Vec<Estimate>, (String, f64))> {
        let latencies = self.proposer.price(trial.id())?;
        let violation = self.spec.predicted_violation(latencies)?;
        Some((latencies.to_vec(), violation))
    }

    /// The trials that decide about a trial: those that were finished when it was proposed.
    fn earlier(&self, trial: &Trial) -> Vec<Trial> {
        let in_flight = usize::try_from(self.spec.budget.in_flight.get()).unwrap_or(usize::MAX);
        self.trials[..known(trial.id().0 as usize, in_flight)].to_vec()
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        self.halt.send_replace(true);
    }
}

// === opening ===

/// Opens what the candidates of a study learn.
pub(crate) async fn open_lesson(
    evaluators: &Arc<dyn Evaluators>,
    submission: &Submission,
    spec: &StudySpec,
) -> Result<Lesson, CoordinatorError> {
    let (evaluators, spec, space) = (evaluators.clone(), spec.clone(), submission.space.clone());
    let file = submission.study.file.clone();
    let opened = blocking(move || evaluators.open(&spec, &space)).await?;
    opened.map_err(|reason| CoordinatorError::Lesson { file, reason })
}

/// Runs what blocks beside the event loop.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CoordinatorError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        // The program is ending, and nothing may be concluded from that.
        Err(error) if error.is_cancelled() => std::future::pending().await,
        Err(error) => Err(CoordinatorError::Broken(error.to_string())),
    }
}
