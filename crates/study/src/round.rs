//! Rounds of a differentiable search: between them its distribution is learned, within one trials are proposed by it.

use serde::{Deserialize, Serialize};

use crate::{StudySpec, TrialId};

/// The distribution that trials are proposed by, up to the next round's first. It is kept, for training cannot be
/// repeated whenever proposals are derived again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The first trial that is proposed by it.
    pub first: TrialId,
    /// Epochs after which it stood so.
    pub epoch: u32,
    /// The probability of each option of each decision; those of a decision add up to 1.
    pub probabilities: Vec<Vec<f64>>,
}

// === impl StudySpec ===

impl StudySpec {
    /// How many epochs of the differentiable search are trained before a trial is proposed; none where there is no such
    /// search.
    ///
    /// The first half of the trials accompanies the search in equal steps, so that what is measured of them corrects the
    /// epochs to come; the other half is proposed by what was learned in the end.
    pub fn epochs_before(&self, TrialId(trial): TrialId) -> u32 {
        let epochs = self.strategy.differentiable().map_or(0, |d| d.epochs());
        let trials = u64::from(self.budget.trials.get());
        let due = (2 * u64::from(epochs) * (u64::from(trial) + 1)).div_ceil(trials);
        u32::try_from(due).map_or(epochs, |due| due.min(epochs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn spec(strategy: &str, trials: u32) -> StudySpec {
        let text = format!(
            "name = 'a'\nspace = 'fbnet'\n[data]\nset = 'digits'\n[strategy]\n{strategy}\n\
             [[targets]]\nruntime = 'tract'\n[budget]\ntrials = {trials}"
        );
        let file = "study.toml".to_owned();
        StudySpec::parse(&Source { file, text }).expect("it is sound")
    }

    fn before(strategy: &str, trials: u32) -> Vec<u32> {
        let spec = spec(strategy, trials);
        (0..trials)
            .map(|trial| spec.epochs_before(TrialId(trial)))
            .collect()
    }

    #[test]
    fn half_of_the_trials_accompany_the_epochs_and_the_others_follow_them() {
        let fbnet = "name = 'fbnet'\nepochs = 10";
        assert_eq!(before(fbnet, 8), [3, 5, 8, 10, 10, 10, 10, 10]);
        assert_eq!(before(fbnet, 1), [10]);
        assert_eq!(before("name = 'proxylessnas'\nepochs = 1", 4), [1; 4]);
        assert_eq!(before("name = 'random'", 2), [0, 0]);
    }
}
