//! Two manifests have one key if and only if they are equal, and a key is never that of another format.

#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use pipe::key::{CommandFields, Digest, InputName, Label, Manifest, PortName};
use serde_json::{Map, Number, Value};

#[derive(Debug)]
struct Any(Manifest);

impl<'a> Arbitrary<'a> for Any {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut manifest = Manifest::new(bytes.arbitrary::<String>()?, bytes.arbitrary::<String>()?);
        manifest.seed = bytes.arbitrary()?;
        manifest.command = bytes.arbitrary::<bool>()?.then(|| command(bytes)).transpose()?;
        for _ in 0..bytes.int_in_range(0..=3)? {
            let name = bytes.arbitrary()?;
            manifest.parameters.insert(name, value(bytes, 0)?);
        }
        for _ in 0..bytes.int_in_range(0..=2)? {
            let input = InputName { port: name::<PortName>(bytes)?, label: name::<Label>(bytes)? };
            manifest.inputs.insert(input, Digest::of(bytes.arbitrary::<&[u8]>()?));
        }
        for _ in 0..bytes.int_in_range(0..=2)? {
            let label = name::<Label>(bytes)?;
            manifest.files.insert(label, Digest::of(bytes.arbitrary::<&[u8]>()?));
        }
        Ok(Self(manifest))
    }
}

/// Any name that a manifest may have; the parser and the decoder refuse the others.
fn name<N: TryFrom<String>>(bytes: &mut Unstructured<'_>) -> Result<N> {
    N::try_from(bytes.arbitrary()?).map_err(|_| arbitrary::Error::IncorrectFormat)
}

/// Any command.
fn command(bytes: &mut Unstructured<'_>) -> Result<CommandFields> {
    Ok(CommandFields { arguments: bytes.arbitrary()?, outputs: bytes.arbitrary()?, environment: bytes.arbitrary()? })
}

/// Any value of a parameter, not too deep.
fn value(bytes: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    let kinds = if depth < 2 { 6 } else { 4 };
    Ok(match bytes.int_in_range(0..=kinds)? {
        0 => Value::Null,
        1 => bytes.arbitrary::<bool>()?.into(),
        2 => bytes.arbitrary::<i64>()?.into(),
        3 => Number::from_f64(bytes.arbitrary()?).map_or(Value::Null, Value::Number),
        4 => bytes.arbitrary::<String>()?.into(),
        5 => {
            let length = bytes.int_in_range(0..=2)?;
            (0..length).map(|_| value(bytes, depth + 1)).collect::<Result<Vec<_>>>()?.into()
        }
        _ => {
            let length = bytes.int_in_range(0..=2)?;
            (0..length)
                .map(|_| Ok((bytes.arbitrary()?, value(bytes, depth + 1)?)))
                .collect::<Result<Map<_, _>>>()?
                .into()
        }
    })
}

fuzz_target!(|pair: (Any, Any)| {
    let (Any(one), Any(other)) = pair;
    assert_eq!(one.key(), one.clone().key());
    assert_eq!(one.key() == other.key(), written(&one) == written(&other), "{one:?} and {other:?}");
    assert_eq!(one.key() == other.key(), one.differences(&other).is_empty(), "{one:?} and {other:?}");
    // What is written in a record has the key that it had.
    let read: Manifest = serde_json::from_str(&written(&one)).expect("a manifest can be read back");
    assert_eq!(read.key(), one.key());
    assert_eq!(Manifest::of_fields(one.fields()).map(|manifest| manifest.key()), Some(one.key()));
    assert!(!one.has_key(other.key()) || written(&one) == written(&other));
});

/// A manifest as a record has it. Numbers that compare equal may be written in two ways, such as 0.0 and -0.0.
fn written(manifest: &Manifest) -> String {
    serde_json::to_string(manifest).expect("a manifest can be written")
}
