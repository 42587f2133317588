//! Search spaces: templates of networks with choices in them, read from TOML.
//!
//! A [`Space`] is read from a file; its [`Decision`]s are found by walking the template. An [`Architecture`] holds one
//! option for each decision; it can be drawn, moved to a neighbour, crossed with another, printed, parsed, encoded as
//! numbers and lowered to a [`Graph`](bespoke_graph::Graph), as a whole or layer by layer as a [`Chain`]. Those
//! that keep a bound on what adds up over layers are drawn by [`Within`]. The files' language follows.
//!
#![doc = include_str!("../../../search_spaces/README.md")]

mod architecture;
mod bind;
mod builtin;
mod chain;
mod count;
mod cover;
mod decision;
mod encode;
mod error;
mod format;
mod lower;
mod sample;
mod space;
mod stage;
mod template;
mod value;

pub use architecture::Architecture;
pub use chain::{Chain, ChainLayer, Expanded, Piece, PieceId, Transition, Within};
pub use decision::Decision;
pub use error::{ArchitectureError, ExpandError, SpaceError, WithinError};
pub use space::Space;
