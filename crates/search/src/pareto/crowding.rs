//! Crowding distance of the members of a front (Deb et al. 2002, section III-B).

use super::check_points;

/// For each member of a front, how far apart its neighbours are: the sum over the objectives of the gap
/// between the members before and after it, as a fraction of the front's range. Infinite for the least and
/// the greatest in any objective.
///
/// Of members that tie in an objective, the one with the lower index stands first, so that the result is
/// deterministic; an objective in which all members are equal adds nothing and has no ends.
///
/// # Panics
/// If members differ in length or hold a NaN.
pub fn crowding_distance<P: AsRef<[f64]>>(front: &[P]) -> Vec<f64> {
    check_points(front);
    if front.len() <= 2 {
        return vec![f64::INFINITY; front.len()];
    }
    let mut distance = vec![0.0; front.len()];
    for objective in 0..front[0].as_ref().len() {
        let value = |index: usize| front[index].as_ref()[objective] + 0.0;
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(a.cmp(&b)));
        let (first, last) = (order[0], order[front.len() - 1]);
        let range = value(last) - value(first);
        if range > 0.0 {
            distance[first] = f64::INFINITY;
            distance[last] = f64::INFINITY;
            for around in order.windows(3) {
                distance[around[1]] += (value(around[2]) - value(around[0])) / range;
            }
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_infinite_and_others_the_relative_gap_around_them() {
        let front = [[0.0, 4.0], [1.0, 2.0], [2.0, 1.0], [4.0, 0.0]];
        let expected = [
            f64::INFINITY,
            2.0 / 4.0 + 3.0 / 4.0,
            3.0 / 4.0 + 2.0 / 4.0,
            f64::INFINITY,
        ];
        assert_eq!(crowding_distance(&front), expected);
    }

    #[test]
    fn one_or_two_members_are_not_crowded() {
        assert_eq!(
            crowding_distance(&[[1.0, 1.0], [1.0, 1.0]]),
            [f64::INFINITY; 2]
        );
        assert!(crowding_distance::<Vec<f64>>(&[]).is_empty());
    }

    #[test]
    fn a_constant_objective_adds_nothing() {
        assert_eq!(
            crowding_distance(&[[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]]),
            [f64::INFINITY, 1.0, f64::INFINITY]
        );
        assert_eq!(crowding_distance(&[[3.0], [3.0], [3.0]]), [0.0; 3]);
    }

    #[test]
    fn of_tied_ends_the_lower_index_is_the_first() {
        assert_eq!(
            crowding_distance(&[[0.0], [0.0], [1.0], [1.0]]),
            [f64::INFINITY, 1.0, 1.0, f64::INFINITY]
        );
    }
}
