//! The vote of several scores on networks that are all at hand.

/// For each network, of how many of the others most scores say that it is better. `scores` has one value for each
/// network in each of its lists; what has no score is minus infinity.
///
/// M. S. Abdelfattah et al.: Zero-Cost Proxies for Lightweight NAS (ICLR 2021), which let synflow, jacob_cov and snip
/// vote.
///
/// # Panics
/// When the lists differ in length.
pub fn majority_vote(scores: &[&[f64]]) -> Vec<usize> {
    let networks = scores.first().map_or(0, |first| first.len());
    let is_better = |one: usize, other: usize| {
        let ahead = scores.iter().filter(|score| score[one] > score[other]);
        2 * ahead.count() > scores.len()
    };
    let beaten = |one| (0..networks).filter(|other| is_better(one, *other)).count();
    (0..networks).map(beaten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_of_the_scores_decides_between_two_networks() {
        let scores: [&[f64]; 3] = [
            &[3.0, 2.0, 1.0],
            &[30.0, 10.0, 20.0],
            &[f64::NEG_INFINITY, 5.0, 4.0],
        ];
        assert_eq!(majority_vote(&scores), [2, 1, 0]);
        assert_eq!(majority_vote(&scores[..2]), [2, 0, 0]);
    }
}
