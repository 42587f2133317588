//! Watching a study: its snapshot, then every change until it no longer runs.

use std::{collections::VecDeque, sync::Arc};

use bespoke_study::{Event, StudyName, StudyState};
use futures::stream::{Stream, try_unfold};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{CoordinatorError, journal::Watch, studies::Studies};

/// One who watches.
struct Watcher {
    studies: Arc<Studies>,
    name: StudyName,
    pending: VecDeque<Event>,
    events: Option<Receiver<Event>>,
}

/// Everything that happens in a study. Who lags behind is given a fresh snapshot.
///
/// # Errors
/// When there is no study of that name.
pub fn watch(
    studies: Arc<Studies>,
    name: StudyName,
) -> Result<impl Stream<Item = Result<Event, CoordinatorError>> + Send, CoordinatorError> {
    let Watch { snapshot, events } = studies.watch(&name)?;
    let watcher = Watcher {
        studies,
        name,
        pending: snapshot.into(),
        events,
    };
    Ok(try_unfold(watcher, |mut watcher| async move {
        Ok(watcher.next().await?.map(|event| (event, watcher)))
    }))
}

// === impl Watcher ===

impl Watcher {
    async fn next(&mut self) -> Result<Option<Event>, CoordinatorError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                if is_last(&event) {
                    self.events = None;
                }
                return Ok(Some(event));
            }
            let Some(events) = &mut self.events else {
                return Ok(None);
            };
            match events.recv().await {
                Ok(event) => self.pending.push_back(event),
                Err(RecvError::Lagged(_)) => {
                    let Watch { snapshot, events } = self.studies.watch(&self.name)?;
                    self.pending = snapshot.into();
                    self.events = events;
                }
                Err(RecvError::Closed) => self.events = None,
            }
        }
    }
}

/// Whether the event says that the study no longer runs.
fn is_last(event: &Event) -> bool {
    matches!(event, Event::Study(study) if study.state != StudyState::Running)
}
