//! What is known of a candidate, and constrained domination (Deb et al., "A Fast and Elitist Multiobjective
//! Genetic Algorithm: NSGA-II", 2002, section VI): the feasible before the infeasible, the feasible by their
//! objectives, the infeasible by their violation.

use super::{dominates, sort};

/// What is known of a candidate: its objectives, its violation of the bounds, or both. Nothing in it is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Empty when they are unknown, which only an infeasible candidate may be.
    objectives: Vec<f64>,
    violation: f64,
}

/// A score that no candidate can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A candidate without bounds violated has at least one objective.
    #[error("no objective is given")]
    NoObjectives,
    /// An objective is NaN or infinite.
    #[error("objective {index} is {value}, which is not a finite number")]
    ObjectiveNotFinite {
        /// Position of the objective, from 0.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// The violation is negative, NaN or infinite.
    #[error("the violation is {0}, which is not a finite number from 0")]
    Violation(f64),
}

impl Score {
    /// A candidate whose objectives are known.
    ///
    /// # Errors
    /// When there is no objective, when one is not finite, or when the violation is not a finite number from
    /// 0.
    pub fn new(objectives: Vec<f64>, violation: f64) -> Result<Self, ScoreError> {
        if objectives.is_empty() {
            return Err(ScoreError::NoObjectives);
        }
        check_finite(objectives.iter().copied().map(Some))?;
        check_violation(violation)?;
        Ok(Self {
            objectives,
            violation,
        })
    }

    /// A candidate of which nothing but its violation, more than 0, is known.
    ///
    /// # Errors
    /// When the violation is not a finite number, or is 0: a feasible candidate has objectives.
    pub fn infeasible(violation: f64) -> Result<Self, ScoreError> {
        check_violation(violation)?;
        if violation == 0.0 {
            return Err(ScoreError::NoObjectives);
        }
        Ok(Self {
            objectives: Vec::new(),
            violation,
        })
    }

    /// A candidate of which some objectives are known: what can be compared are all of them together, or else the
    /// violation alone. `None` when that is 0 and an objective is unknown.
    ///
    /// # Errors
    /// When a known objective is not finite, when the violation is not a finite number from 0, or when there is no
    /// objective and the violation is 0.
    pub fn of_known(
        objectives: &[Option<f64>],
        violation: f64,
    ) -> Result<Option<Self>, ScoreError> {
        check_violation(violation)?;
        check_finite(objectives.iter().copied())?;
        let all: Option<Vec<f64>> = objectives.iter().copied().collect();
        match all {
            Some(all) if !all.is_empty() => Self::new(all, violation).map(Some),
            None if violation == 0.0 => Ok(None),
            _ => Self::infeasible(violation).map(Some),
        }
    }

    /// The minimised objectives; empty when they are unknown.
    pub fn objectives(&self) -> &[f64] {
        &self.objectives
    }

    /// Sum of the relative excess over the bounds; 0 when every bound is kept.
    pub fn violation(&self) -> f64 {
        self.violation
    }

    /// Whether every bound is kept.
    pub fn is_feasible(&self) -> bool {
        self.violation == 0.0
    }
}

/// Whether `a` beats `b` under the bounds.
///
/// # Panics
/// If both are feasible and have different numbers of objectives.
pub fn constrained_dominates(a: &Score, b: &Score) -> bool {
    if a.is_feasible() && b.is_feasible() {
        dominates(&a.objectives, &b.objectives)
    } else {
        a.violation < b.violation
    }
}

/// Indices of the scores by front: first the fronts of the feasible, then one front for each violation, the
/// least first. Indices within a front ascend.
///
/// # Panics
/// If feasible scores have different numbers of objectives.
pub fn constrained_non_dominated_sort(scores: &[Score]) -> Vec<Vec<usize>> {
    let (feasible, mut infeasible): (Vec<usize>, Vec<usize>) =
        (0..scores.len()).partition(|&i| scores[i].is_feasible());
    let objectives: Vec<&[f64]> = feasible.iter().map(|&i| scores[i].objectives()).collect();
    let mut fronts = sort::non_dominated_sort(&objectives);
    for index in fronts.iter_mut().flatten() {
        *index = feasible[*index];
    }
    infeasible.sort_by(|&a, &b| scores[a].violation.total_cmp(&scores[b].violation));
    fronts.extend(
        infeasible
            .chunk_by(|&a, &b| scores[a].violation == scores[b].violation)
            .map(<[usize]>::to_vec),
    );
    fronts
}

