//! The strategies that a study can ask for, by name and with their settings.

use bespoke_recipe::{Differentiable, FbnetSettings, ProxylessnasSettings};
use serde::{Deserialize, Serialize};

use crate::{
    Bespoke, Learned, LocalSearch, MaeNas, Mnasnet, Nsga2, OnceForAll, Problem, Random,
    RegularizedEvolution, Strategy,
};

mod settings;
#[cfg(test)]
mod tests;

pub use settings::{
    BespokeSettings, LocalSearchSettings, MaeNasSettings, MnasnetSettings, Nsga2Settings,
    OnceForAllSettings, RegularizedEvolutionSettings,
};

/// A strategy's name and settings, as a study file states them: `name = "nsga2"`, `population = 32`.
/// Settings that are left out take the defaults; unknown ones are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StrategyConfig {
    /// Our own: surrogate-assisted search.
    Bespoke(BespokeSettings),
    /// Random search without replacement. (Braces: serde ignores unknown fields of a tagged variant without
    /// any.)
    Random {},
    /// Regularized evolution (Real et al. 2019).
    RegularizedEvolution(RegularizedEvolutionSettings),
    /// NSGA-II (Deb et al. 2002).
    Nsga2(Nsga2Settings),
    /// Local search (White et al. 2021).
    LocalSearch(LocalSearchSettings),
    /// MnasNet's controller (Tan et al. 2019).
    Mnasnet(MnasnetSettings),
    /// Once-for-All's evolution (Cai et al. 2020).
    OnceForAll(OnceForAllSettings),
    /// MAE-NAS's evolution of the maximum entropy (Sun et al. 2022).
    MaeNas(MaeNasSettings),
    /// FBNet (Wu et al. 2019): draws from a distribution that is learned beside the trials.
    Fbnet(FbnetSettings),
    /// ProxylessNAS (Cai et al. 2019): the same.
    Proxylessnas(ProxylessnasSettings),
}

/// A setting that the strategy cannot have, or a problem that it cannot solve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strategy `{strategy}`: `{key}` {reason}")]
pub struct StrategyConfigError {
    /// The strategy's name.
    pub strategy: &'static str,
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

// === impl StrategyConfig ===

impl Default for StrategyConfig {
    fn default() -> Self {
        Self::Bespoke(BespokeSettings::default())
    }
}

impl StrategyConfig {
    /// The name by which a study asks for the strategy.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bespoke(_) => "bespoke",
            Self::Random {} => "random",
            Self::RegularizedEvolution(_) => "regularized_evolution",
            Self::Nsga2(_) => "nsga2",
            Self::LocalSearch(_) => "local_search",
            Self::Mnasnet(_) => "mnasnet",
            Self::OnceForAll(_) => "once_for_all",
            Self::MaeNas(_) => "mae_nas",
            Self::Fbnet(_) => "fbnet",
            Self::Proxylessnas(_) => "proxylessnas",
        }
    }

    /// How the distribution is learned that the strategy draws from, where it does.
    pub fn differentiable(&self) -> Option<Differentiable> {
        match self.clone() {
            Self::Fbnet(settings) => Some(Differentiable::Fbnet(settings)),
            Self::Proxylessnas(settings) => Some(Differentiable::Proxylessnas(settings)),
            _ => None,
        }
    }

    /// Checks every setting by itself.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check_settings(&self) -> Result<(), StrategyConfigError> {
        let checked = match self {
            Self::Bespoke(settings) => settings.check(),
            Self::Random {} => Ok(()),
            Self::RegularizedEvolution(settings) => settings.check(),
            Self::Nsga2(settings) => settings.check(),
            Self::LocalSearch(settings) => settings.check(),
            Self::Mnasnet(settings) => settings.check(),
            Self::OnceForAll(settings) => settings.check(),
            Self::MaeNas(settings) => settings.check(),
            Self::Fbnet(settings) => settings.check().map_err(|e| (e.key, e.reason)),
            Self::Proxylessnas(settings) => settings.check().map_err(|e| (e.key, e.reason)),
        };
        checked.map_err(|refusal| self.refuse(refusal))
    }

    /// Checks whether the strategy can be made for a problem.
    ///
    /// # Errors
    /// Names the first setting that is out of range; when a bound or the confidence is no possible one, or when the
    /// strategy rewards by bounds on latency and there is none.
    pub fn check(&self, problem: &Problem) -> Result<(), StrategyConfigError> {
        self.check_settings()?;
        let checked = problem.check().and_then(|()| match self {
            Self::Mnasnet(_) => Mnasnet::check(problem),
            _ => Ok(()),
        });
        checked.map_err(|refusal| self.refuse(refusal))
    }

    /// Makes the strategy.
    ///
    /// # Errors
    /// When [`StrategyConfig::check`] refuses the problem.
    pub fn build(
        &self,
        seed: u64,
        problem: Problem,
    ) -> Result<Box<dyn Strategy>, StrategyConfigError> {
        self.check(&problem)?;
        Ok(match self.clone() {
            Self::Bespoke(settings) => Box::new(Bespoke::new(settings, seed, problem)),
            Self::Random {} => Box::new(Random::new(seed, problem)),
            Self::RegularizedEvolution(settings) => {
                Box::new(RegularizedEvolution::new(settings, seed, problem))
            }
            Self::Nsga2(settings) => Box::new(Nsga2::new(settings, seed, problem)),
            Self::LocalSearch(settings) => Box::new(LocalSearch::new(settings, seed, problem)),
            Self::Mnasnet(settings) => Box::new(Mnasnet::new(settings, seed, problem)),
            Self::OnceForAll(settings) => Box::new(OnceForAll::new(settings, seed, problem)),
            Self::MaeNas(settings) => Box::new(MaeNas::new(settings, seed, problem)),
            Self::Fbnet(_) | Self::Proxylessnas(_) => {
                Box::new(Learned::new(self.name(), seed, problem))
            }
        })
    }

    /// The same strategy where the errors of so many trials are reported before its first proposal: they take the place
    /// of as many random ones that it would begin with to learn anything.
    pub fn knowing(self, trials: usize) -> Self {
        match self {
            Self::Bespoke(mut settings) => {
                settings.initial = settings.initial.saturating_sub(trials).max(2);
                Self::Bespoke(settings)
            }
            other => other,
        }
    }

    fn refuse(&self, (key, reason): (&'static str, String)) -> StrategyConfigError {
        StrategyConfigError {
            strategy: self.name(),
            key,
            reason,
        }
    }
}
