//! Networks as numbers: what their operators do, summed by kind and size, however the network was written.
//!
//! Nothing here knows a search space: any graph has features, and equal graphs have equal ones. A latency is nearly a
//! sum over operators, so features are sums too, and everything that is linear in them can be added up piece by piece.
//!
//! Runtimes differ in what they run of a graph with dead code in it, in whether they do the same thing twice, and in
//! whether branches run at the same time, so everything is counted at several levels: see [`Level`].

mod class;
mod count;

use serde::{Deserialize, Serialize};

pub use class::Class;
pub(crate) use count::Counted;

/// Sums over a network's operators, by what of the network is counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    /// For each [`Level`], the sums that are not zero, in the order of their keys.
    levels: [Vec<(Key, f64)>; Level::ALL.len()],
}

/// Which operators of a graph are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All, dead ones too: what a runtime does that runs a file as it stands.
    Raw,
    /// Those that the output depends on: what is left by a runtime that drops results that nobody reads.
    Used,
    /// Those that remain when zeros are folded as well: [`bespoke_graph::Graph::live`].
    Live,
    /// Those of the live graph, what does the same on the same values once only: what is left by a runtime that looks
    /// for common subexpressions.
    Distinct,
    /// Those on the heaviest path through the live graph: what remains to wait for where branches run side by side.
    Path,
}

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Operators: each costs a launch.
    Operators,
    /// Multiply-accumulates.
    Macs,
    /// Elements read, weights left out.
    Inputs,
    /// Elements written.
    Outputs,
    /// Weights read.
    Weights,
}

/// One sum: an attribute of the operators of one kind and about one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The operators' kind.
    pub class: Class,
    /// Half the base-2 logarithm of what an operator does (multiply-accumulates and elements written): an operator
    /// counts towards the two whole numbers around it, in shares that sum to 1.
    pub size: u8,
    /// What is summed.
    pub attribute: Attribute,
}

// === impl Level ===

impl Level {
    /// All levels.
    pub const ALL: [Self; 5] = [
        Self::Raw,
        Self::Used,
        Self::Live,
        Self::Distinct,
        Self::Path,
    ];
}

// === impl Attribute ===

impl Attribute {
    /// All attributes.
    pub const ALL: [Self; 5] = [
        Self::Operators,
        Self::Macs,
        Self::Inputs,
        Self::Outputs,
        Self::Weights,
    ];
}

// === impl Key ===

impl Key {
    /// Greatest size; operators that do more count there.
    const LARGEST: u8 = 31;
    /// One more than the greatest index.
    pub(crate) const COUNT: usize =
        Class::COUNT * (Self::LARGEST as usize + 1) * Attribute::ALL.len();

    /// A number of its own, below [`Key::COUNT`]; keys in order have indices in order.
    pub(crate) fn index(self) -> usize {
        let of_size =
            self.class.index() * (usize::from(Self::LARGEST) + 1) + usize::from(self.size);
        of_size * Attribute::ALL.len() + self.attribute as usize
    }
}

// === impl Features ===

impl Features {
    /// The sums at a level that are not zero, in the order of their keys.
    pub fn at(&self, level: Level) -> &[(Key, f64)] {
        &self.levels[level as usize]
    }

    /// The total of an attribute at a level.
    pub fn total(&self, level: Level, attribute: Attribute) -> f64 {
        let of_attribute = self
            .at(level)
            .iter()
            .filter(|(key, _)| key.attribute == attribute);
        of_attribute.map(|(_, sum)| sum).sum()
    }

    /// Sets the sums at a level; keys are in order and each stands once.
    pub(crate) fn set_sorted(&mut self, level: Level, sums: Vec<(Key, f64)>) {
        self.levels[level as usize] = sums;
    }

    /// Makes these the features of the live graph alone.
    pub(crate) fn drop_dead(&mut self) {
        for level in [Level::Raw, Level::Used] {
            self.levels[level as usize] = self.at(Level::Live).to_vec();
        }
    }

    fn set(&mut self, level: Level, mut sums: Vec<(Key, f64)>) {
        sums.sort_unstable_by_key(|(key, _)| *key);
        sums.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        self.levels[level as usize] = sums;
    }
}
