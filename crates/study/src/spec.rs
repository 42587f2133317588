//! The study file: raw TOML turned once into a specification that cannot be wrong.

use std::{num::NonZeroU32, path::PathBuf};

use bespoke_device::{Precision, TargetSpec};
use bespoke_graph::Cost;
use bespoke_measure::{Estimate, Latency, Protocol};
use bespoke_recipe::{DataSetName, Recipe};
use bespoke_search::StrategyConfig;
use serde::{Deserialize, Serialize};

use crate::{SampleCount, StudyName};

/// A file's name, as its user knows it, and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Name used in error messages.
    pub file: String,
    /// The whole text.
    pub text: String,
}

/// What is handed in to start a study: the study file and the space file that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The study file.
    pub study: Source,
    /// The space file, or the text of a shipped space.
    pub space: Source,
}

/// What a study asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct StudySpec {
    /// Name of the study and its folder.
    pub name: StudyName,
    /// The space as the study file names it: a shipped space, or a path relative to the study file.
    pub space: String,
    /// Seed of everything random in the study.
    pub seed: u64,
    /// What the candidates learn.
    pub data: Data,
    /// How candidates are proposed.
    pub strategy: StrategyConfig,
    /// How a candidate is trained.
    pub recipe: Recipe,
    /// Where candidates must run, at least one. Each target's latency is an objective.
    pub targets: Vec<TargetBound>,
    /// Bounds that need no measurement.
    pub bounds: Bounds,
    /// When the study ends.
    pub budget: Budget,
    /// How latencies are measured.
    pub protocol: Protocol,
    /// How many networks are measured on each target so that candidates can be priced before they are measured; none:
    /// every candidate is measured.
    pub predictor: Option<SampleCount>,
}

/// What the candidates learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Which data set.
    pub set: DataSetName,
    /// Where its files are; not needed for the digits.
    pub folder: Option<PathBuf>,
}

/// A target and the latency that a network must keep there.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetBound {
    /// The target.
    pub target: TargetSpec,
    /// Greatest latency, if bounded.
    pub max_latency: Option<Latency>,
}

/// Bounds on what is counted from the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Most trainable parameters.
    pub max_parameters: Option<u64>,
    /// Most multiply-accumulates.
    pub max_macs: Option<u64>,
    /// Greatest peak of activation memory.
    pub max_peak_activation_bytes: Option<u64>,
}

/// When a study ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Number of trials.
    pub trials: NonZeroU32,
    /// Most minutes of wall time over all runs of the study; a study that reaches it ends with what it has.
    pub minutes: Option<f64>,
    /// How many trials may be unfinished at the same time. A trial is proposed from the results of all trials up to
    /// this many before it, so the number is part of the study and does not follow the number of agents.
    #[serde(default = "default_in_flight")]
    pub in_flight: NonZeroU32,
}

/// What is wrong with a study file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {reason}", .line.map(|n| format!(":{n}")).unwrap_or_default())]
pub struct SpecError {
    /// The file.
    pub file: String,
    /// The line, counted from 1, where one is known.
    pub line: Option<usize>,
    /// What is wrong, with the key.
    pub reason: String,
}

/// The study file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    name: toml::Spanned<String>,
    space: String,
    #[serde(default)]
    seed: u64,
    data: toml::Spanned<Data>,
    #[serde(default)]
    strategy: Option<toml::Spanned<StrategyConfig>>,
    #[serde(default)]
    training: Option<toml::Spanned<Recipe>>,
    #[serde(default)]
    targets: Vec<toml::Spanned<RawTarget>>,
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
}

fn one() -> u32 {
    1
}

fn full_precision() -> Precision {
    Precision::F32
}

fn default_in_flight() -> NonZeroU32 {
    NonZeroU32::new(4).expect("four is not zero")
}

fn default_samples() -> u32 {
    SampleCount::default().into()
}

// === impl Submission ===

