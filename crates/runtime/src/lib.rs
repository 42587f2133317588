//! Runtimes: what compiles a network and runs it.
//!
//! Every runtime is an object that goes through the same four verbs. It *loads* an ONNX file, *compiles* it for a batch
//! and a number of threads, *spawns* a session that owns what one pass after the other writes to, and *runs* it:
//!
//! ```no_run
//! use bespoke_device::Precision;
//! use bespoke_runtime::{CompileOptions, RuntimeError, runtime};
//!
//! fn probabilities(onnx: &[u8], image: &[f32]) -> Result<Vec<f32>, RuntimeError> {
//!     let options = CompileOptions { batch: 1, threads: 1, precision: Precision::F32, memory_bytes: None };
//!     let compiled = runtime("tract")?.load(onnx)?.compile(&options)?;
//!     compiled.spawn()?.run(image)
//! }
//! ```
//!
//! A file may come from anybody: a runtime that panics over it is reported as an error and takes nothing with it. What
//! it allocates is another matter, so measuring belongs into a process of its own.

mod contain;
mod error;
mod flex;
mod half;
mod libtorch;
mod onnxruntime;
mod profile;
mod runtime;
mod tract;

use libtorch::Processor;
use onnxruntime::{OnnxRuntime, Provider};

pub use error::RuntimeError;
pub use runtime::{Clock, CompileOptions, Compiled, Loaded, Runtime, Session};

/// Names of all runtimes, those included that are not here.
pub const NAMES: &[&str] = &[
    tract::NAME,
    flex::NAME,
    onnxruntime::CPU,
    onnxruntime::CUDA,
    libtorch::CPU,
    libtorch::CUDA,
];

/// All runtimes that can be used here and now.
pub fn runtimes() -> Vec<Box<dyn Runtime>> {
    let here = NAMES.iter().map(|name| runtime(name));
    here.filter_map(Result::ok).collect()
}

/// The runtime of that name.
///
/// A library that is loaded at run time is looked for and opened when it is first asked for, once in a process.
///
/// # Errors
/// [`RuntimeError::Unknown`] if there is none, [`RuntimeError::Missing`] if this machine or this build lacks what it
/// needs.
pub fn runtime(name: &str) -> Result<Box<dyn Runtime>, RuntimeError> {
    Ok(match name {
        tract::NAME => Box::new(tract::Tract),
        flex::NAME => Box::new(flex::Flex),
        onnxruntime::CPU => Box::new(OnnxRuntime::open(Provider::Cpu)?),
        onnxruntime::CUDA => Box::new(OnnxRuntime::open(Provider::Cuda)?),
        libtorch::CPU => libtorch::open(Processor::Cpu)?,
        libtorch::CUDA => libtorch::open(Processor::Cuda)?,
        _ => {
            return Err(RuntimeError::Unknown {
                name: name.to_owned(),
                known: NAMES,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_found_by_its_name() {
        for known in runtimes() {
            let found = runtime(known.name()).expect("it is in the list");
            assert_eq!(
                (found.name(), found.version()),
                (known.name(), known.version())
            );
        }
    }

    #[test]
    fn unknown_runtime_is_refused_with_the_known_ones() {
        let Err(error) = runtime("abacus") else {
            panic!("there is no such runtime")
        };
        assert_eq!(
            error.to_string(),
            "no runtime is named `abacus`; there are tract, flex, onnxruntime, onnxruntime-cuda, \
             libtorch, libtorch-cuda"
        );
    }

    #[test]
    fn versions_are_those_that_are_linked() {
        let lock = include_str!("../../../Cargo.lock");
        for (package, runtime) in [("tract-onnx", "tract"), ("burn-flex", "flex")] {
            let version = super::runtime(runtime)
                .expect("it is in the list")
                .version();
            let entry = format!("name = \"{package}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{entry}");
        }
    }
}
