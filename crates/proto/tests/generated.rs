//! The committed code is what the `.proto` files say.

use std::{collections::BTreeMap, fs, path::Path};

#[path = "../examples/generate.rs"]
mod generate;

#[test]
fn generating_again_gives_what_is_committed() {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    generate::generate(fresh.path()).expect("the files compile");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen");
    let (fresh, committed) = (contents(fresh.path()), contents(&committed));
    assert_eq!(
        fresh.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>()
    );
    for (file, bytes) in fresh {
        assert!(
            committed[&file] == bytes,
            "{file} is stale: run `cargo run -p bespoke-proto --example generate`"
        );
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths
        .map(|path| {
            let name = path.file_name().expect("a file has a name");
            let bytes = fs::read(&path).expect("it can be read");
            (name.to_string_lossy().into_owned(), bytes)
        })
        .collect()
}
