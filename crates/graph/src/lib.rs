//! Networks as typed operator graphs: shapes, cost, dead-code removal, a content hash, and ONNX in and out.
//!
//! A [`Graph`] is what an architecture lowers to. Every node yields one value, shapes are known the moment a node is
//! added, and all shapes are those of *one sample*: the batch axis in front is implied everywhere and belongs to the
//! target that a network is measured on. A [`Model`] is a graph with its [`Weights`].

mod cost;
mod entropy;
mod error;
mod graph;
mod hash;
mod live;
mod onnx;
mod op;
mod shape;
mod weights;

pub use cost::{Cost, OperatorCost};
pub use entropy::{Entropy, RATIOS};
pub use error::GraphError;
pub use graph::{Builder, Graph, Node, NodeId};
pub use hash::GraphHash;
pub use onnx::{Calibration, CalibrationError, ExportOptions, OnnxError};
pub use op::{Activation, Convolution, Op, Pool};
pub use shape::Shape;
pub use weights::{Model, Parameter, Role, Tensor, Weights};
