//! Writes `src/gen` anew from the `.proto` files: `cargo run -p bespoke-proto --example generate`.
//!
//! Run it after a change to a `.proto` file and before the conversions follow, for it is built together with them.
//! What it writes is committed, so that building Bespoke needs no protobuf compiler; a test compares the two.

use std::{error::Error, fs, path::Path};

use prost::Message;

/// The files, relative to the folder `proto` at the top of the repository.
const FILES: [&str; 3] = [
    "bespoke/study/v1/study.proto",
    "bespoke/fleet/v1/fleet.proto",
    "bespoke/predictor/v1/predictor.proto",
];

#[allow(
    dead_code,
    reason = "the test that includes this file has a main of its own"
)]
fn main() -> Result<(), Box<dyn Error>> {
    generate(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen"))
}

/// Writes one Rust file for each package into the folder, and `descriptors.bin` for server reflection.
pub fn generate(folder: &Path) -> Result<(), Box<dyn Error>> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([include])?;
    compiler.include_imports(true).include_source_info(true);
    let mut files = compiler.open_files(FILES)?.file_descriptor_set();
    tonic_prost_build::configure()
        .btree_map(".")
        .out_dir(folder)
        .compile_fds(files.clone())?;
    // Reflection has no use for comments.
    for file in &mut files.file {
        file.source_code_info = None;
    }
    fs::write(folder.join("descriptors.bin"), files.encode_to_vec())?;
    Ok(())
}
