//! What a measurement has to fulfil.

use serde::{Deserialize, Serialize};

/// Settings of the measuring protocol. Two measurements compare only if these are equal, so they are part of the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// One sample repeats the forward pass until it lasts at least this long.
    pub min_sample_us: u64,
    /// Fewest samples.
    pub min_samples: u32,
    /// Sampling lasts at least this long, so that what varies over tens of milliseconds (scheduling, clock frequency)
    /// is inside the samples and their interval.
    pub min_sampling_ms: u64,
    /// Most time spent timing, warm-up included.
    pub budget_ms: u64,
    /// Most time spent warming up; warm-up ends earlier when the passes have stopped getting faster.
    pub max_warm_up_ms: u64,
    /// Stop when the interval of the median is this narrow, as a fraction of the median.
    pub target_relative_width: f64,
    /// A measurement whose interval is wider than this at the end is unstable.
    pub max_relative_width: f64,
    /// Confidence of the interval.
    pub confidence: f64,
    /// Length of one turn. The networks of a batch take turns, and a reference network has one between any two.
    pub turn_ms: u64,
    /// Fewest turns that count.
    pub min_turns: u32,
    /// A turn counts when the reference, before and after it, was slower than on the machine left alone by this fraction
    /// at most.
    pub max_slowdown: f64,
    /// What the caches hold when a pass begins.
    pub cache: Cache,
    /// Goes on for so many minutes and reports the first and the last, to see what heat does; the latency is that of the
    /// last. 0: as long as the interval needs.
    pub sustained_minutes: u32,
    /// Whether the record shall tell what each operator takes, from passes of their own after the last sample.
    pub operators: bool,
}

/// What the caches hold when a pass begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// What the pass before left, as in a service under load.
    #[default]
    Hot,
    /// Nothing of the network: other data was written through them. One sample is one pass.
    Cold,
}

/// A setting that no protocol can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("measuring protocol: `{key}` {reason}")]
pub struct ProtocolError {
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            min_sample_us: 500,
            min_samples: 30,
            min_sampling_ms: 200,
            budget_ms: 10_000,
            max_warm_up_ms: 500,
            target_relative_width: 0.03,
            max_relative_width: 0.10,
            confidence: 0.95,
            turn_ms: 30,
            min_turns: 16,
            max_slowdown: 0.05,
            cache: Cache::Hot,
            sustained_minutes: 0,
            operators: false,
        }
    }
}

impl Protocol {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), ProtocolError> {
        self.check_interval()?;
        require(self.min_sample_us >= 1, "min_sample_us", || {
            "must be at least 1".into()
        })?;
        let fewest = self.fewest_samples();
        require(self.min_samples >= fewest, "min_samples", || {
            format!(
                "must be at least {fewest} for a confidence of {}, got {}",
                self.confidence, self.min_samples
            )
        })?;
        require(self.min_turns >= fewest, "min_turns", || {
            format!(
                "must be at least {fewest} for a confidence of {}, got {}",
                self.confidence, self.min_turns
            )
        })?;
        require(self.turn_ms >= 1, "turn_ms", || "must be at least 1".into())?;
        let slowdown = self.max_slowdown;
        require(slowdown > 0.0 && slowdown < 1.0, "max_slowdown", || {
            format!("must lie above 0 and below 1, got {slowdown}")
        })?;
        let samples_us = u64::from(self.min_samples).saturating_mul(self.min_sample_us);
        let turns_ms = u64::from(self.min_turns).saturating_mul(self.turn_ms);
        let sampling_ms = samples_us
            .div_ceil(1_000)
            .max(self.min_sampling_ms)
            .max(turns_ms);
        let needed_ms = self.max_warm_up_ms.saturating_add(sampling_ms);
        require(self.budget_ms >= needed_ms, "budget_ms", || {
            format!(
                "must be at least {needed_ms}: `max_warm_up_ms` and {sampling_ms} ms of sampling, got {}",
                self.budget_ms
            )
        })
    }

    /// The settings as one line: equal protocols have equal keys, and different ones different keys.
    pub fn key(&self) -> String {
        let Self {
            min_sample_us,
            min_samples,
            min_sampling_ms,
            budget_ms,
            max_warm_up_ms,
            target_relative_width,
            max_relative_width,
            confidence,
            turn_ms,
            min_turns,
            max_slowdown,
            cache,
            sustained_minutes,
            operators,
        } = self;
        let cache = cache.word();
        // Not in the keys of records that were made before there was a choice.
        let operators = if *operators { ",operators=true" } else { "" };
        format!(
            "min_sample_us={min_sample_us},min_samples={min_samples},min_sampling_ms={min_sampling_ms},\
             budget_ms={budget_ms},max_warm_up_ms={max_warm_up_ms},target_relative_width={target_relative_width},\
             max_relative_width={max_relative_width},confidence={confidence},turn_ms={turn_ms},min_turns={min_turns},\
             max_slowdown={max_slowdown},cache={cache},sustained_minutes={sustained_minutes}{operators}"
        )
    }

    fn check_interval(&self) -> Result<(), ProtocolError> {
        // A resampling interval has no tails to speak of beyond 99 %.
        require(
            (0.5..=0.99).contains(&self.confidence),
            "confidence",
            || format!("must lie between 0.5 and 0.99, got {}", self.confidence),
        )?;
        let max = self.max_relative_width;
        require(max > 0.0 && max < 1.0, "max_relative_width", || {
            format!("must lie above 0 and below 1, got {max}")
        })?;
        let target = self.target_relative_width;
        require(
            target > 0.0 && target <= max,
            "target_relative_width",
            || {
                format!(
                    "must lie above 0 and up to `max_relative_width`, which is {max}, got {target}"
                )
            },
        )
    }

    /// Of fewer samples, not even the least and the greatest hold the median between them with this confidence: all
    /// lie on the same side of it with probability 2 / 2^n.
    fn fewest_samples(&self) -> u32 {
        (2.0 / (1.0 - self.confidence)).log2().ceil() as u32
    }
}

