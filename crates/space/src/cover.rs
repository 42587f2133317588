//! A few architectures in which every option of every decision occurs.

use crate::decision::{Decision, walk};

/// Choices such that every option is active in at least one; at least one set of choices, at most as many as there
/// are options.
pub(crate) fn covering(decisions: &[Decision]) -> Vec<Vec<u16>> {
    let mut open: Vec<Vec<bool>> = decisions
        .iter()
        .map(|decision| vec![true; decision.options().len()])
        .collect();
    let mut covering = Vec::new();
    loop {
        let wanted = wanted(decisions, &open);
        let (choices, active) = walk(decisions, |index| {
            let option = wanted[index].iter().position(|wanted| *wanted);
            u16::try_from(option.unwrap_or(0)).expect("the number of options is bounded")
        });
        let mut is_new = false;
        for (index, is_active) in active.iter().enumerate() {
            let option = &mut open[index][usize::from(choices[index])];
            is_new |= *is_active && *option;
            *option &= !is_active;
        }
        if is_new || covering.is_empty() {
            covering.push(choices);
        }
        if !is_new {
            return covering;
        }
    }
}

/// The options that are open themselves or lead to decisions that have open ones.
fn wanted(decisions: &[Decision], open: &[Vec<bool>]) -> Vec<Vec<bool>> {
    let mut wanted = open.to_vec();
    for (index, decision) in decisions.iter().enumerate().rev() {
        if let Some(condition) = decision.condition()
            && wanted[index].contains(&true)
        {
            for (option, is_active) in condition.options.iter().enumerate() {
                wanted[condition.decision][option] |= is_active;
            }
        }
    }
    wanted
}
