//! The settings of strategies, their defaults and what they may be.

use serde::{Deserialize, Serialize};

/// Settings of our own strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BespokeSettings {
    /// Random proposals before anything is learned; none are made where a forecast knows every objective. At least 2.
    pub initial: usize,
}

/// Settings of regularized evolution. Unlike the paper's 100 and 25, which spend 20,000 trials, the defaults
/// suit studies of some hundred: the same quarter of a population of 32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegularizedEvolutionSettings {
    /// P: how many of the latest trials are alive; also the number of random proposals at the start. At least
    /// 2.
    pub population: usize,
    /// S: how many of them compete to be the parent. 1 to P.
    pub sample: usize,
}

/// Settings of NSGA-II. Unlike the paper's population of 100, which spends 25,000 trials, the default suits
/// studies of some hundred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nsga2Settings {
    /// P: the size of the population and of a generation. At least 2.
    pub population: usize,
    /// Probability that a child has two parents, from 0 to 1.
    pub crossover: f64,
    /// Probability that a decision of a child is redrawn, above 0 and up to 1; one over the number of
    /// decisions when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutation: Option<f64>,
}

/// Settings of local search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalSearchSettings {
    /// How many random architectures each search starts from the best of; the paper's 10. At least 1.
    pub initial: usize,
}

/// Settings of MnasNet's controller. The last three were chosen among a few on NAS-Bench-201 (CIFAR-100): over the
/// fifteen bounds of HELP, ten seeds each, the best network of 400 trials was on average 0.23 points less accurate than
/// the best there is, latencies being known beforehand; with half or twice the rate and entropy it was 0.18 to 0.33
/// points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MnasnetSettings {
    /// α and β: the exponent of latency over bound where the bound is met, and where it is exceeded; neither above
    /// 0. The paper's soft constraint is -0.07 and -0.07, the default; its hard one 0 and -1.
    pub w: [f64; 2],
    /// Step of the logits along the gradient, for an advantage of as much as rewards usually vary. Above 0.
    pub learning_rate: f64,
    /// Weight of the past in the moving mean that rewards are compared with, from 0 and below 1.
    pub baseline: f64,
    /// Weight of the policy's entropy beside the reward, from 0.
    pub entropy: f64,
}

/// Settings of Once-for-All's evolution, those of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnceForAllSettings {
    /// How many children make a generation; also the number of random proposals at the start. At least 2.
    pub population: usize,
    /// Share of a population's size that lives on as parents, above 0 and up to 1.
    pub parents: f64,
    /// Share of the children that have one parent and are mutated, from 0 to 1; the others have two.
    pub mutation_share: f64,
    /// Probability that a decision of a mutated child is redrawn, above 0 and up to 1.
    pub mutation: f64,
}

/// Settings of MAE-NAS, those of DAMO-YOLO's searches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaeNasSettings {
    /// How many networks live. At least 2.
    pub population: usize,
    /// How many mutations are scored before the first proposal. At least 1.
    pub mutations: usize,
    /// Weights of the last five resolutions in the score, the finest first: finite numbers from 0, not all 0.
    pub ratios: [f64; 5],
    /// Most convolutions on the main path, if bounded; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_layers: Option<u32>,
}

/// A key, and what is wrong with its value.
pub(super) type Refusal = (&'static str, String);

// === impl RegularizedEvolutionSettings ===

impl Default for BespokeSettings {
    fn default() -> Self {
        Self { initial: 12 }
    }
}

impl Default for RegularizedEvolutionSettings {
    fn default() -> Self {
        Self {
            population: 32,
            sample: 8,
        }
    }
}

impl BespokeSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.initial < 2 {
            let reason = format!("is {}; at least 2 trials say something", self.initial);
            return Err(("initial", reason));
        }
        Ok(())
    }
}

impl RegularizedEvolutionSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_population(self.population)?;
        let (sample, population) = (self.sample, self.population);
        if sample == 0 || sample > population {
            return Err((
                "sample",
                format!("is {sample}; a sample has from 1 member to the population's {population}"),
            ));
        }
        Ok(())
    }
}

