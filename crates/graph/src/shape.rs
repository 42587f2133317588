//! Shapes of one sample.

mod rules;

use std::fmt;

/// The shape of one sample: no batch axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

/// No value and no parameter may have more elements: far above any network, and low enough that no sum overflows.
const MAX_ELEMENTS: usize = 1 << 40;

/// No value may have more axes: bounds the work that a hostile file can ask for.
pub(crate) const MAX_AXES: usize = 8;

// === impl Shape ===

impl Shape {
    /// Lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// Number of elements; the greatest number there is for shapes beyond it.
    pub fn elements(&self) -> usize {
        if self.0.contains(&0) {
            return 0;
        }
        self.0
            .iter()
            .fold(1, |product, dim| product.saturating_mul(*dim))
    }

    /// Why no value can have this shape, if that is so.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.0.len() > MAX_AXES {
            return Some(format!("{} axes are more than {MAX_AXES}", self.0.len()));
        }
        match self.elements() {
            0 => Some(format!("{self} has an axis of length 0")),
            elements if elements > MAX_ELEMENTS => Some(format!("{self} is too large")),
            _ => None,
        }
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}
