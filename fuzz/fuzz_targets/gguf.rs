//! Any bytes are a GGUF file or an error in words. A tensor that was found has as many numbers as its shape says.

#![no_main]

use gguf::Gguf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let gguf = match Gguf::parse(bytes) {
        Ok(gguf) => gguf,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for key in ["general.architecture", "tokenizer.ggml.tokens"] {
        drop((gguf.metadata().text(key), gguf.metadata().unsigned(key), gguf.metadata().float(key)));
    }
    for tensor in gguf.tensors() {
        if let Ok(numbers) = tensor.dequantise() {
            assert_eq!(numbers.len() as u64, tensor.shape().iter().product::<u64>(), "{}", tensor.name());
        }
    }
});