// === impl Nsga2Settings ===

impl Default for Nsga2Settings {
    fn default() -> Self {
        Self {
            population: 32,
            crossover: 0.9,
            mutation: None,
        }
    }
}

impl Nsga2Settings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_population(self.population)?;
        check_probability("crossover", self.crossover)?;
        self.mutation
            .map_or(Ok(()), |mutation| check_chance("mutation", mutation))
    }
}

// === impl LocalSearchSettings ===

impl Default for LocalSearchSettings {
    fn default() -> Self {
        Self { initial: 10 }
    }
}

impl LocalSearchSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.initial == 0 {
            let reason = "is 0; a search starts from at least 1 architecture";
            return Err(("initial", reason.to_owned()));
        }
        Ok(())
    }
}

// === impl MnasnetSettings ===

impl Default for MnasnetSettings {
    fn default() -> Self {
        Self {
            w: [-0.07, -0.07],
            learning_rate: 0.2,
            baseline: 0.8,
            entropy: 0.1,
        }
    }
}

impl MnasnetSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if let Some(w) = self.w.iter().find(|w| !(w.is_finite() && **w <= 0.0)) {
            let reason = format!("holds {w}; an exponent is a finite number up to 0");
            return Err(("w", reason));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let reason = format!("is {}; it is a finite number above 0", self.learning_rate);
            return Err(("learning_rate", reason));
        }
        if !(0.0..1.0).contains(&self.baseline) {
            let reason = format!("is {}; it is from 0 and below 1", self.baseline);
            return Err(("baseline", reason));
        }
        if !(self.entropy.is_finite() && self.entropy >= 0.0) {
            let reason = format!("is {}; it is a finite number from 0", self.entropy);
            return Err(("entropy", reason));
        }
        Ok(())
    }
}

// === impl OnceForAllSettings ===

impl Default for OnceForAllSettings {
    fn default() -> Self {
        Self {
            population: 100,
            parents: 0.25,
            mutation_share: 0.5,
            mutation: 0.1,
        }
    }
}

impl OnceForAllSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_population(self.population)?;
        if !(self.parents > 0.0 && self.parents <= 1.0) {
            let reason = format!("is {}; a share is above 0 and up to 1", self.parents);
            return Err(("parents", reason));
        }
        check_probability("mutation_share", self.mutation_share)?;
        check_chance("mutation", self.mutation)
    }
}

// === impl MaeNasSettings ===

impl Default for MaeNasSettings {
    fn default() -> Self {
        Self {
            population: 512,
            mutations: 500_000,
            ratios: bespoke_graph::RATIOS,
            max_layers: None,
        }
    }
}

impl MaeNasSettings {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_population(self.population)?;
        if self.mutations == 0 {
            let reason = "is 0; at least 1 finds something";
            return Err(("mutations", reason.to_owned()));
        }
        let is_ratio = |ratio: &f64| ratio.is_finite() && *ratio >= 0.0;
        if !self.ratios.iter().all(is_ratio) || self.ratios.iter().all(|ratio| *ratio == 0.0) {
            let reason = "are finite numbers from 0, one of them above it";
            return Err(("ratios", reason.to_owned()));
        }
        match self.max_layers {
            Some(0) => Err(("max_layers", "is 0; a network has at least 1".to_owned())),
            _ => Ok(()),
        }
    }
}

fn check_population(population: usize) -> Result<(), Refusal> {
    if population < 2 {
        return Err((
            "population",
            format!("is {population}; a population has at least 2 members"),
        ));
    }
    Ok(())
}

fn check_probability(key: &'static str, value: f64) -> Result<(), Refusal> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err((key, format!("is {value}; a probability is from 0 to 1"))),
    }
}

/// A probability of what has to happen now and then.
fn check_chance(key: &'static str, value: f64) -> Result<(), Refusal> {
    match value > 0.0 && value <= 1.0 {
        true => Ok(()),
        false => Err((
            key,
            format!("is {value}; it is a probability above 0 and up to 1"),
        )),
    }
}
