//! What operators take inside of networks.

use ndarray::{Array1, Array2, Axis};

use crate::{cholesky::Cholesky, score::mean};

use super::Operators;

/// Deviations that the evidence chooses from. Of the cost of calls, weights and values, as a share of a network's
/// latency:
const SHARED: [f64; 3] = [0.03, 0.1, 0.3];
/// of each operator by itself, as a share of what it takes alone:
const OWN: [f64; 5] = [0.01, 0.03, 0.06, 0.12, 0.25];
/// and of a network's measurement, as a share of it.
const NOISE: [f64; 5] = [0.003, 0.01, 0.02, 0.04, 0.08];
/// Deviation of the factor that all operators have in common.
const FACTOR: f64 = 0.5;
/// With fewer networks, operators keep what they take alone.
const FEWEST: usize = 5;

/// A whole network that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeNetwork {
    /// How much of each operator it takes, as [`Operators::counts`] tells.
    pub counts: Vec<f64>,
    /// Its latency in milliseconds.
    pub ms: f64,
}

/// What each operator takes inside of a network, in milliseconds, from what it takes alone and from whole networks.
///
/// An operator alone pays for a call and for bringing its input into shape, finds its weights in the cache and hands
/// its output to nobody; so sums over operators that were measured alone are off. The latency of a whole network is
/// taken for the sum over its operators of
///
/// t = (1 + a)·alone + b + c·weights + d·values + e,
///
/// where a, b, c and d are the same for all operators, e is each operator's own, and the one operator that every network
/// has exactly once also bears what a network takes besides. All are normal around zero; `weights` are the elements that
/// the operator multiplies with and `values` those that it reads and yields. The deviations of b, c and d, of e, and of
/// a measurement are those of [`SHARED`], [`OWN`] and [`NOISE`] under which the networks' latencies are most likely
/// (maximum of the evidence); then the times are their mean given the networks (Gaussian linear regression), at least 0.
///
/// `alone_ms` are as many as there are operators; those without a measurement stay without, and networks that have one
/// of them teach nothing. With under [`FEWEST`] networks the times alone are returned.
pub fn in_networks(
    operators: &Operators,
    alone_ms: &[Option<f64>],
    networks: &[WholeNetwork],
) -> Vec<Option<f64>> {
    let places: Vec<usize> = (0..alone_ms.len())
        .filter(|place| alone_ms[*place].is_some())
        .collect();
    let is_known = |network: &&WholeNetwork| {
        let mut counts = network.counts.iter().zip(alone_ms);
        counts.all(|(count, ms)| *count == 0.0 || ms.is_some())
    };
    let networks: Vec<&WholeNetwork> = networks.iter().filter(is_known).collect();
    if networks.len() < FEWEST {
        return alone_ms.to_vec();
    }
    let alone: Array1<f64> = alone_ms.iter().flatten().copied().collect();
    let counts = Array2::from_shape_fn((networks.len(), places.len()), |(network, operator)| {
        networks[network].counts[places[operator]]
    });
    let latencies = networks.iter().map(|network| network.ms).collect();
    let work: Vec<[f64; 2]> = (places.iter())
        .map(|place| work(operators, *place))
        .collect();
    let learned = Regression::new(alone, counts, latencies, &work).learned();
    let mut times = vec![None; alone_ms.len()];
    for (place, ms) in places.iter().zip(learned) {
        times[*place] = Some(ms.max(0.0));
    }
    times
}

/// Elements of the weights that an operator multiplies with, and of the values that it reads and yields.
fn work(operators: &Operators, place: usize) -> [f64; 2] {
    let graph = &operators.all()[place].graph;
    let costs = graph.nodes().iter().map(|node| graph.operator_cost(node));
    costs.fold([0.0; 2], |[weights, values], cost| {
        [
            weights + cost.weights as f64,
            values + (cost.inputs + cost.outputs) as f64,
        ]
    })
}

/// The regression of networks' latencies on their operators.
struct Regression {
    /// Of each operator alone.
    alone: Array1<f64>,
    /// networks x operators.
    counts: Array2<f64>,
    latencies: Array1<f64>,
    /// operators x directions that all vary in together: the factor, and what is left of [`SHARED`]. A step of 1 along
    /// one of them is as much as the mean network takes.
    directions: Array2<f64>,
}

/// Which deviations are assumed.
#[derive(Clone, Copy)]
struct Deviations {
    shared: f64,
    own: f64,
    noise: f64,
}

// === impl Regression ===

impl Regression {
    fn new(
        alone: Array1<f64>,
        counts: Array2<f64>,
        latencies: Array1<f64>,
        work: &[[f64; 2]],
    ) -> Self {
        let mut directions: Vec<Array1<f64>> = vec![alone.clone(), Array1::ones(alone.len())];
        directions.extend([0, 1].map(|kind| work.iter().map(|work| work[kind]).collect()));
        directions.extend(had_once(&alone, &counts));
        let level = mean(latencies.iter().copied());
        for direction in &mut directions {
            let whole = mean(counts.dot(direction).into_iter());
            let scale = if whole > 0.0 { level / whole } else { 0.0 };
            *direction *= scale;
        }
        let views: Vec<_> = directions.iter().map(Array1::view).collect();
        let directions = ndarray::stack(Axis(1), &views).expect("all have as many operators");
        Self {
            alone,
            counts,
            latencies,
            directions,
        }
    }

    /// What operators take under the most likely deviations.
    fn learned(&self) -> Array1<f64> {
        let mut best = (f64::NEG_INFINITY, self.alone.clone());
        for shared in SHARED {
            for own in OWN {
                for noise in NOISE {
                    let found = self.under(Deviations { shared, own, noise });
                    best = found.filter(|(e, _)| *e > best.0).unwrap_or(best);
                }
            }
        }
        best.1
    }

    /// Twice the logarithm of the evidence but for a constant, and the mean of what operators take.
    fn under(&self, deviations: Deviations) -> Option<(f64, Array1<f64>)> {
        let scales = (0..self.directions.ncols()).map(|direction| match direction {
            0 => FACTOR,
            _ => deviations.shared,
        });
        let shared = &self.directions * &scales.collect::<Array1<f64>>();
        let own = &self.alone * deviations.own;
        let shared_in = self.counts.dot(&shared);
        let own_in = &self.counts * &own;
        let mut covariance = shared_in.dot(&shared_in.t()) + own_in.dot(&own_in.t());
        let noise = (&self.latencies * deviations.noise).mapv(|ms| ms * ms);
        covariance.diag_mut().scaled_add(1.0, &noise);
        let rest = &self.latencies - &self.counts.dot(&self.alone);
        let cholesky = Cholesky::new(covariance)?;
        let weights = cholesky.solve(rest.view());
        let evidence = -rest.dot(&weights) - cholesky.log_determinant();
        let together = shared.dot(&shared_in.t().dot(&weights));
        let by_itself = &own * &own_in.t().dot(&weights);
        Some((evidence, &self.alone + &together + &by_itself))
    }
}

/// The slowest of the operators that every network has exactly once, as a direction.
fn had_once(alone: &Array1<f64>, counts: &Array2<f64>) -> Option<Array1<f64>> {
    let is_once = |operator: &usize| counts.column(*operator).iter().all(|count| *count == 1.0);
    let once = (0..alone.len()).filter(is_once);
    let slowest = once.max_by(|one, other| alone[*one].total_cmp(&alone[*other]))?;
    let mut direction = Array1::zeros(alone.len());
    direction[slowest] = 1.0;
    Some(direction)
}

#[cfg(test)]
mod tests;
