//! What happens while a predictor is adapted.

use bespoke_study::AdaptEvent;
use wire::adapt_response::Event as WireEvent;

use crate::{
    convert::{ConvertError, nested, present, text},
    predictor::v1 as wire,
};

// === AdaptEvent ===

impl From<AdaptEvent> for wire::AdaptResponse {
    fn from(event: AdaptEvent) -> Self {
        let event = match event {
            AdaptEvent::Waiting { architecture } => {
                WireEvent::Waiting(wire::Waiting { architecture })
            }
            AdaptEvent::Measuring {
                architecture,
                agent,
            } => WireEvent::Measuring(wire::Measuring {
                architecture,
                agent,
            }),
            AdaptEvent::Measured(sample) => WireEvent::Measured(sample.into()),
            AdaptEvent::Unmeasured {
                architecture,
                reason,
            } => WireEvent::Unmeasured(wire::Unmeasured {
                architecture,
                reason,
            }),
            AdaptEvent::Adapted(info) => WireEvent::Adapted((*info).into()),
        };
        Self { event: Some(event) }
    }
}

impl TryFrom<wire::AdaptResponse> for AdaptEvent {
    type Error = ConvertError;

    fn try_from(message: wire::AdaptResponse) -> Result<Self, Self::Error> {
        match present("event", message.event)? {
            WireEvent::Waiting(waiting) => nested("waiting", waiting),
            WireEvent::Measuring(measuring) => nested("measuring", measuring),
            WireEvent::Measured(sample) => nested("measured", sample).map(Self::Measured),
            WireEvent::Unmeasured(unmeasured) => nested("unmeasured", unmeasured),
            WireEvent::Adapted(info) => {
                nested("adapted", info).map(|info| Self::Adapted(Box::new(info)))
            }
        }
    }
}

impl TryFrom<wire::Waiting> for AdaptEvent {
    type Error = ConvertError;

    fn try_from(message: wire::Waiting) -> Result<Self, Self::Error> {
        Ok(Self::Waiting {
            architecture: text("architecture", message.architecture)?,
        })
    }
}

impl TryFrom<wire::Measuring> for AdaptEvent {
    type Error = ConvertError;

    fn try_from(message: wire::Measuring) -> Result<Self, Self::Error> {
        Ok(Self::Measuring {
            architecture: text("architecture", message.architecture)?,
            agent: text("agent", message.agent)?,
        })
    }
}

impl TryFrom<wire::Unmeasured> for AdaptEvent {
    type Error = ConvertError;

    fn try_from(message: wire::Unmeasured) -> Result<Self, Self::Error> {
        Ok(Self::Unmeasured {
            architecture: text("architecture", message.architecture)?,
            reason: text("reason", message.reason)?,
        })
    }
}
