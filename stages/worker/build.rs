//! Gives the crate its version, a digest of its sources, and the way to libtorch where it needs it.

fn main() {
    fingerprint::emit();
    // See src/mkl.rs: libtorch finds the function only when the program exports it.
    println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol=mkl_serv_intel_cpu_true");
}