impl Submission {
    /// The specification that the study file holds.
    pub fn spec(&self) -> Result<StudySpec, SpecError> {
        StudySpec::parse(&self.study)
    }
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
        let name = raw.name.get_ref().parse();
        let strategy = raw
            .strategy
            .map(|s| source.checked("strategy", s, StrategyConfig::check));
        let recipe = raw
            .training
            .map(|r| source.checked("training", r, Recipe::check));
        let protocol = raw
            .protocol
            .map(|p| source.checked("protocol", p, Protocol::check));
        Ok(Self {
            name: name.map_err(|e| source.error(Some(raw.name.span()), format!("`name`: {e}")))?,
            space: raw.space,
            seed: raw.seed,
            data: source.checked("data", raw.data, Data::check)?,
            strategy: strategy.transpose()?.unwrap_or_default(),
            recipe: recipe.transpose()?.unwrap_or_default(),
            targets: source.targets(raw.targets)?,
            bounds: raw.bounds,
            budget: source.checked("budget", raw.budget, Budget::check)?,
            protocol: protocol.transpose()?.unwrap_or_default(),
            predictor: source.predictor(raw.predictor)?,
        })
    }

    /// Why a network of this cost cannot be accepted, if it breaks a bound, with the relative excess.
    pub fn cost_violation(&self, cost: &Cost) -> Option<(String, f64)> {
        let bounds = [
            ("parameters", cost.parameters, self.bounds.max_parameters),
            ("multiply-accumulates", cost.macs, self.bounds.max_macs),
            (
                "bytes of peak activation memory",
                cost.peak_activation_bytes,
                self.bounds.max_peak_activation_bytes,
            ),
        ];
        joined(bounds.into_iter().filter_map(|(what, got, most)| {
            let most = most.filter(|most| got > *most)?;
            let excess = (got - most) as f64 / most.max(1) as f64;
            Some((format!("{got} {what}, the bound is {most}"), excess))
        }))
    }

    /// Why a network of these latencies, one for each target, cannot be accepted, with the relative excess. A network
    /// keeps a bound when the upper end of its interval does.
    pub fn latency_violation(&self, latencies: &[Estimate]) -> Option<(String, f64)> {
        joined(
            self.targets
                .iter()
                .zip(latencies)
                .filter_map(|(bound, got)| {
                    let most = bound.max_latency.filter(|most| got.high_ms > *most)?;
                    let excess = (got.high_ms.ms() - most.ms()) / most.ms();
                    let target = &bound.target;
                    let reason = format!("up to {} on {target}, the bound is {most}", got.high_ms);
                    Some((reason, excess))
                }),
        )
    }

    /// Why a network of these predicted latencies, one for each target, need not be measured, with the relative excess:
    /// on some target, the whole interval lies over the bound. The excess is that of the median.
    pub fn predicted_violation(&self, latencies: &[Estimate]) -> Option<(String, f64)> {
        let targets = self.targets.iter().zip(latencies);
        joined(targets.filter_map(|(bound, got)| {
            let most = bound.max_latency.filter(|most| got.low_ms > *most)?;
            let excess = (got.median_ms.ms() - most.ms()) / most.ms();
            let (target, least) = (&bound.target, got.low_ms);
            let reason =
                format!("predicted to take at least {least} on {target}, the bound is {most}");
            Some((reason, excess.max(0.0)))
        }))
    }

    /// Whether a study may go on under this specification that was started under another: only the budget's trials
    /// and minutes may differ.
    pub fn continues(&self, earlier: &Self) -> bool {
        let Budget {
            trials, minutes, ..
        } = self.budget;
        let budget = Budget {
            trials,
            minutes,
            ..earlier.budget.clone()
        };
        *self
            == Self {
                budget,
                ..earlier.clone()
            }
    }
}

/// All reasons joined, with the sum of the excesses, if there are any.
fn joined(violations: impl Iterator<Item = (String, f64)>) -> Option<(String, f64)> {
    violations
        .reduce(|(reasons, sum), (reason, excess)| (format!("{reasons}; {reason}"), sum + excess))
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
    ) -> Result<Option<SampleCount>, SpecError> {
        let Some(raw) = raw else {
            return Ok(None);
        };
        let RawPredictor { samples } = *raw.get_ref();
        if samples == 0 {
            return Ok(None);
        }
        let count = SampleCount::try_from(samples).map_err(|error| {
            let reason =
                format!("[predictor]: `samples`: {error}, or 0 to measure every candidate");
            self.error(Some(raw.span()), reason)
        })?;
        Ok(Some(count))
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
        } = self;
        let target =
            TargetSpec::new(runtime, batch, threads, precision).map_err(|e| e.to_string())?;
        let max_latency = max_latency_ms.map(Latency::from_ms).transpose();
        let max_latency = max_latency.map_err(|e| format!("`max_latency_ms`: {e}"))?;
        Ok(TargetBound {
            target,
            max_latency,
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

#[cfg(test)]
mod tests;
