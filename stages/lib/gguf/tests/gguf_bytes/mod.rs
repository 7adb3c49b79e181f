//! GGUF files made by hand.

#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const TEXT: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

/// A string: its length and its bytes.
pub(crate) fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A pair of the metadata whose value has that type and those bytes.
pub(crate) fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&string(key), &kind.to_le_bytes()[..], value].concat()
}

pub(crate) fn number(key: &str, value: u32) -> Vec<u8> {
    pair(key, U32, &value.to_le_bytes())
}

pub(crate) fn text(key: &str, value: &str) -> Vec<u8> {
    pair(key, TEXT, &string(value))
}

pub(crate) fn list(key: &str, kind: u32, values: &[Vec<u8>]) -> Vec<u8> {
    let count = (values.len() as u64).to_le_bytes();
    pair(key, ARRAY, &[&kind.to_le_bytes()[..], &count, &values.concat()].concat())
}

pub(crate) fn texts(key: &str, values: &[&str]) -> Vec<u8> {
    list(key, TEXT, &values.iter().map(|value| string(value)).collect::<Vec<_>>())
}

/// What the header says of a tensor, with sizes rows first.
pub(crate) fn tensor(name: &str, shape: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = string(name);
    bytes.extend((shape.len() as u32).to_le_bytes());
    bytes.extend(shape.iter().rev().flat_map(|size| size.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A file of version 3.
pub(crate) fn file(pairs: &[Vec<u8>], tensors: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    bytes.extend(pairs.concat());
    bytes.extend(tensors.concat());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    bytes
}

/// A file with 32-bit tensors: name, sizes rows first, numbers.
pub(crate) fn file_of(pairs: &[Vec<u8>], tensors: &[(String, Vec<u64>, Vec<f32>)]) -> Vec<u8> {
    let (mut described, mut data) = (Vec::new(), Vec::new());
    for (name, shape, numbers) in tensors {
        described.push(tensor(name, shape, 0, data.len() as u64));
        data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    file(pairs, &described, &data)
}
