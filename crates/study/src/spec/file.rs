//! The study file as it stands, and how it becomes a specification.

use std::num::NonZeroU32;

use bespoke_device::{Precision, TargetSpec};
use bespoke_measure::{Latency, Protocol};
use bespoke_recipe::{DataSetName, Recipe};
use bespoke_search::{Problem, StrategyConfig};
use serde::Deserialize;

use super::{Bounds, Budget, Data, Source, SpecError, StudySpec, TargetBound};
use crate::{EvaluatorConfig, NameError, Objective, Prediction, SampleCount, StudyName};

/// The study file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    name: toml::Spanned<String>,
    space: String,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    warm_start: Vec<toml::Spanned<String>>,
    data: toml::Spanned<Data>,
    #[serde(default)]
    strategy: Option<toml::Spanned<StrategyConfig>>,
    #[serde(default)]
    evaluator: Option<toml::Spanned<EvaluatorConfig>>,
    #[serde(default)]
    training: Option<toml::Spanned<Recipe>>,
    #[serde(default)]
    targets: Vec<toml::Spanned<RawTarget>>,
    #[serde(default)]
    objectives: Vec<toml::Spanned<String>>,
    #[serde(default)]
    bounds: Bounds,
    budget: toml::Spanned<Budget>,
    #[serde(default)]
    protocol: Option<toml::Spanned<Protocol>>,
    #[serde(default)]
    predictor: Option<toml::Spanned<RawPredictor>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPredictor {
    #[serde(default = "default_samples")]
    samples: u32,
    #[serde(default = "default_confidence")]
    confidence: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    runtime: String,
    #[serde(default = "one")]
    batch: u32,
    #[serde(default = "one")]
    threads: u32,
    #[serde(default = "full_precision")]
    precision: Precision,
    max_latency_ms: Option<f64>,
    max_energy_mj: Option<f64>,
}

fn one() -> u32 {
    1
}

fn full_precision() -> Precision {
    Precision::F32
}

pub(super) fn default_in_flight() -> NonZeroU32 {
    NonZeroU32::new(4).expect("four is not zero")
}

fn default_samples() -> u32 {
    SampleCount::default().into()
}

fn default_confidence() -> f64 {
    Problem::default().confidence
}

// === impl StudySpec ===

impl StudySpec {
    /// Reads a study file.
    ///
    /// # Errors
    /// Names the file, the line and the key of the first fault.
    pub fn parse(source: &Source) -> Result<Self, SpecError> {
        let raw: RawSpec = toml::from_str(&source.text)
            .map_err(|error| source.error(error.span(), one_line(error.message())))?;
        let name: Result<StudyName, NameError> = raw.name.get_ref().parse();
        let name = name.map_err(|e| source.error(Some(raw.name.span()), format!("`name`: {e}")))?;
        let recipe = raw
            .training
            .map(|r| source.checked("training", r, Recipe::check));
        let evaluator = raw
            .evaluator
            .map(|e| source.checked("evaluator", e, EvaluatorConfig::check));
        let protocol = raw
            .protocol
            .map(|p| source.checked("protocol", p, Protocol::check));
        let targets = source.targets(raw.targets)?;
        let strategy_span = raw.strategy.as_ref().map(toml::Spanned::span);
        let strategy = raw.strategy.map(toml::Spanned::into_inner);
        let spec = Self {
            warm_start: source.warm_start(raw.warm_start, &name)?,
            name,
            space: raw.space,
            seed: raw.seed,
            data: source.checked("data", raw.data, Data::check)?,
            strategy: strategy.unwrap_or_default(),
            evaluator: evaluator.transpose()?.unwrap_or_default(),
            recipe: recipe.transpose()?.unwrap_or_default(),
            further_objectives: source.objectives(raw.objectives, &targets)?,
            targets,
            bounds: raw.bounds,
            budget: source.checked("budget", raw.budget, Budget::check)?,
            protocol: protocol.transpose()?.unwrap_or_default(),
            predictor: source.predictor(raw.predictor)?,
        };
        let checked = spec.strategy.check(&spec.problem());
        let checked = checked.map_err(|error| error.to_string());
        let checked = checked.and_then(|()| spec.check_differentiable());
        checked.map_err(|e| source.error(strategy_span, format!("[strategy]: {e}")))?;
        Ok(spec)
    }

