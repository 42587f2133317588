//! Tests of the whole program as its users run it, and of the workspace as its readers see it.

mod bad_input;
mod bench;
mod bounded_sample;
mod checked;
mod commands;
mod differentiable;
mod fleet;
mod own_device;
mod predictor;
mod program;
mod resume;
mod search;
mod supernet;
mod workspace;
mod zero_cost;
