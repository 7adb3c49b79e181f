//! A run as event files of TensorBoard: a folder a run, and in it one file of records.
//!
//! A record is a message of protocol buffers between its length and checksums
//! (<https://www.tensorflow.org/tutorials/load_data/tfrecord>); the messages are those of `tensorflow/core/util/event.proto`.

use crate::error::{Error, Result};
use crate::report::export::series::{self, Series};
use crate::store::{RunRecord, Store};
use fs_err as fs;
use prost::{Message, Oneof};
use std::path::Path;

/// What TensorBoard expects of the first event.
const VERSION: &str = "brain.Event:2";

/// Something that happened at a time: the version of the file, or numbers.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "Content", tags = "3, 5")]
    content: Option<Content>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Content {
    #[prost(string, tag = "3")]
    Version(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

/// A number and its name.
#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

/// Writes the metrics and the curves of a run into a folder of its own below `root`.
///
/// # Errors
/// When the folder cannot be written or a table of metrics cannot be read.
pub fn write(store: &Store, record: &RunRecord, root: &Path) -> Result<()> {
    let series = series::of_run(store, record)?;
    let name = record.label.name.as_ref().map_or_else(String::new, |name| format!("-{name}"));
    let folder = root.join(format!("{}-{}{name}", record.pipeline, record.run));
    fs::create_dir_all(&folder).map_err(|error| Error::io("writing", &folder, error))?;
    let path = folder.join(format!("events.out.tfevents.{}.{}", record.started, record.host));
    fs::write(&path, file(record.started as f64, &series)).map_err(|error| Error::io("writing", &path, error))
}

/// The bytes of a file: the version, then each point of each series.
fn file(wall_time: f64, series: &[Series]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |step, content| {
        let event = Event { wall_time, step, content: Some(content) };
        append(&mut bytes, &event.encode_to_vec());
    };
    add(0, Content::Version(VERSION.to_owned()));
    for Series { name, points } in series {
        for &(step, value) in points {
            let scalar = Scalar { tag: tag(name), value: value as f32 };
            add(step, Content::Summary(Summary { values: vec![scalar] }));
        }
    }
    bytes
}

/// TensorBoard groups by what is before the first `/`: the stage, or the metric.
fn tag(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { name.replacen(' ', "/", 1) }
}

/// Adds a record: length, checksum of the length, content, checksum of the content.
fn append(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(checksum(&length).to_le_bytes());
    bytes.extend(content);
    bytes.extend(checksum(content).to_le_bytes());
}

/// CRC-32C, rotated and shifted so that the checksum of a checksum is another number.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_checksums_of_its_length_and_content() {
        let mut bytes = Vec::new();
        append(&mut bytes, b"abc");
        assert_eq!(bytes.len(), 8 + 4 + 3 + 4);
        assert_eq!(bytes[..8], 3u64.to_le_bytes());
        assert_eq!(bytes[8..12], checksum(&3u64.to_le_bytes()).to_le_bytes());
        assert_eq!(bytes[15..], checksum(b"abc").to_le_bytes());
    }

    #[test]
    fn names_are_grouped_by_stage_or_metric() {
        assert_eq!(tag("HR@10 pipe kept item"), "HR@10/pipe kept item");
        assert_eq!(tag("finetune@a b/curve.loss"), "finetune@a b/curve.loss");
        assert_eq!(tag("loss"), "loss");
    }
}
