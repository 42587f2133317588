//! A study's journal: every change is put into the store, and then told to those who watch, in this order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bespoke_store::{Store, StoreError};
use bespoke_study::{Activity, Event, Round, Study, StudyName, Trial};
use tokio::sync::broadcast;

/// How many events a watcher may lag behind before it is given a fresh snapshot.
const CAPACITY: usize = 1024;

/// The journal of one study that runs.
pub struct Journal {
    name: StudyName,
    store: Arc<dyn Store>,
    events: broadcast::Sender<Event>,
    /// Held while a change is stored and told, and while a snapshot is taken: a watcher sees each change once.
    publishing: Mutex<Waiting>,
}

/// By target, that no agent offers it: whoever begins to watch is told so, for nothing else may happen for long.
type Waiting = BTreeMap<String, Activity>;

/// A study at one moment, and everything that happens from then on.
pub struct Watch {
    /// Each trial as it stands, then the study, then what it waits for.
    pub snapshot: Vec<Event>,
    /// What happens from then on; nothing if the study does not run.
    pub events: Option<broadcast::Receiver<Event>>,
}

// === impl Journal ===

impl Journal {
    /// A journal that writes to the store.
    pub fn new(name: StudyName, store: Arc<dyn Store>) -> Self {
        let (events, _) = broadcast::channel(CAPACITY);
        Self {
            name,
            store,
            events,
            publishing: Mutex::default(),
        }
    }

    /// Records the study itself.
    ///
    /// # Errors
    /// When the store fails; nothing is told then.
    pub fn study(&self, study: &Study) -> Result<(), StoreError> {
        let _publishing = self.publishing();
        self.store.put_study(&self.name, study)?;
        self.tell(Event::Study(study.clone()));
        Ok(())
    }

    /// Records a trial, and the time that the study has taken so far.
    ///
    /// # Errors
    /// When the store fails; nothing is told then.
    pub fn trial(&self, study: &Study, trial: &Trial) -> Result<(), StoreError> {
        let _publishing = self.publishing();
        self.store.put_trial(&self.name, trial)?;
        self.store.put_study(&self.name, study)?;
        self.tell(Event::Trial(trial.clone()));
        Ok(())
    }

    /// Records a round. Nobody is told: its epochs were.
    ///
    /// # Errors
    /// When the store fails.
    pub fn round(&self, round: &Round) -> Result<(), StoreError> {
        self.store.put_round(&self.name, round)
    }

    /// Tells what is going on. It is not stored.
    pub fn activity(&self, activity: Activity) {
        let mut waiting = self.publishing();
        match &activity {
            Activity::WaitingForAgent { target, .. } => {
                waiting.insert(target.clone(), activity.clone());
            }
            Activity::Measuring { target, .. } | Activity::Sampling { target, .. } => {
                waiting.remove(target);
            }
            Activity::Training { .. } | Activity::SharedTraining { .. } => {}
        }
        self.tell(Event::Activity(activity));
    }

    /// Tells of a study that could not be recorded, so that nobody waits for it.
    pub fn unstored(&self, study: &Study) {
        self.tell(Event::Study(study.clone()));
    }

    /// The study as it stands, and its future.
    ///
    /// # Errors
    /// When the store fails.
    pub fn watch(&self) -> Result<Watch, StoreError> {
        let waiting = self.publishing();
        let events = Some(self.events.subscribe());
        let mut snapshot = snapshot(&*self.store, &self.name)?;
        snapshot.extend(waiting.values().cloned().map(Event::Activity));
        Ok(Watch { snapshot, events })
    }

    fn publishing(&self) -> MutexGuard<'_, Waiting> {
        self.publishing
            .lock()
            .expect("no holder of the lock panics")
    }

    fn tell(&self, event: Event) {
        // Nobody may be watching.
        let _ = self.events.send(event);
    }
}

/// Each trial of a study as it stands, then the study.
pub(crate) fn snapshot(store: &dyn Store, name: &StudyName) -> Result<Vec<Event>, StoreError> {
    let trials = store.trials(name)?.into_iter().map(Event::Trial);
    Ok(trials.chain(store.study(name)?.map(Event::Study)).collect())
}
