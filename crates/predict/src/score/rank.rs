//! Rank correlations, with ties.

/// Spearman's rank correlation: Pearson's of the ranks, where equal values share the mean of their ranks. 0 where all
/// values of one side are equal, for they rank nothing.
///
/// # Panics
/// When there are not as many values on one side as on the other.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs");
    let (a, b) = (ranks(a), ranks(b));
    // Sharing ranks leaves their mean where it was.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    correlation(product(&a, &b), product(&a, &a), product(&b, &b))
}

/// Kendall's tau-b (1945): pairs in the same order less pairs in opposite order, over the geometric mean of the pairs
/// that each side tells apart. 0 where one side tells none apart. Counted in n log n steps (Knight, 1966).
///
/// # Panics
/// When there are not as many values on one side as on the other.
pub fn kendall_tau_b(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "pairs");
    let mut pairs: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1)));
    let tied_a = tied_pairs(&pairs, |x, y| x.0 == y.0);
    let tied_both = tied_pairs(&pairs, |x, y| x == y);
    let mut b: Vec<f64> = pairs.into_iter().map(|(_, b)| b).collect();
    let opposite = sort_counting_swaps(&mut b);
    let tied_b = tied_pairs(&b, |x, y| x == y);
    let all = pairs_of(b.len());
    let same_less_opposite = all - tied_a - tied_b + tied_both - 2.0 * opposite;
    correlation(same_less_opposite, all - tied_a, all - tied_b)
}

fn correlation(product: f64, a: f64, b: f64) -> f64 {
    match a > 0.0 && b > 0.0 {
        true => product / (a * b).sqrt(),
        false => 0.0,
    }
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let shared = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|index| ranks[*index] = shared);
        before += equal.len();
    }
    ranks
}

/// Number of pairs that are equal, in a sorted list.
fn tied_pairs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> f64 {
    let runs = sorted.chunk_by(|a, b| equal(a, b));
    runs.map(|run| pairs_of(run.len())).sum()
}

fn pairs_of(count: usize) -> f64 {
    count as f64 * (count as f64 - 1.0) / 2.0
}

/// Sorts by merging and counts the pairs that stood in the wrong order.
fn sort_counting_swaps(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(middle);
    let mut swaps = sort_counting_swaps(left) + sort_counting_swaps(right);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut i, mut j) = (0, 0);
    for slot in values {
        let takes_right = j < right.len() && (i == left.len() || right[j] < left[i]);
        if takes_right {
            swaps += (left.len() - i) as f64;
            *slot = right[j];
            j += 1;
        } else {
            *slot = left[i];
            i += 1;
        }
    }
    swaps
}
