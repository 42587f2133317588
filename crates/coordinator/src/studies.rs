//! The studies of a coordinator: those that run, and those that the store remembers.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use bespoke_store::Store;
use bespoke_study::{
    Ending, Front, FrontEntry, Source, Study, StudyName, StudySpec, StudyState, Submission, Trial,
    TrialId,
};
use tokio::sync::watch;

use crate::{
    CoordinatorError,
    admission::{self, Admitted},
    beforehand::remembered,
    evaluation::Lesson,
    files::FrontFiles,
    journal::{Journal, Watch, snapshot},
    runner::{self, Plan, Resources, Stop},
};

/// Starts studies, and answers about them.
pub struct Studies {
    store: Arc<dyn Store>,
    data_dir: PathBuf,
    resources: Arc<Resources>,
    running: Mutex<HashMap<StudyName, Running>>,
    /// Held while a study is admitted, so that two of one name cannot be.
    admitting: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Running {
    journal: Arc<Journal>,
    stop: Arc<watch::Sender<Option<Stop>>>,
}

// === impl Studies: starting and stopping ===

impl Studies {
    /// No study runs yet.
    pub fn new(store: Arc<dyn Store>, data_dir: PathBuf, resources: Arc<Resources>) -> Self {
        let (running, admitting) = (Mutex::default(), tokio::sync::Mutex::default());
        Self {
            store,
            data_dir,
            resources,
            running,
            admitting,
        }
    }

    /// Takes up all studies that were running when the coordinator ended.
    ///
    /// # Errors
    /// When the store fails.
    pub fn resume(self: &Arc<Self>) -> Result<(), CoordinatorError> {
        for (name, study) in self.store.studies()? {
            if study.state == StudyState::Running {
                self.start(name, study, None)?;
            }
        }
        Ok(())
    }

    /// Starts a study, or goes on with the one of that name.
    ///
    /// # Errors
    /// When the files are wrong, the data set cannot be opened, or a study of that name has other settings.
    pub async fn create(
        self: &Arc<Self>,
        study: Source,
        space: Option<Source>,
    ) -> Result<Study, CoordinatorError> {
        let _admitting = self.admitting.lock().await;
        let Admitted {
            spec,
            submission,
            lesson,
        } = admission::admit(&self.resources, study, space).await?;
        let name = spec.name.clone();
        let study = match self.store.study(&name)? {
            None => {
                let Submission { study, space } = &submission;
                let earlier = remembered(&*self.store, &study.file, &spec, space)?;
                if !earlier.is_empty() {
                    // Before the study itself: a study that is there knows what it starts from.
                    self.store.put_earlier(&name, &earlier)?;
                }
                Study::new(submission)
            }
            Some(known) => match self.continued(&spec, known, submission).await? {
                Continued::Over(study) => return Ok(study),
                Continued::GoesOn(study) => study,
            },
        };
        self.start(name.clone(), study.clone(), Some(lesson))?;
        Ok(study)
    }

    /// Stops a study for good, and waits until it has stopped.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn cancel(&self, name: &StudyName) -> Result<Study, CoordinatorError> {
        self.stop(name, Stop::Cancel).await;
        self.get(name)
    }

    /// Stops all studies until they are taken up again, and waits until they have stopped.
    pub async fn pause_all(&self) {
        let names: Vec<StudyName> = self.running().keys().cloned().collect();
        for name in names {
            self.stop(&name, Stop::Pause).await;
        }
    }

    async fn stop(&self, name: &StudyName, stop: Stop) {
        let running = self.running().get(name).cloned();
        if let Some(running) = running {
            running.stop.send_replace(Some(stop));
            running.stop.closed().await;
        }
    }

    /// A known study under a specification that may be a continuation of its own.
    async fn continued(
        &self,
        spec: &StudySpec,
        known: Study,
        submission: Submission,
    ) -> Result<Continued, CoordinatorError> {
        let name = spec.name.clone();
        let earlier = known.spec()?;
        let same_space = known.submission.space.text == submission.space.text;
        if !(same_space && spec.continues(&earlier)) {
            return Err(CoordinatorError::OtherSettings { name });
        }
        if known.state
            == (StudyState::Complete {
                ending: Ending::Cancelled,
            })
        {
            return Err(CoordinatorError::WasCancelled { name });
        }
        let runs = self.running().contains_key(&name);
        if runs && spec.budget == earlier.budget {
            return Ok(Continued::Over(known));
        }
        self.stop(&name, Stop::Pause).await;
        // It may have come further, or to its end, before it stopped.
        let mut study = self.get(&name)?;
        study.submission = submission;
        if !has_work_left(spec, &study, &self.store.trials(&name)?) {
            self.store.put_study(&name, &study)?;
            return Ok(Continued::Over(study));
        }
        study.state = StudyState::Running;
        Ok(Continued::GoesOn(study))
    }

