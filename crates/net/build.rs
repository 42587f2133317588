//! With libtorch: compiles what is named of its part for GPUs and not linked.

fn main() {
    println!("cargo:rerun-if-changed=src/libtorch/no_cuda.c");
    #[cfg(feature = "libtorch")]
    cc::Build::new()
        .file("src/libtorch/no_cuda.c")
        .compile("bespoke_no_cuda");
}
