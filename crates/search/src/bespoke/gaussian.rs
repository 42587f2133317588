//! A Gaussian process over architectures.

/// Added to every variance, relative to the largest, so that no matrix is singular.
const JITTER: f64 = 1e-6;
/// Hyper-parameters are learned from so many observations at most.
const MOST_EVIDENCE: usize = 96;
/// Steps of the search for hyper-parameters.
const STEPS: usize = 25;
/// How strongly hyper-parameters are pulled back to where the search begins.
const PULL: f64 = 0.25;

/// What a process knows an architecture by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// The options that were chosen.
    pub choices: Vec<u16>,
    /// Features of the network, each of variance 1 among the networks of the space.
    pub features: Vec<f64>,
}

/// How alike two architectures are expected to be: in part by the decisions that differ, in part by the features of
/// their networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kernel {
    /// Logarithms: variance and inverse length by decisions, the same by features, variance of the noise.
    logs: [f64; 5],
}

/// A process that was given observations of mean 0 and variance about 1.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    kernel: Kernel,
    points: Vec<Point>,
    /// Rows of the lower triangular Cholesky factor of the covariance.
    factor: Vec<Vec<f64>>,
    /// The factor's inverse times the observations.
    whitened: Vec<f64>,
}

/// What a process expects of some points, kept up to date while observations are added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expectation {
    /// For each point, the factor's inverse times its covariance with the observations.
    projections: Vec<Vec<f64>>,
    /// Mean of each point.
    pub means: Vec<f64>,
    /// Variance of each point, noise left out.
    pub variances: Vec<f64>,
}

// === impl Kernel ===

impl Default for Kernel {
    fn default() -> Self {
        Self {
            logs: [-0.7, 0.0, -0.7, 0.0, -4.0],
        }
    }
}

impl Kernel {
    const RANGE: (f64, f64) = (-8.0, 4.0);

    fn variance(&self) -> f64 {
        self.logs[0].exp() + self.logs[2].exp()
    }

    /// Variance of an observation about its mean.
    pub fn noise(&self) -> f64 {
        self.logs[4].exp() + JITTER
    }

    fn covariance(&self, a: &Point, b: &Point) -> f64 {
        self.at(distances(a, b))
    }

    fn at(&self, (decisions, features): (f64, f64)) -> f64 {
        let [v, l, w, m, _] = self.logs;
        (v - decisions * l.exp()).exp() + (w - features * m.exp()).exp()
    }

    /// The most likely kernel of these observations, from this one on.
    pub fn learned(self, points: &[Point], observed: &[f64]) -> Self {
        let step = points.len().div_ceil(MOST_EVIDENCE).max(1);
        let kept: Vec<usize> = (0..points.len()).step_by(step).collect();
        let evidence = Evidence {
            distances: kept
                .iter()
                .map(|a| {
                    let others = kept.iter().take_while(|b| *b <= a);
                    others
                        .map(|b| distances(&points[*a], &points[*b]))
                        .collect()
                })
                .collect(),
            observed: kept.iter().map(|index| observed[*index]).collect(),
        };
        let mut best = (evidence.likelihood(self), self);
        let mut step = 0.8;
        // Coordinate search: a step up and a step down along each, and shorter ones when none helps.
        for _ in 0..STEPS {
            let before = best.0;
            for index in 0..self.logs.len() {
                for change in [step, -step] {
                    let mut tried = best.1;
                    let value = tried.logs[index] + change;
                    tried.logs[index] = value.clamp(Self::RANGE.0, Self::RANGE.1);
                    let likelihood = evidence.likelihood(tried);
                    if likelihood > best.0 {
                        best = (likelihood, tried);
                        break;
                    }
                }
            }
            if best.0 <= before {
                step /= 2.0;
                if step < 0.1 {
                    break;
                }
            }
        }
        best.1
    }
}

/// Observations that a kernel is judged by.
struct Evidence {
    /// Of the lower triangle.
    distances: Vec<Vec<(f64, f64)>>,
    observed: Vec<f64>,
}

// === impl Evidence ===

impl Evidence {
    /// Logarithm of the likelihood of the observations under a kernel, less the pull.
    fn likelihood(&self, kernel: Kernel) -> f64 {
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(self.observed.len());
        let mut whitened: Vec<f64> = Vec::with_capacity(self.observed.len());
        let mut log = 0.0;
        for (distances, observed) in self.distances.iter().zip(&self.observed) {
            let (own, others) = (kernel.variance() + kernel.noise(), factor.len());
            let row = distances[..others].iter().map(|d| kernel.at(*d));
            let row = appended(&factor, row, own);
            let value = (observed - dot(&row[..others], &whitened)) / row[others];
            log -= 0.5 * value * value + row[others].ln();
            whitened.push(value);
            factor.push(row);
        }
        let pulled = kernel.logs.iter().zip(Kernel::default().logs);
        log - PULL
            * pulled
                .map(|(log, start)| (log - start) * (log - start))
                .sum::<f64>()
            / 2.0
    }
}

// === impl Process ===

impl Process {
    /// A process that has observed nothing.
    pub fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            points: Vec::new(),
            factor: Vec::new(),
            whitened: Vec::new(),
        }
    }

    /// Adds an observation.
    pub fn observe(&mut self, point: Point, observed: f64) {
        let row = self
            .points
            .iter()
            .map(|other| self.kernel.covariance(other, &point));
        let row = appended(
            &self.factor,
            row,
            self.kernel.variance() + self.kernel.noise(),
        );
        let known = self.factor.len();
        self.whitened
            .push((observed - dot(&row[..known], &self.whitened)) / row[known]);
        self.factor.push(row);
        self.points.push(point);
    }

    /// What is expected of points.
    pub fn expect(&self, points: &[Point]) -> Expectation {
        let mut expectation = Expectation {
            projections: vec![Vec::with_capacity(self.points.len()); points.len()],
            means: vec![0.0; points.len()],
            variances: vec![self.kernel.variance(); points.len()],
        };
        expectation.catch_up(self, points);
        expectation
    }
}