    /// A loss has one term for the latency, and a trial begins with weights of one kind.
    fn check_differentiable(&self) -> Result<(), String> {
        if self.strategy.differentiable().is_none() {
            return Ok(());
        }
        let (name, targets) = (self.strategy.name(), self.targets.len());
        if targets != 1 {
            return Err(format!(
                "`{name}` weighs the latency on one target; the study has {targets} [[targets]]"
            ));
        }
        if self.trials_are_tuned() && self.evaluator != EvaluatorConfig::default() {
            return Err(
                "`trials = \"tuned\"` has each trial trained from the weights of the search: leave out [evaluator]"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// An error message without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

// === impl Source ===

impl Source {
    fn error(&self, span: Option<std::ops::Range<usize>>, reason: String) -> SpecError {
        let line = span.map(|span| {
            let end = span.start.min(self.text.len());
            self.text.as_bytes()[..end]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1
        });
        SpecError {
            file: self.file.clone(),
            line,
            reason,
        }
    }

    fn checked<T, E: std::fmt::Display>(
        &self,
        table: &str,
        value: toml::Spanned<T>,
        check: impl Fn(&T) -> Result<(), E>,
    ) -> Result<T, SpecError> {
        let span = value.span();
        check(value.get_ref()).map_err(|e| self.error(Some(span), format!("[{table}]: {e}")))?;
        Ok(value.into_inner())
    }

    /// No samples are as good as no table.
    fn predictor(
        &self,
        raw: Option<toml::Spanned<RawPredictor>>,
    ) -> Result<Option<Prediction>, SpecError> {
        let Some(raw) = raw else {
            return Ok(None);
        };
        let RawPredictor {
            samples,
            confidence,
        } = *raw.get_ref();
        let fail = |reason: String| {
            let reason = format!("[predictor]: {reason}");
            self.error(Some(raw.span()), reason)
        };
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(fail(format!(
                "`confidence` must be above 0 and below 1, got {confidence}"
            )));
        }
        if samples == 0 {
            return Ok(None);
        }
        let samples = SampleCount::try_from(samples).map_err(|error| {
            fail(format!(
                "`samples`: {error}, or 0 to measure every candidate"
            ))
        })?;
        Ok(Some(Prediction {
            samples,
            confidence,
        }))
    }

    fn targets(&self, raw: Vec<toml::Spanned<RawTarget>>) -> Result<Vec<TargetBound>, SpecError> {
        let mut targets: Vec<TargetBound> = Vec::new();
        for spanned in raw {
            let span = spanned.span();
            let fail =
                |reason: String| self.error(Some(span.clone()), format!("[[targets]]: {reason}"));
            let bound = spanned.into_inner().resolve().map_err(fail)?;
            if targets.iter().any(|other| other.target == bound.target) {
                return Err(fail(format!("the target {} stands twice", bound.target)));
            }
            targets.push(bound);
        }
        if targets.is_empty() {
            return Err(self.error(
                None,
                "`targets`: a study needs at least one [[targets]]".to_owned(),
            ));
        }
        Ok(targets)
    }

    fn warm_start(
        &self,
        raw: Vec<toml::Spanned<String>>,
        own: &StudyName,
    ) -> Result<Vec<StudyName>, SpecError> {
        let mut names: Vec<StudyName> = Vec::new();
        for spanned in raw {
            let fail = |reason: String| {
                self.error(Some(spanned.span()), format!("`warm_start`: {reason}"))
            };
            let name: Result<StudyName, NameError> = spanned.get_ref().parse();
            let name = name.map_err(|error| fail(error.to_string()))?;
            if name == *own {
                return Err(fail(format!("`{name}` is this study itself")));
            }
            if names.contains(&name) {
                return Err(fail(format!("`{name}` stands twice")));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn objectives(
        &self,
        raw: Vec<toml::Spanned<String>>,
        targets: &[TargetBound],
    ) -> Result<Vec<Objective>, SpecError> {
        let mut objectives: Vec<Objective> = Vec::new();
        for spanned in raw {
            let text = spanned.get_ref();
            let fail = |reason: String| {
                self.error(Some(spanned.span()), format!("`objectives`: {reason}"))
            };
            let named = objectives_named(text, targets).map_err(fail)?;
            if named.iter().any(|named| objectives.contains(named)) {
                return Err(fail(format!("`{text}` stands twice")));
            }
            objectives.extend(named);
        }
        objectives.sort_unstable();
        Ok(objectives)
    }
}

/// What one entry of `objectives` stands for: `energy` is that on every target.
fn objectives_named(text: &str, targets: &[TargetBound]) -> Result<Vec<Objective>, String> {
    match text {
        "parameters" => Ok(vec![Objective::Parameters]),
        "macs" => Ok(vec![Objective::Macs]),
        "peak_activation_bytes" => Ok(vec![Objective::PeakActivationBytes]),
        "energy" => Ok((0..targets.len()).map(Objective::Energy).collect()),
        "error" | "accuracy" | "latency" => Err(format!(
            "`{text}` is always one; name what is minimised beside the error and the latencies"
        )),
        _ => match text.strip_prefix("energy@") {
            Some(target) => energy_on(target, targets).map(|objective| vec![objective]),
            None => Err(format!(
                "`{text}` is not known; there are parameters, macs, peak_activation_bytes, energy, and energy@TARGET for one of several targets"
            )),
        },
    }
}

fn energy_on(text: &str, targets: &[TargetBound]) -> Result<Objective, String> {
    let target: TargetSpec = text.parse().map_err(|error| format!("{error}"))?;
    let index = targets.iter().position(|bound| bound.target == target);
    index.map(Objective::Energy).ok_or_else(|| {
        let known: Vec<String> = targets.iter().map(|b| b.target.to_string()).collect();
        format!(
            "the study has no target {target}; it has {}",
            known.join(", ")
        )
    })
}

// === impl RawTarget ===

impl RawTarget {
    fn resolve(self) -> Result<TargetBound, String> {
        let Self {
            runtime,
            batch,
            threads,
            precision,
            max_latency_ms,
            max_energy_mj,
        } = self;
        let target =
            TargetSpec::new(runtime, batch, threads, precision).map_err(|e| e.to_string())?;
        let max_latency = max_latency_ms.map(Latency::from_ms).transpose();
        let max_latency = max_latency.map_err(|e| format!("`max_latency_ms`: {e}"))?;
        if let Some(mj) = max_energy_mj.filter(|mj| !(mj.is_finite() && *mj > 0.0)) {
            return Err(format!(
                "`max_energy_mj`: an energy must be a positive number of millijoules, got {mj}"
            ));
        }
        Ok(TargetBound {
            target,
            max_latency,
            max_energy_mj,
        })
    }
}

// === impl Data, Budget ===

impl Data {
    fn check(&self) -> Result<(), String> {
        match (self.set, &self.folder) {
            (DataSetName::Digits, Some(_)) => {
                Err("`folder` is not used: the digits are inside the program".to_owned())
            }
            (DataSetName::Digits, None) | (_, Some(_)) => Ok(()),
            (set, None) => Err(format!("`folder` is missing: where the files of {set} are")),
        }
    }
}

impl Budget {
    fn check(&self) -> Result<(), String> {
        match self.minutes {
            Some(minutes) if !(minutes > 0.0 && minutes.is_finite()) => Err(format!(
                "`minutes` must be a positive number, got {minutes}"
            )),
            _ => Ok(()),
        }
    }
}
