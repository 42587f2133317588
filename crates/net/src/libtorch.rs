//! libtorch as a whole process has it: its version, its threads and its part for GPUs.

pub(crate) mod gradients;

use std::{cell::Cell, error::Error, sync::OnceLock};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};

/// The part for NVIDIA's GPUs; it stands beside the one for the CPU.
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// The version of the library that this process runs with, for example `2.11.0`.
///
/// # Errors
/// When the library does not tell: it is older than what this program was made for.
#[expect(unsafe_code, reason = "a function of a loaded library is called")]
pub fn version() -> Result<String, String> {
    type AbiVersion = unsafe extern "C" fn() -> u64;
    let old = |_| {
        "the library is older than 2.9: `crates/runtime/libtorch/fetch.sh` brings it".to_owned()
    };
    // SAFETY: the function is one of the library that this program is linked with; it takes nothing and is documented to
    // return the version in its highest three bytes (torch/csrc/inductor/aoti_torch/c/shim.h).
    let version = unsafe {
        let program = Library::this();
        let function: Symbol<AbiVersion> = program.get(b"aoti_torch_abi_version").map_err(old)?;
        function()
    };
    let [major, minor, patch, ..] = version.to_be_bytes();
    Ok(format!("{major}.{minor}.{patch}"))
}

/// Has libtorch compute on so many threads for whom this thread calls it. Where it does so already, nothing is done:
/// libtorch would forget what it has prepared.
pub fn use_threads(count: usize) {
    thread_local!(static THREADS: Cell<usize> = const { Cell::new(0) });
    if THREADS.replace(count) != count {
        tch::set_num_threads(i32::try_from(count).unwrap_or(i32::MAX));
    }
}

/// Opens the part for GPUs, once in a process.
///
/// # Errors
/// When it is not installed or there is no GPU that it can use, with what would bring it.
pub fn open_cuda() -> Result<(), String> {
    static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
    OPENED.get_or_init(open).clone()
}

#[expect(unsafe_code, reason = "a library is loaded")]
fn open() -> Result<(), String> {
    // SAFETY: its initialisers only register what it can compute with the part that is loaded. It is never unloaded.
    let library = unsafe { Library::open(Some(CUDA_LIBRARY), RTLD_NOW | RTLD_GLOBAL) };
    let library = library.map_err(|error| {
        // What the system's loader said is the error's source.
        let said = error.source().map(ToString::to_string);
        let said = said.unwrap_or_else(|| error.to_string());
        format!(
            "{CUDA_LIBRARY} cannot be opened ({said}): `pip install torch==2.11.0` brings it, and LD_LIBRARY_PATH names \
             the package's folder torch/lib"
        )
    })?;
    std::mem::forget(library);
    match tch::Cuda::is_available() {
        true => Ok(()),
        false => Err(
            "it finds no GPU: a machine with one of NVIDIA's and its driver brings it".to_owned(),
        ),
    }
}
