//! Links `pipe` at a fixed address where the system's loader is that of Linux.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let has = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|found| found == value);
    if has("CARGO_CFG_TARGET_OS", "linux") && has("CARGO_CFG_TARGET_ENV", "gnu") {
        // 20,000 addresses that the loader would write at every start, which a run with nothing to do would wait for.
        println!("cargo:rustc-link-arg-bin=pipe=-no-pie");
    }
}