/// Refuses the first that is known and no finite number.
fn check_finite(objectives: impl Iterator<Item = Option<f64>>) -> Result<(), ScoreError> {
    for (index, objective) in objectives.enumerate() {
        if let Some(value) = objective.filter(|value| !value.is_finite()) {
            return Err(ScoreError::ObjectiveNotFinite { index, value });
        }
    }
    Ok(())
}

fn check_violation(violation: f64) -> Result<(), ScoreError> {
    if violation.is_finite() && violation >= 0.0 {
        Ok(())
    } else {
        Err(ScoreError::Violation(violation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(objectives: &[f64], violation: f64) -> Score {
        Score::new(objectives.to_vec(), violation).expect("a possible score")
    }

    #[test]
    fn impossible_scores_are_refused() {
        assert_eq!(Score::new(vec![], 0.0), Err(ScoreError::NoObjectives));
        let not_a_number = Score::new(vec![1.0, f64::NAN], 0.0).expect_err("NaN");
        assert_eq!(
            not_a_number.to_string(),
            "objective 1 is NaN, which is not a finite number"
        );
        assert!(Score::new(vec![f64::INFINITY], 0.0).is_err());
        assert_eq!(
            Score::new(vec![1.0], -1.0),
            Err(ScoreError::Violation(-1.0))
        );
        assert!(Score::new(vec![1.0], f64::NAN).is_err());
        assert_eq!(Score::infeasible(0.0), Err(ScoreError::NoObjectives));
    }

    #[test]
    fn what_is_partly_known_compares_by_its_violation_or_not_at_all() {
        let known = |objectives: &[Option<f64>], violation| Score::of_known(objectives, violation);
        assert_eq!(
            known(&[Some(1.0), Some(2.0)], 0.5),
            Ok(Some(score(&[1.0, 2.0], 0.5)))
        );
        assert_eq!(
            known(&[None, Some(2.0)], 0.5),
            Score::infeasible(0.5).map(Some)
        );
        assert_eq!(known(&[], 0.5), Score::infeasible(0.5).map(Some));
        assert_eq!(known(&[None, Some(2.0)], 0.0), Ok(None));
        assert_eq!(known(&[], 0.0), Err(ScoreError::NoObjectives));
        let infinite = known(&[None, Some(f64::INFINITY)], 0.5).expect_err("infinite");
        assert_eq!(
            infinite.to_string(),
            "objective 1 is inf, which is not a finite number"
        );
        assert_eq!(known(&[None], -1.0), Err(ScoreError::Violation(-1.0)));
    }

    #[test]
    fn the_feasible_beat_the_infeasible_whatever_their_objectives() {
        let feasible = score(&[9.0, 9.0], 0.0);
        let slightly = score(&[0.0, 0.0], 0.1);
        let grossly = Score::infeasible(2.0).expect("a possible score");
        assert!(constrained_dominates(&feasible, &slightly));
        assert!(constrained_dominates(&slightly, &grossly));
        assert!(!constrained_dominates(&grossly, &feasible));
        assert!(!constrained_dominates(&slightly, &slightly));
    }

    #[test]
    fn fronts_of_the_feasible_come_first_then_one_for_each_violation() {
        let scores = [
            score(&[0.0, 0.0], 0.5),
            score(&[1.0, 2.0], 0.0),
            Score::infeasible(0.1).expect("a possible score"),
            score(&[2.0, 1.0], 0.0),
            score(&[2.0, 2.0], 0.0),
            score(&[7.0, 7.0], 0.5),
        ];
        assert_eq!(
            constrained_non_dominated_sort(&scores),
            vec![vec![1, 3], vec![4], vec![2], vec![0, 5]]
        );
    }
}
