//! Shapes of one sample, and the rules by which operators change them.

use std::fmt;

/// The shape of one sample: no batch axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// Lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
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

impl crate::Op {
    /// Shape of the value for inputs of the shapes given.
    pub(crate) fn infer_shape(&self, _node: &str, _inputs: &[&Shape]) -> Result<Shape, crate::GraphError> {
        todo!("shape rules")
    }
}
