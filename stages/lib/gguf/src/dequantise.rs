//! Numbers from quantised blocks, by the formulas of ggml.

use crate::quantisation::Quantisation;
use half::{bf16, f16};

/// The numbers of whole blocks.
pub(crate) fn dequantise(quantisation: Quantisation, bytes: &[u8]) -> Vec<f32> {
    let (block, block_bytes) = (quantisation.block(), quantisation.block_bytes());
    let mut numbers = vec![0.0; bytes.len() / block_bytes * block];
    let one: fn(&[u8], &mut [f32]) = match quantisation {
        Quantisation::F32 => |block, out| out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
        Quantisation::F16 => |block, out| out[0] = half(block, 0),
        Quantisation::Bf16 => |block, out| out[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32(),
        Quantisation::Q4_0 => q4_0,
        Quantisation::Q4_1 => q4_1,
        Quantisation::Q8_0 => q8_0,
        Quantisation::Q4K => q4_k,
        Quantisation::Q5K => q5_k,
        Quantisation::Q6K => q6_k,
    };
    for (block, out) in bytes.chunks_exact(block_bytes).zip(numbers.chunks_exact_mut(block)) {
        one(block, out);
    }
    numbers
}

/// The half-precision number at that byte.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// d (q − 8); the low halves of 16 bytes are the first 16 numbers.
fn q4_0(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    for (place, &pair) in block[2..].iter().enumerate() {
        out[place] = (f32::from(pair & 0xF) - 8.0) * d;
        out[place + 16] = (f32::from(pair >> 4) - 8.0) * d;
    }
}

/// d q + m.
fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for (place, &pair) in block[4..].iter().enumerate() {
        out[place] = f32::from(pair & 0xF) * d + m;
        out[place + 16] = f32::from(pair >> 4) * d + m;
    }
}

/// d q.
fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = half(block, 0);
    for (out, &byte) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(byte.cast_signed()) * d;
    }
}

/// The scale and the minimum of group 0 to 7, of 6 bits each, from 12 bytes.
fn scale_and_minimum(group: usize, packed: &[u8]) -> (f32, f32) {
    let (scale, minimum) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        ((low & 0xF) | (packed[group - 4] >> 6 << 4), (low >> 4) | (packed[group] >> 6 << 4))
    };
    (f32::from(scale), f32::from(minimum))
}

/// d s q − d_min m; 32 bytes hold two groups of 32, the low halves the first.
fn q4_k(block: &[u8], out: &mut [f32]) {
    let (d, d_min) = (half(block, 0), half(block, 2));
    let (scales, quants) = (&block[4..16], &block[16..]);
    for (pair, (bytes, out)) in quants.chunks_exact(32).zip(out.chunks_exact_mut(64)).enumerate() {
        let (s1, m1) = scale_and_minimum(2 * pair, scales);
        let (s2, m2) = scale_and_minimum(2 * pair + 1, scales);
        for (place, &byte) in bytes.iter().enumerate() {
            out[place] = d * s1 * f32::from(byte & 0xF) - d_min * m1;
            out[place + 32] = d * s2 * f32::from(byte >> 4) - d_min * m2;
        }
    }
}

/// As Q4_K, with the fifth bit of each number in 32 bytes of their own: bit g of byte j is that of number j of group g.
fn q5_k(block: &[u8], out: &mut [f32]) {
    let (d, d_min) = (half(block, 0), half(block, 2));
    let (scales, high, quants) = (&block[4..16], &block[16..48], &block[48..]);
    for (pair, (bytes, out)) in quants.chunks_exact(32).zip(out.chunks_exact_mut(64)).enumerate() {
        let (s1, m1) = scale_and_minimum(2 * pair, scales);
        let (s2, m2) = scale_and_minimum(2 * pair + 1, scales);
        for (place, (&byte, &high)) in bytes.iter().zip(high).enumerate() {
            let fifth = |group: usize| (high >> group & 1) << 4;
            out[place] = d * s1 * f32::from(byte & 0xF | fifth(2 * pair)) - d_min * m1;
            out[place + 32] = d * s2 * f32::from(byte >> 4 | fifth(2 * pair + 1)) - d_min * m2;
        }
    }
}

/// d s (q − 32); of 128 numbers 64 bytes hold the low four bits and 32 bytes the high two.
fn q6_k(block: &[u8], out: &mut [f32]) {
    let (low, high, scales, d) = (&block[..128], &block[128..192], &block[192..208], half(block, 208));
    for (part, out) in out.chunks_exact_mut(128).enumerate() {
        let (low, high, scales) = (&low[64 * part..], &high[32 * part..], &scales[8 * part..]);
        for quarter in 0..4 {
            for place in 0..32 {
                let byte = low[place + 32 * (quarter % 2)];
                let four = if quarter < 2 { byte & 0xF } else { byte >> 4 };
                let two = high[place] >> (2 * quarter) & 3;
                let scale = f32::from(scales[2 * quarter + place / 16].cast_signed());
                out[32 * quarter + place] = d * scale * (f32::from(four | two << 4) - 32.0);
            }
        }
    }
}
