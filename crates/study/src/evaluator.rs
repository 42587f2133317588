//! How candidates are judged.

use bespoke_recipe::{RecipeError, SupernetRecipe, ZeroCost};
use serde::{Deserialize, Serialize};

/// How candidates are judged, as the table `[evaluator]` of a study file states it: `name = "zero_cost"`,
/// `score = "synflow"`. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum EvaluatorConfig {
    /// Each is trained, and its accuracy on the images held out counts. (Braces: serde ignores unknown fields of a
    /// tagged variant without any.)
    Training {},
    /// Each has a score without training; the front of score and costs is trained when the search is over.
    ZeroCost(ZeroCost),
    /// All networks of the space are trained together first; then each candidate is a subnet. Where the front is trained
    /// when the search is over, a candidate's accuracy by the shared weights is its score.
    Supernet(SupernetRecipe),
}

// === impl EvaluatorConfig ===

impl Default for EvaluatorConfig {
    fn default() -> Self {
        Self::Training {}
    }
}

impl EvaluatorConfig {
    /// How the networks of the space are trained together, where they are.
    pub fn supernet(&self) -> Option<&SupernetRecipe> {
        match self {
            Self::Supernet(supernet) => Some(supernet),
            Self::Training {} | Self::ZeroCost(_) => None,
        }
    }

    /// Whether candidates are scored, and trained when the search is over.
    pub fn scores(&self) -> bool {
        match self {
            Self::Training {} => false,
            Self::ZeroCost(_) => true,
            Self::Supernet(supernet) => supernet.front.is_some(),
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub(crate) fn check(&self) -> Result<(), RecipeError> {
        match self {
            Self::Training {} => Ok(()),
            Self::ZeroCost(zero_cost) => zero_cost.check(),
            Self::Supernet(supernet) => supernet.check(),
        }
    }
}
