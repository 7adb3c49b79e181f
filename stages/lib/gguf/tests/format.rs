//! Files made by hand, read back, cut and damaged.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod gguf_bytes;

use gguf::{Gguf, GgufError, Quantisation, Value};
use gguf_bytes::{ARRAY, BOOL, F32, I32, U32, file, number, pair, tensor, text, texts};

/// A file with every kind of value and two tensors.
fn whole() -> Vec<u8> {
    let pairs = [
        text("name", "tiny"),
        number("blocks", 7),
        pair("shift", I32, &(-3_i32).to_le_bytes()),
        pair("epsilon", F32, &0.5_f32.to_le_bytes()),
        pair("begins", BOOL, &[1]),
        texts("tokens", &["a", "bc"]),
    ];
    let data: Vec<u8> = [1.5_f32, -2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    file(&pairs, &[tensor("matrix", &[2, 3], 0, 0), tensor("odd", &[256], 10, 0)], &data)
}

#[test]
fn metadata_and_tensors_are_read() {
    let bytes = whole();
    let gguf = Gguf::parse(&bytes).unwrap();
    let metadata = gguf.metadata();
    assert_eq!(metadata.text("name").unwrap(), Some("tiny"));
    assert_eq!(metadata.unsigned("blocks").unwrap(), Some(7));
    assert_eq!(metadata.get("shift"), Some(&Value::Negative(-3)));
    assert_eq!(metadata.float("epsilon").unwrap(), Some(0.5));
    assert_eq!(metadata.bool("begins").unwrap(), Some(true));
    assert_eq!(metadata.get("tokens"), Some(&Value::Array(vec![Value::Text("a"), Value::Text("bc")])));
    let matrix = gguf.tensor("matrix").unwrap();
    assert_eq!((matrix.shape(), matrix.quantisation().unwrap()), (&[2, 3][..], Quantisation::F32));
    assert_eq!(matrix.dequantise().unwrap(), [1.5, -2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn an_unread_quantisation_is_named_when_its_tensor_is_wanted() {
    let bytes = whole();
    let message = Gguf::parse(&bytes).unwrap().tensor("odd").unwrap().dequantise().unwrap_err().to_string();
    assert!(message.contains("'odd'") && message.contains("Q2_K") && message.contains("Q6_K"), "{message}");
}

#[test]
fn values_of_another_type_and_absent_ones_are_named() {
    let bytes = whole();
    let gguf = Gguf::parse(&bytes).unwrap();
    let metadata = gguf.metadata();
    let message = metadata.unsigned("name").unwrap_err().to_string();
    assert_eq!(message, "its metadata has 'name' = \"tiny\", expected a whole number from 0 on");
    let absent = metadata.required("none", metadata.unsigned("none")).unwrap_err();
    assert_eq!(absent, GgufError::Missing { key: "none".to_owned() });
}

#[test]
fn every_beginning_of_a_file_is_refused_as_cut_short() {
    let bytes = whole();
    for length in 0..bytes.len() {
        let error = Gguf::parse(&bytes[..length]).unwrap_err();
        assert!(matches!(error, GgufError::CutShort { .. }), "{length}: {error}");
    }
}

#[test]
fn absurd_sizes_are_refused_before_memory_is_asked_for() {
    let huge = u64::MAX.to_le_bytes();
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    let counts = |tensors: [u8; 8], pairs: [u8; 8]| [&header[..], &tensors, &pairs].concat();
    let none = 0_u64.to_le_bytes();
    for bytes in [counts(huge, none), counts(none, huge)] {
        assert!(matches!(Gguf::parse(&bytes), Err(GgufError::CutShort { .. })));
    }
    let list = [&U32.to_le_bytes()[..], &huge].concat();
    assert!(matches!(Gguf::parse(&file(&[pair("a", ARRAY, &list)], &[], &[])), Err(GgufError::CutShort { .. })));
    for tensor in [tensor("a", &[u64::MAX, 8], 0, 0), tensor("a", &[8], 0, u64::MAX - 3)] {
        let message = Gguf::parse(&file(&[], &[tensor], &[])).unwrap_err().to_string();
        assert!(message.contains("larger than any file"), "{message}");
    }
    header.truncate(4);
    header.extend(1_u32.to_le_bytes());
    assert_eq!(Gguf::parse(&header).unwrap_err(), GgufError::Version { found: 1 });
}

#[test]
fn what_the_format_does_not_allow_is_refused() {
    let message = |bytes: &[u8]| Gguf::parse(bytes).unwrap_err().to_string();
    assert!(message(b"PK\x03\x04 and more").contains("begins with \"PK\\x03\\x04\""), "{}", message(b"PK\x03\x04"));
    let twice = [pair("a", BOOL, &[0]), pair("a", BOOL, &[0])];
    assert!(message(&file(&twice, &[], &[])).contains("'a' is there twice"));
    assert!(message(&file(&[pair("a", BOOL, &[2])], &[], &[])).contains("expected 0 or 1"));
    assert!(message(&file(&[pair("a", 99, &[0; 8])], &[], &[])).contains("unknown type 99"));
    let nested = [&ARRAY.to_le_bytes()[..], &1_u64.to_le_bytes(), &[0; 16]].concat();
    assert!(message(&file(&[pair("a", ARRAY, &nested)], &[], &[])).contains("list of lists"));
    assert!(message(&file(&[], &[tensor("a", &[33], 8, 0)], &[0; 99])).contains("expected a multiple of 32"));
    assert!(message(&file(&[number("general.alignment", 3)], &[], &[])).contains("a power of two"));
    let one = || tensor("a", &[1], 0, 0);
    assert!(message(&file(&[], &[one(), one()], &[0; 4])).contains("the tensor 'a' is there twice"));
}

/// The numbers of one block of that type.
fn block(kind: u32, columns: u64, bytes: &[u8]) -> Vec<f32> {
    let bytes = file(&[], &[tensor("a", &[columns], kind, 0)], bytes);
    Gguf::parse(&bytes).unwrap().tensor("a").unwrap().dequantise().unwrap()
}

/// 1.0, 2.0 and -0.5 in half precision.
const ONE: [u8; 2] = [0x00, 0x3C];
const TWO: [u8; 2] = [0x00, 0x40];
const MINUS_HALF: [u8; 2] = [0x00, 0xB8];

#[test]
fn halves_and_blocks_of_32_are_dequantised() {
    assert_eq!(block(1, 2, &[ONE, MINUS_HALF].concat()), [1.0, -0.5]);
    assert_eq!(block(30, 1, &[0xC0, 0x3F]), [1.5]);
    let nibbles = [0x3A; 16];
    let q4_0 = block(2, 32, &[&TWO[..], &nibbles].concat());
    assert!(q4_0[..16].iter().all(|&number| number == 4.0) && q4_0[16..].iter().all(|&number| number == -10.0));
    let q4_1 = block(3, 32, &[&TWO[..], &MINUS_HALF, &nibbles].concat());
    assert!(q4_1[..16].iter().all(|&number| number == 19.5) && q4_1[16..].iter().all(|&number| number == 5.5));
    let q8_0 = block(8, 32, &[&MINUS_HALF[..], &[0xFE; 32]].concat());
    assert!(q8_0.iter().all(|&number| number == 1.0));
}

#[test]
fn blocks_of_256_are_dequantised() {
    // Scales of the groups 0 to 3 are 1 to 4, their minima 5 to 8; those of the groups 4 to 7 have their low bits in the last four
    // bytes and their high two bits above those of the first eight.
    let scales = [0x41, 2, 3, 4, 0x85, 6, 7, 8, 0x21, 0x43, 0x65, 0x87];
    let expected = [(1, 5), (2, 6), (3, 7), (4, 8), (0x11, 0x22), (3, 4), (5, 6), (7, 8)];
    let groups = |numbers: &[f32], of_group: &dyn Fn(usize) -> f32| {
        for (place, &number) in numbers.iter().enumerate() {
            let (group, (scale, minimum)) = (place / 32, expected[place / 32]);
            assert_eq!(number, scale as f32 * of_group(group) * 2.0 + minimum as f32 * 0.5, "{place}");
        }
    };
    let nibbles = [0x3A; 128];
    let low = |group: usize| if group.is_multiple_of(2) { 10.0 } else { 3.0 };
    groups(&block(12, 256, &[&TWO[..], &MINUS_HALF, &scales, &nibbles].concat()), &low);
    let fifth = [0b0010_0001; 32];
    let five = |group: usize| low(group) + if [0, 5].contains(&group) { 16.0 } else { 0.0 };
    groups(&block(13, 256, &[&TWO[..], &MINUS_HALF, &scales, &fifth, &nibbles].concat()), &five);
    let six = block(14, 256, &[&[0x3A; 128][..], &[0b1110_0100; 64], &[0xFF; 16], &TWO].concat());
    for (place, &number) in six.iter().enumerate() {
        let quarter = place % 128 / 32;
        let four = if quarter < 2 { 10 } else { 3 };
        assert_eq!(number, -2.0 * ((four + 16 * quarter) as f32 - 32.0), "{place}");
    }
}
