//! The graph crate seen from outside.

mod anchors;
mod cost;
mod hash;
mod live;
mod networks;
mod onnx;
mod weights;
