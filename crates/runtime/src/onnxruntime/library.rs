//! ONNX Runtime's library once it is loaded: one in a process.

use std::{
    error::Error,
    ffi::CStr,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ort::{
    LoadDynamicError,
    environment::Environment,
    ep::{CUDA, ExecutionProvider},
    sys::OrtApiBase,
};

use super::{VARIABLE, find};
use crate::contain::contained;

/// The oldest minor version of ONNX Runtime 1 that can be used: the binding asks the library for this version of its
/// interface.
pub(super) const OLDEST: u32 = ort::MINOR_VERSION;

/// The library and what belongs to the process.
pub(super) struct Library {
    pub(super) path: PathBuf,
    pub(super) version: String,
    pub(super) environment: Environment,
}

/// The library of this process, opened when it is first asked for; else a sentence with what would bring it.
pub(super) fn open() -> Result<&'static Library, String> {
    static OPENED: OnceLock<Result<Library, String>> = OnceLock::new();
    let opened = OPENED.get_or_init(|| {
        let path = find::library(|name| std::env::var_os(name));
        Library::load(path.ok_or_else(|| {
            format!("no library was found: `pip install onnxruntime` brings it, or --onnxruntime or {VARIABLE} names it")
        })?)
    });
    opened.as_ref().map_err(Clone::clone)
}

// === impl Library ===

impl Library {
    fn load(path: PathBuf) -> Result<Self, String> {
        // A relative path would be one beside this program.
        let path = std::path::absolute(&path).unwrap_or(path);
        let begun = contained(|| Ok::<_, String>(ort::init_from(&path)))?;
        let builder = begun.map_err(|error| refusal(error, &path))?;
        let environment = contained(|| builder.with_telemetry(false).build())?;
        let version = contained(|| version(&path))?;
        Ok(Self {
            path,
            version,
            environment,
        })
    }

    /// Whether the library can compute on a GPU of NVIDIA's; else a sentence with what would bring it.
    pub(super) fn check_cuda(&self) -> Result<(), String> {
        match contained(CUDA::is_available)? {
            true => Ok(()),
            false => Err(format!(
                "{} was built without CUDA: `pip install onnxruntime-gpu` brings one that was built with it",
                self.path.display()
            )),
        }
    }
}

// === helpers ===

fn refusal(error: LoadDynamicError, path: &Path) -> String {
    let path = path.display();
    match error {
        LoadDynamicError::BadVersion { version_str, .. } => {
            format!("{path} is ONNX Runtime {version_str}, 1.{OLDEST} or newer is needed")
        }
        LoadDynamicError::Dlopen { error, .. } => {
            // What the system's loader said is the error's source.
            let said = error.source().map(ToString::to_string);
            let said = said.unwrap_or_else(|| error.to_string());
            format!("{path} cannot be opened: {said}")
        }
        LoadDynamicError::MissingApi { .. } | LoadDynamicError::InvalidVersionString => {
            format!("{path} is not ONNX Runtime")
        }
    }
}

/// The version that the library tells of itself. The binding knows it too, but keeps it.
#[expect(unsafe_code, reason = "a function of a loaded library is called")]
fn version(path: &Path) -> Result<String, String> {
    type Base = unsafe extern "C" fn() -> *const OrtApiBase;
    // SAFETY: the binding has loaded the same file and found this function and the version behind it; opening it again
    // only counts one more user, and it is never unloaded.
    let text = unsafe {
        let library = libloading::Library::new(path).map_err(|error| error.to_string())?;
        let base: libloading::Symbol<Base> = library
            .get(b"OrtGetApiBase")
            .map_err(|error| error.to_string())?;
        CStr::from_ptr(((*base()).GetVersionString)())
    };
    Ok(text.to_string_lossy().into_owned())
}
