//! The measuring loop.
