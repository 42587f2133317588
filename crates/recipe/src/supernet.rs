//! How the networks of a space are trained together.

use serde::{Deserialize, Serialize};

use crate::RecipeError;

/// How a supernet is trained; batches, learning rate and the like are those of the recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupernetRecipe {
    /// How often the supernet sees each image.
    pub epochs: u32,
    /// Which networks it trains at each step.
    pub sampling: Sampling,
    /// What becomes of a candidate before its accuracy is told.
    pub subnets: Subnets,
    /// How the networks of the front are trained when the search is over; none: they stay as they were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<Start>,
}

/// How the networks of a step are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampling {
    /// One, uniformly over all architectures (Guo et al., Single Path One-Shot Neural Architecture Search with Uniform
    /// Sampling, ECCV 2020).
    #[default]
    Uniform,
    /// The largest, the smallest and some drawn uniformly (Yu and Huang, Universally Slimmable Networks and Improved
    /// Training Techniques, ICCV 2019). Unlike the paper, all learn the images' classes and none the outputs of the
    /// largest, and a weight takes the mean of the gradients, not the sum: one learning rate serves all ways to draw.
    Sandwich {
        /// How many are drawn beside the two.
        random: u32,
    },
    /// As many as the decision with the most options has options: each option of each decision is in one of them, or in as
    /// many as of the other options where a decision has fewer (Chu et al., FairNAS: Rethinking Evaluation Fairness of
    /// Weight Sharing Neural Architecture Search, ICCV 2021).
    Fair,
    /// Networks of one level of complexity, which is the level of the step before or one beside it (Tang et al.,
    /// ElasticViT, ICCV 2023: networks of very different size pull shared weights in different directions). With them,
    /// always a small network of that level.
    ///
    /// Unlike the published code (microsoft/Moonlit), whose levels are 100 to 1,200 million multiply-accumulates, levels
    /// divide what lies between the smallest and the largest network of the space: each begins at so many times the
    /// multiply-accumulates of the one below.
    ComplexityAware {
        /// Levels of complexity; eight in the published code.
        levels: u32,
        /// How many are drawn at each step beside the small one; three in the published code.
        networks: u32,
    },
    /// The same, and ever more of the networks are drawn from those of the level that did best so far.
    PerformanceAware {
        /// Levels of complexity.
        levels: u32,
        /// How many are drawn at each step beside the small one.
        networks: u32,
        /// How many are kept for each level; 150 in the published code, 50 from 500 million multiply-accumulates on.
        bank: u32,
    },
}

/// Which weights the subnets of a study have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subnets {
    /// The shared ones, with batch-norm statistics of their own.
    #[default]
    Shared,
    /// The shared ones, trained on by the recipe of the study.
    Tuned,
}

/// Which weights a network begins with that the recipe of the study trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Those that the networks of the space share.
    Tuned,
    /// Fresh ones.
    #[default]
    Scratch,
}

// === impl SupernetRecipe ===

impl Default for SupernetRecipe {
    fn default() -> Self {
        Self {
            epochs: 50,
            sampling: Sampling::default(),
            subnets: Subnets::default(),
            front: None,
        }
    }
}

impl SupernetRecipe {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        crate::in_range("epochs", f64::from(self.epochs), 1.0, 1e6)?;
        if self.front.is_some() && self.subnets == Subnets::Tuned {
            let reason = "is for candidates that are not trained: leave out `subnets = \"tuned\"`"
                .to_owned();
            return Err(RecipeError {
                key: "front",
                reason,
            });
        }
        let in_range = |key, value, low, high| crate::in_range(key, f64::from(value), low, high);
        match self.sampling {
            Sampling::Uniform | Sampling::Fair => Ok(()),
            Sampling::Sandwich { random } => {
                in_range("sampling.sandwich.random", random, 0.0, 64.0)
            }
            Sampling::ComplexityAware { levels, networks } => {
                in_range("sampling.complexity_aware.levels", levels, 1.0, 64.0)?;
                in_range("sampling.complexity_aware.networks", networks, 1.0, 64.0)
            }
            Sampling::PerformanceAware {
                levels,
                networks,
                bank,
            } => {
                in_range("sampling.performance_aware.levels", levels, 1.0, 64.0)?;
                in_range("sampling.performance_aware.networks", networks, 1.0, 64.0)?;
                in_range("sampling.performance_aware.bank", bank, 1.0, 1000.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sampling: &str) -> Result<SupernetRecipe, toml::de::Error> {
        toml::from_str(&format!("sampling = {sampling}"))
    }

    #[test]
    fn ways_to_draw_are_written_by_name() {
        let recipe = read("'fair'").expect("it is known");
        assert_eq!((recipe.sampling, recipe.check()), (Sampling::Fair, Ok(())));
        let recipe = read("{ complexity_aware = { levels = 8, networks = 3 } }");
        let expected = Sampling::ComplexityAware {
            levels: 8,
            networks: 3,
        };
        assert_eq!(recipe.expect("it is known").sampling, expected);
        let recipe = read("{ performance_aware = { levels = 8, networks = 3, bank = 50 } }");
        let expected = Sampling::PerformanceAware {
            levels: 8,
            networks: 3,
            bank: 50,
        };
        assert_eq!(recipe.expect("it is known").sampling, expected);
        let error = read("{ complexity_aware = { levels = 8, networks = 3, bank = 50 } }");
        assert!(error.expect_err("no bank").to_string().contains("bank"));
    }

    #[test]
    fn a_way_to_draw_out_of_range_is_named() {
        let recipe = read("{ performance_aware = { levels = 8, networks = 3, bank = 0 } }");
        let error = recipe.expect("it is known").check();
        let key = error.expect_err("nothing could be kept").key;
        assert_eq!(key, "sampling.performance_aware.bank");
    }
}
