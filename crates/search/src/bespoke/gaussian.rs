//! A Gaussian process over architectures.

use super::kernel::Kernel;

/// Added to every variance, relative to the largest, so that no matrix is singular.
pub(crate) const JITTER: f64 = 1e-6;

/// What a process knows an architecture by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// Which task it is tried on.
    pub task: Task,
    /// The options that were chosen.
    pub choices: Vec<u16>,
    /// Features of the network, each of variance 1 among the networks of the space.
    pub features: Vec<f64>,
}

/// What architectures are tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// What is searched for.
    Own,
    /// Another that may be like it.
    Related,
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

    /// A process that has made these observations; those on tasks that the kernel leaves alone teach nothing.
    pub fn taught(kernel: Kernel, points: Vec<Point>, observed: Vec<f64>) -> Self {
        let mut process = Self::new(kernel);
        let observations = points.into_iter().zip(observed);
        for (point, value) in observations.filter(|(point, _)| kernel.counts(point.task)) {
            process.observe(point, value);
        }
        process
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
pub(crate) fn appended(
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

/// In an order that lets the machine add several products at once.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
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
            let (features, task) = (vec![feature], Task::Own);
            let point = Point {
                task,
                choices,
                features,
            };
            (point, value)
        };
        (0..count).map(|_| one()).collect()
    }

    fn taught(kernel: Kernel, observations: &[(Point, f64)]) -> Process {
        let (points, values) = observations.iter().cloned().unzip();
        Process::taught(kernel, points, values)
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
            task: Task::Own,
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
