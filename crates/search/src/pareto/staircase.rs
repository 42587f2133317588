//! The mutually non-dominated points of a plane, in order: what a sweep carries along.

/// Points with strictly ascending `x` and strictly descending `y`.
#[derive(Debug, Default)]
pub(super) struct Staircase {
    steps: Vec<(f64, f64)>,
}

impl Staircase {
    /// Whether a point of the staircase is no worse than this one in both coordinates. O(log n).
    pub(super) fn covers(&self, x: f64, y: f64) -> bool {
        let after = self.steps.partition_point(|step| step.0 <= x);
        after > 0 && self.steps[after - 1].1 <= y
    }

    /// Adds a point and drops those that it covers. A covered point changes nothing.
    pub(super) fn insert(&mut self, x: f64, y: f64) {
        if !self.covers(x, y) {
            let (from, to) = self.covered_by(x, y);
            self.steps.splice(from..to, [(x, y)]);
        }
    }

    /// Adds a point inside the reference, as `insert`, and returns the area, up to the reference, that it
    /// newly covers.
    pub(super) fn insert_gaining(&mut self, (x, y): (f64, f64), reference: (f64, f64)) -> f64 {
        if self.covers(x, y) {
            return 0.0;
        }
        let (from, to) = self.covered_by(x, y);
        let mut left = x;
        let mut top = if from > 0 {
            self.steps[from - 1].1
        } else {
            reference.1
        };
        let mut gain = 0.0;
        for &(step_x, step_y) in &self.steps[from..to] {
            gain += (step_x - left) * (top - y);
            (left, top) = (step_x, step_y);
        }
        let right = self.steps.get(to).map_or(reference.0, |step| step.0);
        gain += (right - left) * (top - y);
        self.steps.splice(from..to, [(x, y)]);
        gain
    }

    /// The range of the steps that are no better than this point in both coordinates.
    fn covered_by(&self, x: f64, y: f64) -> (usize, usize) {
        let from = self.steps.partition_point(|step| step.0 < x);
        let covered = self.steps[from..].partition_point(|step| step.1 >= y);
        (from, from + covered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_replaces_the_steps_that_it_covers() {
        let mut stairs = Staircase::default();
        for (x, y) in [(1.0, 5.0), (2.0, 4.0), (3.0, 3.0), (5.0, 1.0)] {
            stairs.insert(x, y);
        }
        stairs.insert(2.0, 3.0);
        assert_eq!(stairs.steps, vec![(1.0, 5.0), (2.0, 3.0), (5.0, 1.0)]);
        assert!(stairs.covers(2.0, 3.0) && stairs.covers(9.0, 9.0));
        assert!(!stairs.covers(1.5, 4.5) && !stairs.covers(0.5, 9.0));
    }

    #[test]
    fn the_gain_is_the_area_that_was_not_covered_before() {
        let mut stairs = Staircase::default();
        assert_eq!(stairs.insert_gaining((2.0, 2.0), (4.0, 4.0)), 4.0);
        assert_eq!(stairs.insert_gaining((3.0, 1.0), (4.0, 4.0)), 1.0);
        assert_eq!(stairs.insert_gaining((3.0, 3.0), (4.0, 4.0)), 0.0);
        assert_eq!(stairs.insert_gaining((0.0, 0.0), (4.0, 4.0)), 11.0);
    }
}
