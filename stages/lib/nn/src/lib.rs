//! What the neural stages share: the device, tensors in files, and a LLaMA that reads and writes the Hugging Face
//! and PEFT layouts.
//!
//! * [`start`] sets threads, seed and device for a stage.
//! * [`safetensors_file`] reads and writes named tensors, byte for byte the same for equal tensors, and refuses
//!   numbers that are not finite.
//! * [`Llama`] is the decoder of Touvron et al. (2023) with the later additions of its family: grouped-query
//!   attention, tied heads and Llama-3's rotary scaling.
//! * A model's path is a Hugging Face folder or a GGUF file; [`write_hugging_face`] makes the first of the second.
//! * [`T5`] is the encoder-decoder of Raffel et al. (2020), with the gated feed-forward of its version 1.1.
//! * [`LoraConfig`], [`Llama::save_adapter`] and [`load_tuned`] are low-rank adapters (Hu et al., 2021) as PEFT keeps them.
//! * [`write_merged`] writes a tuned model as one plain folder.
//! * [`T5`] is the encoder-decoder of Raffel et al. (2020), in the Hugging Face layout; [`Dropout`] draws its masks.
//! * [`AdamW`], [`clip_gradients`] and [`CosineSchedule`] train any of it; [`TrainingCheckpoints`] keep how far a training is, and
//!   [`Epochs`] train epoch by epoch.

mod adapter;
mod attention;
mod checkpoint;
mod device;
mod dropout;
mod epochs;
mod finite;
mod gguf_model;
mod hugging_face;
mod llama;
mod llama_config;
mod lora;
mod mapped_rows;
mod merged;
mod optimizer;
mod precision;
mod projection;
mod recomputation;
mod rotary;
pub mod safetensors_file;
mod schedule;
mod sentencepiece;
mod settings;
mod t5;
mod token_table;
mod tokenizer;
mod training_checkpoint;

pub use adapter::load_tuned;
pub use attention::{AttentionMask, KvCache};
pub use checkpoint::read_embedding;
pub use device::{start, thread_pool, with_seed};
pub use dropout::Dropout;
pub use epochs::{Epoch, EpochTask, Epochs, Evaluation, Trained, TrainedNetwork, passes_of_epoch};
pub use hugging_face::write_hugging_face;
pub use llama::{Llama, Parameter};
pub use llama_config::LlamaConfig;
pub use lora::LoraConfig;
pub use merged::write_merged;
pub use optimizer::{AdamW, clip_gradients, gradients_or_zeros, restore_tensors};
pub use precision::Precision;
pub use schedule::CosineSchedule;
pub use settings::copy_settings;
pub use t5::{DecoderCache, Memory, T5, T5Config};
pub use tokenizer::{read_tokenizer, write_tokenizer};
pub use training_checkpoint::{TrainingCheckpoints, TrainingState};

use contract::{Failure, FailureKind};
use tch::TchError;

/// The result of libtorch's operators, inside this crate.
type Torch<T> = Result<T, TchError>;

/// Turns an error of libtorch that came up while `doing` into a failure; memory that ran out gets its own hint.
pub fn failed(doing: &str) -> impl Fn(TchError) -> Failure + '_ {
    move |error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let out_of_memory = text.contains("out of memory") || text.contains("can't allocate memory");
        if out_of_memory {
            Failure::new(FailureKind::Device, format!("{doing}: {line}"))
                .hint("the device has too little memory: take smaller batches or a smaller model")
        } else {
            Failure::other(doing, line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn memory_that_ran_out_is_told_from_other_failures() {
        let larger_than_any = Tensor::f_zeros([1_i64 << 50], (Kind::Float, Device::Cpu)).unwrap_err();
        let on_a_gpu = TchError::Torch("CUDA out of memory. Tried to allocate 2.00 GiB.\nframe #0".to_owned());
        for error in [larger_than_any, on_a_gpu] {
            let failure = failed("make room")(error);
            assert_eq!(failure.kind, FailureKind::Device, "{failure}");
            assert!(failure.message.starts_with("make room: ") && !failure.message.contains('\n'), "{failure}");
            assert!(failure.hint.is_some_and(|hint| hint.contains("smaller batches")));
        }
        let other = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))
            .f_matmul(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)));
        assert_ne!(failed("multiply")(other.unwrap_err()).kind, FailureKind::Device);
    }
}