// === impl Cache ===

impl Cache {
    /// The word for it in files: `hot`, `cold`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
        }
    }
}

fn require(
    holds: bool,
    key: &'static str,
    reason: impl FnOnce() -> String,
) -> Result<(), ProtocolError> {
    if holds {
        Ok(())
    } else {
        Err(ProtocolError {
            key,
            reason: reason(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut Protocol)) -> String {
        let mut protocol = Protocol::default();
        change(&mut protocol);
        protocol
            .check()
            .expect_err("the setting is out of range")
            .to_string()
    }

    #[test]
    fn default_protocol_passes_its_check() {
        assert_eq!(Protocol::default().check(), Ok(()));
    }

    #[test]
    fn check_names_the_setting_that_is_out_of_range() {
        assert_eq!(
            fault(|p| p.min_sample_us = 0),
            "measuring protocol: `min_sample_us` must be at least 1"
        );
        assert_eq!(
            fault(|p| p.min_samples = 5),
            "measuring protocol: `min_samples` must be at least 6 for a confidence of 0.95, got 5"
        );
        assert_eq!(
            fault(|p| p.budget_ms = 979),
            "measuring protocol: `budget_ms` must be at least 980: `max_warm_up_ms` and 480 ms of sampling, got 979"
        );
        assert_eq!(
            fault(|p| p.min_turns = 5),
            "measuring protocol: `min_turns` must be at least 6 for a confidence of 0.95, got 5"
        );
        assert_eq!(
            fault(|p| p.max_slowdown = f64::NAN),
            "measuring protocol: `max_slowdown` must lie above 0 and below 1, got NaN"
        );
        assert_eq!(
            fault(|p| p.confidence = 1.0),
            "measuring protocol: `confidence` must lie between 0.5 and 0.99, got 1"
        );
        assert_eq!(
            fault(|p| p.max_relative_width = f64::NAN),
            "measuring protocol: `max_relative_width` must lie above 0 and below 1, got NaN"
        );
        assert_eq!(
            fault(|p| p.target_relative_width = 0.2),
            "measuring protocol: `target_relative_width` must lie above 0 and up to `max_relative_width`, which is \
             0.1, got 0.2"
        );
    }

    #[test]
    fn more_confidence_asks_for_more_samples() {
        let protocol = Protocol {
            confidence: 0.99,
            min_samples: 7,
            min_turns: 8,
            ..Protocol::default()
        };
        assert!(protocol.check().is_err());
        assert_eq!(
            Protocol {
                min_samples: 8,
                ..protocol
            }
            .check(),
            Ok(())
        );
    }

    #[test]
    fn protocol_survives_a_round_trip_as_json() {
        let protocol = Protocol {
            min_samples: 77,
            confidence: 0.9,
            ..Protocol::default()
        };
        let text = serde_json::to_string(&protocol).expect("a protocol is plain data");
        assert_eq!(
            serde_json::from_str::<Protocol>(&text).expect("it was just written"),
            protocol
        );
    }

    #[test]
    fn absent_settings_take_their_default_and_unknown_ones_are_refused() {
        let protocol: Protocol =
            serde_json::from_str(r#"{"min_samples": 9}"#).expect("a known setting");
        assert_eq!(
            protocol,
            Protocol {
                min_samples: 9,
                ..Protocol::default()
            }
        );
        let error = serde_json::from_str::<Protocol>(r#"{"samples": 9}"#)
            .expect_err("there is no such setting");
        assert!(
            error.to_string().contains("unknown field `samples`"),
            "{error}"
        );
    }

    #[test]
    fn key_spells_out_every_setting() {
        assert_eq!(
            Protocol::default().key(),
            "min_sample_us=500,min_samples=30,min_sampling_ms=200,budget_ms=10000,max_warm_up_ms=500,\
             target_relative_width=0.03,max_relative_width=0.1,confidence=0.95,turn_ms=30,min_turns=16,max_slowdown=0.05,\
             cache=hot,sustained_minutes=0"
        );
        let with_operators = Protocol {
            operators: true,
            ..Protocol::default()
        };
        assert!(
            with_operators
                .key()
                .ends_with("sustained_minutes=0,operators=true")
        );
    }
}
