//! Classes of hardware: only within one may results be expected to be the same to the last bit.

use crate::machine::gpus;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;

/// Four parts: architecture, vendor of the CPU, widest instructions for vectors, and device, such as
/// `x86_64 AuthenticAMD avx512 cpu`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hardware(String);

impl Hardware {
    /// The class of this machine for a stage that is to use that device. `auto` takes a GPU where there is one.
    pub fn here(device: &str, has_gpus: bool) -> Self {
        static CPU: LazyLock<String> =
            LazyLock::new(|| format!("{} {} {}", std::env::consts::ARCH, vendor(), instructions()));
        let device = if device != "cpu" && has_gpus { gpu() } else { "cpu".to_owned() };
        Self(format!("{} {device}", *CPU))
    }

    /// Reads the four fields.
    pub fn parse(text: &str) -> Option<Self> {
        (text.split(' ').filter(|field| !field.is_empty()).count() == 4).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const UNKNOWN: &str = "unknown";

/// The CPU's vendor as the system names it: a name on x86, a number on ARM.
fn vendor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| hyphenated(value))
    };
    value("vendor_id").or_else(|| value("CPU implementer")).unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse2"
    }
}

#[cfg(target_arch = "aarch64")]
fn instructions() -> &'static str {
    if std::arch::is_aarch64_feature_detected!("sve") { "sve" } else { "neon" }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> &'static str {
    UNKNOWN
}

/// The model of the first GPU, without spaces.
fn gpu() -> String {
    gpus::models().first().map_or_else(|| "cuda".to_owned(), |model| hyphenated(model))
}

fn hyphenated(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_four_fields_and_reads_back() {
        let here = Hardware::here("auto", false);
        assert_eq!(Hardware::parse(&here.to_string()).unwrap(), here);
        assert!(here.to_string().ends_with(" cpu"), "{here}");
        assert_eq!(here, Hardware::here("cpu", true));
        assert_eq!(Hardware::parse("x86_64 cpu"), None);
    }

    #[test]
    fn a_gpu_is_another_class() {
        assert_ne!(Hardware::here("auto", true), Hardware::here("auto", false));
    }
}
