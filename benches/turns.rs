//! Contestants that take turns.

use std::error::Error;

use bespoke_measure::median;

/// The median of the first one's turns, and of each other's ratios to it in the same round. All have a turn in each round,
/// in an order that turns round from round to round, so that a machine that drifts does so for all.
pub fn by_turns(
    contestants: usize,
    rounds: usize,
    mut turn: impl FnMut(usize) -> Result<f64, Box<dyn Error>>,
) -> Result<(f64, Vec<f64>), Box<dyn Error>> {
    let mut first = Vec::new();
    let mut ratios = vec![Vec::new(); contestants - 1];
    for round in 0..rounds {
        let mut turns = vec![0.0; contestants];
        for place in 0..contestants {
            let who = (place + round) % contestants;
            turns[who] = turn(who)?;
        }
        first.push(turns[0]);
        for (ratios, turn) in ratios.iter_mut().zip(&turns[1..]) {
            ratios.push(turn / turns[0]);
        }
    }
    Ok((median(&first), ratios.iter().map(|of| median(of)).collect()))
}
