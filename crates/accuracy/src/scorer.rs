//! Judging networks without training them: by a zero-cost score, or by the vote of several.

use bespoke_graph::Graph;
use bespoke_net::{Images, ImagesError, Threads, score};
use bespoke_recipe::{RecipeError, ScoreName, ZeroCost};

use crate::{EvaluationError, Scorer};

/// Scores networks; more is better.
///
/// One score is given as it is. Several vote: each ranks the network among the same references, and the score is the
/// mean of the ranks, as shares of the references that are beaten. Unlike in M. S. Abdelfattah et al.: Zero-Cost Proxies
/// for Lightweight NAS (ICLR 2021), where the majority decides between any two networks, a network's vote does not
/// depend on what it is compared with, so that a search can keep it.
#[derive(Debug, Clone)]
pub struct ZeroCostScorer {
    names: Vec<ScoreName>,
    /// The batch that scores look at.
    images: Images,
    /// For each of several scores those of the references, in ascending order; empty where there is one score.
    references: Vec<Vec<f64>>,
    threads: Option<usize>,
}

/// Why networks cannot be scored this way.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] RecipeError),
    /// The batch is no set of images.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// There are fewer images than one batch takes.
    #[error("a batch takes {batch_size} images, there are {images}")]
    BatchTooLarge {
        /// Images in a batch.
        batch_size: usize,
        /// Images there are.
        images: usize,
    },
    /// A score has nothing to rank a network among.
    #[error("no reference has a score `{score}` to vote by; the last: {reason}")]
    NoReference {
        /// The score.
        score: ScoreName,
        /// Why the last one has none.
        reason: String,
    },
}

/// Seed of the references' weights.
const REFERENCE_SEED: u64 = 0;

// === impl ZeroCostScorer ===

impl ZeroCostScorer {
    /// Scores that look at the first images of a set. The references are what several scores rank a network among;
    /// one score needs none. References that lack a score are left out of its ranks.
    ///
    /// # Errors
    /// When a setting is out of its range, a batch takes more images than there are, or no reference has a score that
    /// votes.
    pub fn new(
        zero_cost: &ZeroCost,
        images: &Images,
        references: &[Graph],
    ) -> Result<Self, ScorerError> {
        zero_cost.check()?;
        let batch_size = zero_cost.batch_size;
        if batch_size > images.count() {
            let images = images.count();
            return Err(ScorerError::BatchTooLarge { batch_size, images });
        }
        let first: Vec<usize> = (0..batch_size).collect();
        let images = images.select(&first)?;
        let names = zero_cost.score.names().to_vec();
        let ranks = |name: &ScoreName| ranks(*name, &images, references);
        let references = match names.as_slice() {
            [_] => Vec::new(),
            names => names.iter().map(ranks).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            names,
            images,
            references,
            threads: None,
        })
    }

    /// The same on a fixed number of threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self {
            threads: Some(threads),
            ..self
        }
    }
}

impl Scorer for ZeroCostScorer {
    fn score(&self, _architecture: &str, graph: &Graph, seed: u64) -> Result<f64, EvaluationError> {
        let threads = self.threads.map(Threads::new).transpose();
        let of = |name: ScoreName| score(name, graph, Some(&self.images), seed);
        let all = || {
            self.names
                .iter()
                .map(|name| of(*name))
                .collect::<Result<Vec<f64>, _>>()
        };
        let scores = match threads? {
            Some(threads) => threads.run(all)?,
            None => all()?,
        };
        if self.references.is_empty() {
            return Ok(scores[0]);
        }
        let ranks = scores.iter().zip(&self.references);
        let ranks = ranks.map(|(score, references)| rank(*score, references));
        Ok(ranks.sum::<f64>() / scores.len() as f64)
    }
}

/// The references' scores in ascending order.
fn ranks(name: ScoreName, images: &Images, references: &[Graph]) -> Result<Vec<f64>, ScorerError> {
    let (mut scores, mut reason) = (Vec::new(), "there are none".to_owned());
    for graph in references {
        match score(name, graph, Some(images), REFERENCE_SEED) {
            Ok(score) => scores.push(score),
            Err(error) => reason = error.to_string(),
        }
    }
    if scores.is_empty() {
        return Err(ScorerError::NoReference {
            score: name,
            reason,
        });
    }
    scores.sort_by(f64::total_cmp);
    Ok(scores)
}

