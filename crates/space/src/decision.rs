//! Decisions, and which of them are active under given choices.

/// One thing that may vary: where it stands in the template and what it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    path: String,
    options: Vec<String>,
    condition: Option<Condition>,
}

/// Options of an earlier decision under which a decision is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The earlier decision.
    pub decision: usize,
    /// For each of its options, whether the later decision is active under it; at least one is.
    pub options: Vec<bool>,
}

// === impl Decision ===

impl Decision {
    pub(crate) fn new(path: String, options: Vec<String>, condition: Option<Condition>) -> Self {
        Self {
            path,
            options,
            condition,
        }
    }

    /// Where it stands, such as `stage3.layer2.kernel`; unique in its space.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Labels of the options, in the order of the file.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    pub(crate) fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// Whether it is active, given the choices and the activity of all earlier decisions.
    pub(crate) fn is_active(&self, choices: &[u16], active: &[bool]) -> bool {
        self.condition.as_ref().is_none_or(|condition| {
            let parent = condition.decision;
            let option = usize::from(choices[parent]);
            active[parent] && condition.options.get(option).is_some_and(|active| *active)
        })
    }
}

/// Goes through the decisions in order, a condition always before what depends on it: `choose` gives the option of
/// each active decision, inactive ones take their first. Returns the choices and which decisions are active.
pub(crate) fn walk(
    decisions: &[Decision],
    mut choose: impl FnMut(usize) -> u16,
) -> (Vec<u16>, Vec<bool>) {
    let mut choices = Vec::with_capacity(decisions.len());
    let mut active = Vec::with_capacity(decisions.len());
    for (index, decision) in decisions.iter().enumerate() {
        let is_active = decision.is_active(&choices, &active);
        choices.push(if is_active { choose(index) } else { 0 });
        active.push(is_active);
    }
    (choices, active)
}

/// Whether a decision is active, given the choices of those that it depends on.
pub(crate) fn is_active(decisions: &[Decision], index: usize, choices: &[u16]) -> bool {
    decisions[index].condition().is_none_or(|condition| {
        let parent = condition.decision;
        let option = usize::from(choices[parent]);
        let is_met = condition.options.get(option).is_some_and(|active| *active);
        is_met && is_active(decisions, parent, choices)
    })
}
