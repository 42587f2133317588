//! Has the program look for libtorch where it was linked from; `LD_LIBRARY_PATH` comes first.

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH_LIB");
    let wanted = std::env::var_os("CARGO_FEATURE_LIBTORCH").is_some();
    if let Some(folder) = std::env::var_os("LIBTORCH_LIB").filter(|_| wanted) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}/lib", folder.display());
    }
}