/// The share of the references, in ascending order, that a score beats, in proportion between two of them. It goes on
/// to grow beyond the best and to fall below the worst, ever more slowly, so that what is better stays better.
fn rank(score: f64, references: &[f64]) -> f64 {
    let count = references.len() as f64;
    let (worst, best) = (references[0], references[references.len() - 1]);
    let spread = if best > worst { best - worst } else { 1.0 };
    let beaten = references.partition_point(|reference| *reference < score);
    let beyond = |distance: f64| (distance / spread).ln_1p();
    let rank = match (beaten, references.get(beaten)) {
        (0, _) => -beyond(worst - score),
        (_, None) => count - 1.0 + beyond(score - best),
        (_, Some(next)) => {
            let last = references[beaten - 1];
            beaten as f64 - 1.0 + (score - last) / (next - last)
        }
    };
    rank / count
}

#[cfg(test)]
mod tests {
    use bespoke_graph::{Convolution, Op};
    use bespoke_recipe::Scores;

    use super::*;
    use crate::DataSet;

    /// A convolution of as many channels, and a linear layer.
    fn network(channels: usize) -> Graph {
        let (mut builder, input) = Graph::builder(&[1, 8, 8]);
        let conv = Op::Conv(Convolution::same(channels, 3, 2, 1));
        let conv = builder.push("conv", conv, &[input]).unwrap();
        let flat = Op::Reshape {
            shape: vec![16 * channels],
        };
        let flat = builder.push("flat", flat, &[conv]).unwrap();
        let linear = Op::Linear {
            out_features: 10,
            bias: true,
        };
        let output = builder.push("logits", linear, &[flat]).unwrap();
        builder.finish(output).unwrap()
    }

    fn zero_cost(names: &[ScoreName]) -> ZeroCost {
        ZeroCost {
            batch_size: 8,
            ..ZeroCost::new(Scores::new(names.to_vec()).unwrap())
        }
    }

    #[test]
    fn one_score_is_given_as_it_is() {
        let digits = DataSet::digits().train;
        let scorer = ZeroCostScorer::new(&zero_cost(&[ScoreName::Snip]), &digits, &[]).unwrap();
        let first: Vec<usize> = (0..8).collect();
        let images = digits.select(&first).unwrap();
        let expected = score(ScoreName::Snip, &network(4), Some(&images), 3).unwrap();
        assert_eq!(scorer.score("", &network(4), 3).unwrap(), expected);
        let on_threads = scorer.with_threads(2).score("", &network(4), 3).unwrap();
        assert_eq!(on_threads, expected);
    }

    #[test]
    fn a_vote_is_the_mean_rank_among_the_references() {
        let counted = [ScoreName::Parameters, ScoreName::Flops];
        let references = [network(2), network(6)];
        let digits = DataSet::digits().train;
        let scorer = ZeroCostScorer::new(&zero_cost(&counted), &digits, &references).unwrap();
        let of = |channels| scorer.score("", &network(channels), 0).unwrap();
        // Both counts are linear in the channels: halfway is half a rank.
        assert!((of(4) - 0.25).abs() < 1e-12, "{}", of(4));
        assert_eq!((of(2), of(6)), (0.0, 0.5));
        assert!(of(1) < of(2) && of(6) < of(7) && of(7) < of(8));
    }

    #[test]
    fn what_cannot_score_is_refused_with_the_reason() {
        let digits = DataSet::digits().train;
        let too_many = ZeroCost {
            batch_size: 4096,
            ..zero_cost(&[ScoreName::Zen])
        };
        let refused = |zero_cost: &ZeroCost| {
            let error = ZeroCostScorer::new(zero_cost, &digits, &[]).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            refused(&too_many),
            "a batch takes 4096 images, there are 1438"
        );
        assert_eq!(
            refused(&zero_cost(&[ScoreName::Zen, ScoreName::Snip])),
            "no reference has a score `zen` to vote by; the last: there are none"
        );
    }
}
