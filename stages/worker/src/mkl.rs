//! Which matrix kernels libtorch takes on a CPU that is not Intel's.
//!
//! libtorch carries MKL, which asks this question and takes its generic kernels when the answer is no, whatever the
//! CPU can do. With yes it goes by the features of the CPU (AVX2, AVX-512). `docs/concepts/decisions.md` has the
//! measurement.

/// MKL's question, answered before MKL's own answer is found.
#[expect(unsafe_code, reason = "the name must be the one that MKL looks for")]
// SAFETY: MKL's function of this name takes nothing and returns an int; no other crate defines it.
#[unsafe(no_mangle)]
extern "C" fn mkl_serv_intel_cpu_true() -> std::ffi::c_int {
    1
}
