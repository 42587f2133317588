//! With libtorch: compiles what is named of its part for GPUs and not linked, and what tch has no function for.

fn main() {
    println!("cargo:rerun-if-changed=src/libtorch");
    #[cfg(feature = "libtorch")]
    libtorch();
}

#[cfg(feature = "libtorch")]
fn libtorch() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let folder = std::env::var("LIBTORCH")
        .expect("LIBTORCH names libtorch's folder: see crates/runtime/libtorch/fetch.sh");
    cc::Build::new()
        .file("src/libtorch/no_cuda.c")
        .compile("bespoke_no_cuda");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // Its headers are not written for all warnings.
        .warnings(false)
        .include(format!("{folder}/include"))
        .file("src/libtorch/gradients.cpp")
        .compile("bespoke_gradients");
}
