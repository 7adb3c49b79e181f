//! The kind of numbers that a stage computes in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// In which kind of numbers a language model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// bf16 on a GPU, f32 on a CPU; where all weights train, f32 everywhere.
    #[default]
    Auto,
    /// f32.
    F32,
    /// bf16. What is trained stays in f32; a CPU without bf16 instructions is slow with it.
    Bf16,
}

impl Precision {
    /// The kind on that device, of a model whose weights are not all trained.
    #[must_use]
    pub fn kind(self, device: Device) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Auto if device.is_cuda() => Kind::BFloat16,
            Self::Auto => Kind::Float,
        }
    }

    /// What to tell whoever chose bf16 on a CPU that has no instructions for it.
    #[must_use]
    pub fn warning(self, device: Device) -> Option<&'static str> {
        let is_slow = self == Self::Bf16 && !device.is_cuda() && !multiplies_bf16();
        is_slow.then_some("this CPU has no bf16 instructions: with precision = \"f32\" it computes faster")
    }
}

/// Whether this CPU has instructions that multiply numbers of bf16.
fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}