// === impl Expectation ===

impl Expectation {
    /// Adds what the same process expects of further points.
    pub fn extend(&mut self, others: Self) {
        self.projections.extend(others.projections);
        self.means.extend(others.means);
        self.variances.extend(others.variances);
    }

    /// Takes in the observations that the process has made since; the points are those that it was made for.
    pub fn catch_up(&mut self, process: &Process, points: &[Point]) {
        for (index, point) in points.iter().enumerate() {
            let projection = &mut self.projections[index];
            for known in projection.len()..process.points.len() {
                let row = &process.factor[known];
                let covariance = process.kernel.covariance(&process.points[known], point);
                let value = (covariance - dot(&row[..known], projection)) / row[known];
                self.means[index] += value * process.whitened[known];
                self.variances[index] -= value * value;
                projection.push(value);
            }
            self.variances[index] = self.variances[index].max(JITTER);
        }
    }
}

// === helpers ===

/// The row that a Cholesky factor has for one more variable of these covariances and this variance.
fn appended(
    factor: &[Vec<f64>],
    covariances: impl Iterator<Item = f64>,
    variance: f64,
) -> Vec<f64> {
    let mut row = Vec::with_capacity(factor.len() + 1);
    for (known, covariance) in factor.iter().zip(covariances) {
        let diagonal = known.len() - 1;
        row.push((covariance - dot(&known[..diagonal], &row)) / known[diagonal]);
    }
    let left = variance - dot(&row, &row);
    row.push(left.max(variance * JITTER).sqrt());
    row
}

/// Share of the decisions that differ, and mean square of the differences of the features.
fn distances(a: &Point, b: &Point) -> (f64, f64) {
    let differ = a.choices.iter().zip(&b.choices).filter(|(a, b)| a != b);
    let square = |(a, b): (&f64, &f64)| (a - b) * (a - b);
    let squares: f64 = a.features.iter().zip(&b.features).map(square).sum();
    (
        differ.count() as f64 / a.choices.len().max(1) as f64,
        squares / a.features.len().max(1) as f64,
    )
}

/// In an order that lets the machine add several products at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A sum over decisions and a smooth function of the feature.
    fn observations(count: usize, seed: u64) -> Vec<(Point, f64)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut one = || {
            let choices: Vec<u16> = (0..6).map(|_| rng.random_range(0..3)).collect();
            let feature = rng.random_range(-1.5..1.5_f64);
            let value = f64::from(choices[0]) - 1.0 + feature.sin();
            let features = vec![feature];
            (Point { choices, features }, value)
        };
        (0..count).map(|_| one()).collect()
    }

    fn taught(kernel: Kernel, observations: &[(Point, f64)]) -> Process {
        let mut process = Process::new(kernel);
        for (point, value) in observations {
            process.observe(point.clone(), *value);
        }
        process
    }

    fn mean_square(process: &Process, tested: &[(Point, f64)]) -> f64 {
        let points: Vec<Point> = tested.iter().map(|(point, _)| point.clone()).collect();
        let means = process.expect(&points).means;
        let squares = means
            .iter()
            .zip(tested)
            .map(|(mean, (_, value))| (mean - value).powi(2));
        squares.sum::<f64>() / tested.len() as f64
    }

    #[test]
    fn a_process_learns_and_a_learned_kernel_learns_more() {
        let (known, tested) = (observations(60, 1), observations(100, 2));
        let (points, values): (Vec<Point>, Vec<f64>) = known.iter().cloned().unzip();
        let learned = Kernel::default().learned(&points, &values);
        let before = mean_square(&Process::new(Kernel::default()), &tested);
        let plain = mean_square(&taught(Kernel::default(), &known), &tested);
        let better = mean_square(&taught(learned, &known), &tested);
        assert!(
            plain < before / 3.0 && better < plain,
            "{before} {plain} {better}"
        );
    }

    #[test]
    fn what_was_observed_is_certain_and_what_is_unlike_it_is_not() {
        let known = observations(20, 1);
        let process = taught(Kernel::default(), &known);
        let far = Point {
            choices: vec![9; 6],
            features: vec![50.0],
        };
        let expected = process.expect(&[known[0].0.clone(), far]);
        assert!(expected.variances[0] < 0.1 * expected.variances[1]);
        assert!(expected.means[1].abs() < 0.5 * known[0].1.abs().max(1.0));
    }

    #[test]
    fn an_expectation_that_catches_up_is_one_made_anew() {
        let (known, tested) = (observations(30, 1), observations(10, 2));
        let points: Vec<Point> = tested.into_iter().map(|(point, _)| point).collect();
        let mut process = taught(Kernel::default(), &known[..12]);
        let mut expectation = process.expect(&points);
        for (point, value) in &known[12..] {
            process.observe(point.clone(), *value);
        }
        expectation.catch_up(&process, &points);
        let anew = process.expect(&points);
        for index in 0..points.len() {
            assert!((expectation.means[index] - anew.means[index]).abs() < 1e-12);
            assert!((expectation.variances[index] - anew.variances[index]).abs() < 1e-12);
        }
    }
}
