use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    Forecast,
    test_spaces::{SumOfChoices, conditional, sum, wide, within},
};

/// As [`SumOfChoices`], exactly, and draws this one.
struct Drawing(Architecture);

impl Forecast for Drawing {
    fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
        SumOfChoices(0.0).expect(architectures)
    }

    fn sample(&mut self, _rng: &mut dyn RngCore) -> Option<Architecture> {
        Some(self.0.clone())
    }
}

/// The architecture of the wide space that exceeds every bound most.
fn greatest() -> Architecture {
    let choices = vec![3; wide().decisions().len()];
    wide().architecture(&choices).expect("four options each")
}

#[test]
fn draws_that_break_a_bound_are_refused() {
    let space = wide();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut proposals = Proposals::new(within(12.0, SumOfChoices(0.0)));
    for _ in 0..200 {
        let proposal = proposals.random(&space, &mut rng);
        assert!(sum(&proposal.expect("the space is large")) <= 12.0);
    }
}

#[test]
fn a_bound_on_what_is_no_objective_is_kept_beside_the_others() {
    /// Only the first option of the first decision keeps it.
    struct First;

    impl Forecast for First {
        fn expect(&mut self, architectures: &[Architecture]) -> Vec<Vec<Option<Expected>>> {
            SumOfChoices(0.0).expect(architectures)
        }

        fn excess(&mut self, architecture: &Architecture) -> f64 {
            f64::from(architecture.choices()[0])
        }
    }

    let space = wide();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let alone = Problem {
        bounds: Vec::new(),
        ..within(0.0, First)
    };
    for (problem, most) in [(alone, f64::INFINITY), (within(12.0, First), 12.0)] {
        let mut proposals = Proposals::new(problem);
        for _ in 0..50 {
            let proposal = proposals.random(&space, &mut rng);
            let proposal = proposal.expect("the space is large");
            assert_eq!(proposal.choices()[0], 0);
            assert!(sum(&proposal) <= most);
        }
    }
}

#[test]
fn an_uncertain_forecast_has_to_meet_the_bound_with_the_asked_confidence() {
    let space = wide();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // 90 % of a normal distribution lie below 1.28 deviations.
    for (confidence, most) in [(0.5, 20.0), (0.9, 17.0), (0.1, 22.0)] {
        let mut proposals = Proposals::new(Problem {
            confidence,
            ..within(20.0, SumOfChoices(2.0))
        });
        let proposals = (0..500).map(|_| proposals.random(&space, &mut rng));
        let sums = proposals.map(|proposal| sum(&proposal.expect("the space is large")));
        assert_eq!(sums.fold(0.0, f64::max), most);
    }
}

#[test]
fn when_no_draw_meets_the_bounds_neighbours_lead_to_one_that_does() {
    let space = wide();
    let mut proposals = Proposals::new(within(5.0, SumOfChoices(0.0)));
    for _ in 0..20 {
        let proposal = proposals.unseen(&space, greatest);
        assert!(sum(&proposal.expect("the space is large")) <= 5.0);
    }
}

#[test]
fn when_nothing_meets_the_bounds_the_least_excess_found_is_proposed() {
    let space = wide();
    let mut proposals = Proposals::new(within(-1.0, SumOfChoices(0.0)));
    let sums: Vec<f64> = (0..4)
        .map(|_| proposals.unseen(&space, greatest))
        .map(|proposal| sum(&proposal.expect("the space is large")))
        .collect();
    assert_eq!(sums, [0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_bound_that_nothing_meets_leaves_the_space_to_be_exhausted() {
    let space = conditional();
    let mut proposals = Proposals::new(within(-1.0, SumOfChoices(0.0)));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let all = std::iter::from_fn(|| proposals.random(&space, &mut rng));
    assert_eq!(
        all.collect::<HashSet<_>>().len(),
        space.architectures().count()
    );
}

#[test]
fn a_forecast_that_can_draw_within_the_bounds_is_asked_to() {
    let space = wide();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let least = space.architecture(&vec![0; space.decisions().len()]);
    let least = least.expect("each decision has a first option");
    let mut proposals = Proposals::new(within(1.0, Drawing(least.clone())));
    assert_eq!(proposals.random(&space, &mut rng), Some(least.clone()));
    let next = proposals
        .random(&space, &mut rng)
        .expect("the space is large");
    assert!(space.neighbours(&least).contains(&next) && sum(&next) == 1.0);
}

#[test]
fn only_what_is_new_and_within_the_bounds_is_admitted() {
    let space = wide();
    let mut proposals = Proposals::new(within(1.0, SumOfChoices(0.0)));
    let least = space.architecture(&vec![0; space.decisions().len()]);
    let least = least.expect("each decision has a first option");
    assert_eq!(proposals.admit(greatest()), None);
    assert_eq!(proposals.admit(least.clone()), Some(least.clone()));
    assert_eq!(proposals.admit(least), None);
}
