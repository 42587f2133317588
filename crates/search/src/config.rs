//! The strategies that a study can ask for, by name and with their settings.

use serde::{Deserialize, Serialize};

use crate::{Nsga2, Random, RegularizedEvolution, Strategy};

/// A strategy's name and settings, as a study file states them: `name = "nsga2"`, `population = 32`.
/// Settings that are left out take the defaults; unknown ones are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StrategyConfig {
    /// Random search without replacement. (Braces: serde ignores unknown fields of a tagged variant without
    /// any.)
    Random {},
    /// Regularized evolution (Real et al. 2019).
    RegularizedEvolution(RegularizedEvolutionSettings),
    /// NSGA-II (Deb et al. 2002).
    Nsga2(Nsga2Settings),
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

/// A setting that the strategy cannot have.
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

impl Default for StrategyConfig {
    fn default() -> Self {
        Self::Nsga2(Nsga2Settings::default())
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

impl Default for Nsga2Settings {
    fn default() -> Self {
        Self {
            population: 32,
            crossover: 0.9,
            mutation: None,
        }
    }
}

impl StrategyConfig {
    /// The name by which a study asks for the strategy.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Random {} => "random",
            Self::RegularizedEvolution(_) => "regularized_evolution",
            Self::Nsga2(_) => "nsga2",
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), StrategyConfigError> {
        let refused = |(key, reason)| StrategyConfigError {
            strategy: self.name(),
            key,
            reason,
        };
        match self {
            Self::Random {} => Ok(()),
            Self::RegularizedEvolution(settings) => settings.check().map_err(refused),
            Self::Nsga2(settings) => settings.check().map_err(refused),
        }
    }

    /// Makes the strategy.
    ///
    /// # Panics
    /// If [`StrategyConfig::check`] refuses the settings.
    pub fn build(&self, seed: u64) -> Box<dyn Strategy> {
        if let Err(error) = self.check() {
            panic!("settings are checked before a strategy is built: {error}");
        }
        match self {
            Self::Random {} => Box::new(Random::new(seed)),
            Self::RegularizedEvolution(settings) => {
                Box::new(RegularizedEvolution::new(settings.clone(), seed))
            }
            Self::Nsga2(settings) => Box::new(Nsga2::new(settings.clone(), seed)),
        }
    }
}

impl RegularizedEvolutionSettings {
    fn check(&self) -> Result<(), (&'static str, String)> {
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

impl Nsga2Settings {
    fn check(&self) -> Result<(), (&'static str, String)> {
        check_population(self.population)?;
        if !(0.0..=1.0).contains(&self.crossover) {
            return Err((
                "crossover",
                format!("is {}; a probability is from 0 to 1", self.crossover),
            ));
        }
        match self.mutation {
            Some(mutation) if !(mutation > 0.0 && mutation <= 1.0) => Err((
                "mutation",
                format!("is {mutation}; it is a probability above 0 and up to 1"),
            )),
            _ => Ok(()),
        }
    }
}

fn check_population(population: usize) -> Result<(), (&'static str, String)> {
    if population < 2 {
        return Err((
            "population",
            format!("is {population}; a population has at least 2 members"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StrategyConfig, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn settings_left_out_take_the_defaults() {
        assert_eq!(parse("name = 'random'"), Ok(StrategyConfig::Random {}));
        let evolution = RegularizedEvolutionSettings {
            population: 10,
            sample: 8,
        };
        let expected = StrategyConfig::RegularizedEvolution(evolution);
        assert_eq!(
            parse("name = 'regularized_evolution'\npopulation = 10"),
            Ok(expected)
        );
        assert_eq!(parse("name = 'nsga2'"), Ok(StrategyConfig::default()));
    }

    #[test]
    fn a_config_survives_being_written_and_read() {
        let mutating = Nsga2Settings {
            population: 4,
            crossover: 0.5,
            mutation: Some(0.25),
        };
        let evolution = RegularizedEvolutionSettings::default();
        let configs = [
            StrategyConfig::Random {},
            StrategyConfig::RegularizedEvolution(evolution),
            StrategyConfig::Nsga2(mutating),
            StrategyConfig::default(),
        ];
        for config in configs {
            let text = serde_json::to_string(&config).expect("a config has a text");
            assert!(text.contains(&format!(r#""name":"{}""#, config.name())));
            assert_eq!(
                serde_json::from_str::<StrategyConfig>(&text).expect("the text is a config"),
                config
            );
        }
    }

    #[test]
    fn unknown_settings_and_names_are_refused_with_what_is_known() {
        let message = |text| parse(text).expect_err("refused");
        assert_eq!(
            message("name = 'nsga2'\nsample = 3"),
            "unknown field `sample`, expected one of `population`, `crossover`, `mutation`"
        );
        assert_eq!(
            message("name = 'regularized_evolution'\nmutation = 0.1"),
            "unknown field `mutation`, expected `population` or `sample`"
        );
        assert_eq!(
            message("name = 'random'\npopulation = 3"),
            "unknown field `population`, there are no fields"
        );
        assert_eq!(
            message("name = 'magic'"),
            "unknown variant `magic`, expected one of `random`, `regularized_evolution`, `nsga2`"
        );
        assert_eq!(message("population = 3"), "missing field `name`");
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refusal = |text| {
            parse(text)
                .expect("well formed")
                .check()
                .expect_err("refused")
                .to_string()
        };
        assert_eq!(
            refusal("name = 'nsga2'\npopulation = 1"),
            "strategy `nsga2`: `population` is 1; a population has at least 2 members"
        );
        assert_eq!(
            refusal("name = 'regularized_evolution'\npopulation = 5\nsample = 6"),
            "strategy `regularized_evolution`: `sample` is 6; a sample has from 1 member to the population's 5"
        );
        assert_eq!(
            refusal("name = 'nsga2'\nmutation = nan"),
            "strategy `nsga2`: `mutation` is NaN; it is a probability above 0 and up to 1"
        );
        assert_eq!(
            refusal("name = 'nsga2'\ncrossover = 1.5"),
            "strategy `nsga2`: `crossover` is 1.5; a probability is from 0 to 1"
        );
        assert_eq!(StrategyConfig::default().check(), Ok(()));
    }
}
