//! How many tokens are computed at once, where `memory_tokens` leaves it to the model's size.

use nn::Llama;

/// What the activations of a part may take on a CPU, in bytes.
const ON_CPU: i64 = 1 << 30;
/// The same on a GPU.
const ON_GPU: i64 = 12 << 30;
/// Fewer tokens would leave matrix products too small, more save nothing.
const BOUNDS: (i64, i64) = (256, 16_384);

/// As many tokens as the memory for activations holds. It depends on the model and the kind of the device alone, so that a
/// result does not depend on the machine.
pub(crate) fn tokens_at_once(model: &Llama, by_block: bool) -> usize {
    let budget = if model.device().is_cuda() { ON_GPU } else { ON_CPU };
    (budget / bytes_of_token(model, by_block)).clamp(BOUNDS.0, BOUNDS.1) as usize
}

/// What is kept of a token for the gradients, in bytes. By block, the inputs of all blocks and one block's inside are.
fn bytes_of_token(model: &Llama, by_block: bool) -> i64 {
    let config = model.config();
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (config.num_attention_heads * config.head_width(), config.kv_heads() * config.head_width());
    // Norms, residuals and what adapters see of them; rotated and repeated heads; gate, up and what comes of them.
    let inside = 12 * hidden + 8 * queries + 4 * keys + 5 * inner;
    let numbers = match by_block {
        true => config.num_hidden_layers * hidden + inside,
        false => config.num_hidden_layers * inside,
    };
    numbers * model.precision().elt_size_in_bytes() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::LlamaConfig;
    use serde_json::json;
    use tch::{Device, Kind};

    #[test]
    fn a_larger_model_is_given_fewer_tokens_and_a_small_one_all() {
        let _turn = crate::loss_tests::alone();
        let tokens = |layers: i64, hidden: i64, by_block: bool| {
            let fields = json!({"model_type": "llama", "vocab_size": 8, "hidden_size": hidden, "num_hidden_layers": layers,
                "intermediate_size": 3 * hidden, "num_attention_heads": hidden / 64});
            let config: LlamaConfig = serde_json::from_value(fields).unwrap();
            tokens_at_once(&Llama::random(config, 0.02, Device::Cpu, Kind::Float).unwrap(), by_block)
        };
        assert_eq!(tokens(1, 64, false), 16_384);
        let several = tokens(6, 512, false);
        assert!((256..16_384).contains(&several), "{several}");
        assert!(tokens(6, 512, true) > 3 * several);
    }
}
