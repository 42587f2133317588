//! What happens in a study.

use bespoke_study::{Activity, Event, LearnedDistribution, TrialId};
use wire::watch_study_response::Event as WireEvent;

use crate::{
    convert::{ConvertError, nested, percent, present, text},
    study::v1 as wire,
};

// === Event ===

impl From<Event> for wire::WatchStudyResponse {
    fn from(event: Event) -> Self {
        let event = match event {
            Event::Trial(trial) => WireEvent::Trial(trial.into()),
            Event::Study(study) => WireEvent::Study(study.into()),
            Event::Activity(activity) => activity.into(),
        };
        Self { event: Some(event) }
    }
}

impl TryFrom<wire::WatchStudyResponse> for Event {
    type Error = ConvertError;

    fn try_from(message: wire::WatchStudyResponse) -> Result<Self, Self::Error> {
        match present("event", message.event)? {
            WireEvent::Trial(trial) => nested("trial", trial).map(Self::Trial),
            WireEvent::Study(study) => nested("study", study).map(Self::Study),
            WireEvent::WaitingForAgent(waiting) => {
                nested("waiting_for_agent", waiting).map(Self::Activity)
            }
            WireEvent::Measuring(measuring) => nested("measuring", measuring).map(Self::Activity),
            WireEvent::Sampling(sampling) => nested("sampling", sampling).map(Self::Activity),
            WireEvent::Training(training) => nested("training", training).map(Self::Activity),
            WireEvent::SharedTraining(training) => {
                nested("shared_training", training).map(Self::Activity)
            }
        }
    }
}

// === Activity ===

impl From<Activity> for WireEvent {
    fn from(activity: Activity) -> Self {
        match activity {
            Activity::WaitingForAgent { target } => {
                Self::WaitingForAgent(wire::WaitingForAgent { target })
            }
            Activity::Measuring {
                trial,
                agent,
                target,
            } => Self::Measuring(wire::Measuring {
                trial_id: trial.0,
                agent,
                target,
            }),
            Activity::Sampling {
                architecture,
                agent,
                target,
            } => Self::Sampling(wire::Sampling {
                architecture,
                agent,
                target,
            }),
            Activity::Training {
                trial,
                epoch,
                epochs,
                loss,
                accuracy_percent,
            } => Self::Training(wire::Training {
                trial_id: trial.0,
                epoch,
                epochs,
                loss,
                accuracy_percent,
            }),
            Activity::SharedTraining {
                epoch,
                epochs,
                loss,
                distribution,
            } => Self::SharedTraining(wire::SharedTraining {
                epoch,
                epochs,
                loss,
                distribution: distribution.map(|learned| wire::LearnedDistribution {
                    expected_latency_ms: learned.expected_latency_ms,
                    entropy_bits: learned.entropy_bits,
                }),
            }),
        }
    }
}

impl TryFrom<wire::WaitingForAgent> for Activity {
    type Error = ConvertError;

    fn try_from(message: wire::WaitingForAgent) -> Result<Self, Self::Error> {
        Ok(Self::WaitingForAgent {
            target: text("target", message.target)?,
        })
    }
}

impl TryFrom<wire::Measuring> for Activity {
    type Error = ConvertError;

    fn try_from(message: wire::Measuring) -> Result<Self, Self::Error> {
        Ok(Self::Measuring {
            trial: TrialId(message.trial_id),
            agent: text("agent", message.agent)?,
            target: text("target", message.target)?,
        })
    }
}

impl TryFrom<wire::Sampling> for Activity {
    type Error = ConvertError;

    fn try_from(message: wire::Sampling) -> Result<Self, Self::Error> {
        Ok(Self::Sampling {
            architecture: text("architecture", message.architecture)?,
            agent: text("agent", message.agent)?,
            target: text("target", message.target)?,
        })
    }
}

impl TryFrom<wire::Training> for Activity {
    type Error = ConvertError;

    fn try_from(message: wire::Training) -> Result<Self, Self::Error> {
        let wire::Training {
            trial_id,
            epoch,
            epochs,
            loss,
            accuracy_percent,
        } = message;
        check_epoch(epoch, epochs)?;
        finite("loss", loss)?;
        Ok(Self::Training {
            trial: TrialId(trial_id),
            epoch,
            epochs,
            loss,
            accuracy_percent: percent("accuracy_percent", accuracy_percent)?,
        })
    }
}

impl TryFrom<wire::SharedTraining> for Activity {
    type Error = ConvertError;

    fn try_from(message: wire::SharedTraining) -> Result<Self, Self::Error> {
        let wire::SharedTraining {
            epoch,
            epochs,
            loss,
            distribution,
        } = message;
        check_epoch(epoch, epochs)?;
        let learned = |learned: wire::LearnedDistribution| {
            Ok(LearnedDistribution {
                expected_latency_ms: finite("expected_latency_ms", learned.expected_latency_ms)?,
                entropy_bits: finite("entropy_bits", learned.entropy_bits)?,
            })
        };
        Ok(Self::SharedTraining {
            epoch,
            epochs,
            loss: finite("loss", loss)?,
            distribution: distribution.map(learned).transpose()?,
        })
    }
}

// === helpers ===

fn finite(field: &'static str, number: f64) -> Result<f64, ConvertError> {
    match number.is_finite() {
        true => Ok(number),
        false => Err(ConvertError::new(
            field,
            format!("must be finite, got {number}"),
        )),
    }
}

fn check_epoch(epoch: u32, epochs: u32) -> Result<(), ConvertError> {
    if epoch > epochs {
        let reason = format!("must be at most `epochs`, which is {epochs}, got {epoch}");
        return Err(ConvertError::new("epoch", reason));
    }
    Ok(())
}
