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
    pub front: Option<FrontTraining>,
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
    /// largest, and the mean of their gradients is taken, not the sum: one learning rate serves all ways to draw.
    Sandwich {
        /// How many are drawn beside the two.
        random: u32,
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

/// Which weights the networks of the front begin with that are trained by the recipe of the study when the search is
/// over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontTraining {
    /// The shared ones.
    Tuned,
    /// Fresh ones.
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
        match self.sampling {
            Sampling::Uniform => Ok(()),
            Sampling::Sandwich { random } => {
                crate::in_range("sampling.sandwich.random", f64::from(random), 0.0, 64.0)
            }
        }
    }
}