    fn start(
        self: &Arc<Self>,
        name: StudyName,
        study: Study,
        lesson: Option<Lesson>,
    ) -> Result<(), CoordinatorError> {
        let journal = Arc::new(Journal::new(name.clone(), self.store.clone()));
        journal.study(&study)?;
        let trials = self.store.trials(&name)?;
        let files = self.files(&name);
        let (stop, mut stopped) = watch::channel(None);
        let running = Running {
            journal: journal.clone(),
            stop: Arc::new(stop),
        };
        self.running().insert(name.clone(), running);
        let plan = Plan {
            name: name.clone(),
            study,
            trials,
            journal,
            files,
            lesson,
        };
        let studies = Arc::downgrade(self);
        let resources = self.resources.clone();
        tokio::spawn(async move {
            runner::run(resources, plan, &mut stopped).await;
            if let Some(studies) = studies.upgrade() {
                studies.running().remove(&name);
            }
        });
        Ok(())
    }
}

/// What became of a study that was handed in again.
enum Continued {
    /// There is nothing to start.
    Over(Study),
    /// It goes on.
    GoesOn(Study),
}

/// Whether a study that has stopped has anything to do under its budget. One that failed is tried again.
fn has_work_left(spec: &StudySpec, study: &Study, trials: &[Trial]) -> bool {
    let unfinished = trials.iter().any(|trial| !trial.is_finished());
    let most = usize::try_from(spec.budget.trials.get()).unwrap_or(usize::MAX);
    let in_time = spec
        .budget
        .minutes
        .is_none_or(|most| study.elapsed.as_secs_f64() < most * 60.0);
    match study.state {
        StudyState::Running | StudyState::Failed { .. } => true,
        StudyState::Complete {
            ending: Ending::Exhausted,
        } => unfinished,
        StudyState::Complete { .. } => (unfinished || trials.len() < most) && in_time,
    }
}

// === impl Studies: answering ===

impl Studies {
    /// A study.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn get(&self, name: &StudyName) -> Result<Study, CoordinatorError> {
        let unknown = || CoordinatorError::UnknownStudy { name: name.clone() };
        self.store.study(name)?.ok_or_else(unknown)
    }

    /// All studies, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn list(&self) -> Result<Vec<Study>, CoordinatorError> {
        let studies = self.store.studies()?;
        Ok(studies.into_iter().map(|(_, study)| study).collect())
    }

    /// All trials of a study, by number.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn trials(&self, name: &StudyName) -> Result<Vec<Trial>, CoordinatorError> {
        self.get(name)?;
        Ok(self.store.trials(name)?)
    }

    /// The front of a study: each trial with the path of its network, and the trials that it is tied with.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn front(
        &self,
        name: &StudyName,
    ) -> Result<Vec<(Trial, String, Vec<TrialId>)>, CoordinatorError> {
        let spec = self.get(name)?.spec()?;
        let trials = self.store.trials(name)?;
        let files = self.files(name);
        let front = Front::of(&spec, &trials);
        let entry = |entry: &FrontEntry| {
            let onnx = files.onnx(entry.trial).to_string_lossy().into_owned();
            let trial = trials[entry.trial.0 as usize].clone();
            (trial, onnx, entry.tied_with.clone())
        };
        Ok(front.entries().iter().map(entry).collect())
    }

    /// The network of a trial that stands on the front, as an ONNX file.
    ///
    /// # Errors
    /// When it does not, or its file is gone.
    pub async fn network(
        &self,
        name: &StudyName,
        trial: TrialId,
    ) -> Result<Vec<u8>, CoordinatorError> {
        self.get(name)?;
        let files = self.files(name);
        let bytes = runner::blocking(move || files.read(trial)).await??;
        bytes.ok_or_else(|| CoordinatorError::NotOnFront {
            name: name.clone(),
            trial,
        })
    }

    /// A study as it stands, and its future if it runs.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn watch(&self, name: &StudyName) -> Result<Watch, CoordinatorError> {
        self.get(name)?;
        let running = self.running().get(name).cloned();
        match running {
            Some(running) => Ok(running.journal.watch()?),
            None => Ok(Watch {
                snapshot: snapshot(&*self.store, name)?,
                events: None,
            }),
        }
    }

    fn files(&self, name: &StudyName) -> FrontFiles {
        FrontFiles::new(&self.data_dir, name)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<StudyName, Running>> {
        self.running.lock().expect("no holder of the lock panics")
    }
}
