//! Rows that cannot be read: none ends in a panic, none costs a good row.

use super::{no_core, report, review, run};
use contract::FailureKind;
use ingest::{OnBadRow, Parameters};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

fn skip() -> Parameters {
    Parameters { on_bad_row: OnBadRow::Skip, ..no_core() }
}

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs_err::write(&path, bytes).unwrap();
    (folder, path)
}

/// The counts of a file that is read without its bad rows.
fn counts(bytes: &[u8]) -> Value {
    let (_folder, path) = file(bytes);
    report(&run(&[("interactions", &path)], skip()).unwrap())["source"]["reviews"].clone()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn csv_rows_that_cannot_be_read_are_skipped_with_their_line() {
    let text = b"user,item,time\nu,a,1\nu,b\nu,c,3,4\n,d,4\nu,e,soon\n\xff,f,6\nu,g\0,7\nu,h,8\n\n\"u\",i,-86400\n";
    let counts = counts(text);
    assert_eq!((&counts["read"], &counts["times_before_1970"]), (&json!(3), &json!(1)));
    let bad = &counts["bad_rows"];
    assert_eq!(bad["skipped"], 6);
    let lines: Vec<u64> = bad["first"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
    assert_eq!(bad["first"][0]["problem"], "found 2 fields, expected 3; it starts with: u,b");
    assert_eq!(
        bad["first"][3]["problem"],
        "field 'time' holds 'soon', expected seconds since 1970 or a date such as 2018-01-31"
    );
}

#[test]
fn the_first_bad_row_is_an_error_unless_they_are_skipped() {
    let (_folder, path) = file(b"user,item,time\nu,a,1\nu,b\nu,c\n");
    let failure = run(&[("interactions", &path)], no_core()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::MalformedRow);
    assert!(failure.message.contains("x, line 3: found 2 fields, expected 3"), "{failure}");
    assert!(failure.hint.unwrap().contains("on_bad_row = \"skip\""));
}

#[test]
fn json_lines_of_mixed_types_and_broken_ones_are_skipped() {
    let good = |item: &str, day| review("u", item, day, 5.0).to_string();
    let mut whole = review("u", "a", 1, 5.0);
    whole["asin"] = json!(17);
    let mut list = review("u", "b", 1, 5.0);
    list["asin"] = json!(["b"]);
    let mut text = good("c", 3).into_bytes();
    for line in
        [whole.to_string(), list.to_string(), "{\"asin\": \"d\"".into(), "7".into(), "{\"a\": \"\u{0}\"}".into()]
    {
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(line.as_bytes());
    }
    text.extend_from_slice(b"\n{\"asin\": \"\xff\"}\n");
    let counts = counts(&text);
    assert_eq!((&counts["read"], &counts["bad_rows"]["skipped"]), (&json!(2), &json!(5)));
}

#[test]
fn of_a_truncated_archive_the_whole_lines_are_read() {
    let text: String = (0..50_000).map(|n| format!("u{},i{},{n}\n", n % 100, n * 7919 % 50_021)).collect();
    let packed = gzip(format!("user,item,time\n{text}").as_bytes());
    let cut = &packed[..packed.len() / 2];
    let (_folder, path) = file(cut);
    let failure = run(&[("interactions", &path)], no_core()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::DamagedFile);
    let counts = counts(cut);
    let read = counts["read"].as_u64().unwrap();
    assert!((20_000..30_000).contains(&read), "{read}");
    assert_eq!(counts["bad_rows"]["damaged_files"], 1);
    // The same lines as far as the line that the failure names.
    assert!(failure.message.contains(&format!("after line {}: the file is truncated", read + 1)), "{failure} {read}");
}

#[test]
fn a_line_of_100_megabytes_is_read_and_a_longer_one_than_the_limit_is_passed_over() {
    let mut long = review("u", "long", 3, 5.0);
    long["reviewText"] = "x".repeat(100_000_000).into();
    let mut text = format!("{}\n{long}\n", review("u", "a", 1, 5.0)).into_bytes();
    text.resize(text.len() + (257 << 20), b' ');
    text.extend_from_slice(format!("\n{}\n", review("u", "b", 2, 5.0)).as_bytes());
    let (_folder, path) = file(&text);
    drop(text);
    let parameters = Parameters { max_text: Some(1_000), ..skip() };
    let counts = report(&run(&[("interactions", &path)], parameters).unwrap())["source"]["reviews"].clone();
    assert_eq!((&counts["read"], &counts["texts_cut"]), (&json!(3), &json!(1)));
    assert_eq!((&counts["bad_rows"]["skipped"], &counts["bad_rows"]["first"][0]["line"]), (&json!(1), &json!(3)));
}

#[test]
fn a_file_of_utf_16_is_named_as_that() {
    let text: Vec<u8> = "\u{feff}user,item\nu,a\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_folder, path) = file(&text);
    let failure = run(&[("interactions", &path)], no_core()).unwrap_err();
    assert!(failure.message.contains("UTF-16"), "{failure}");
}

#[test]
fn only_the_first_twenty_are_kept() {
    let rows: String = (0..100).map(|n| format!("u,i{n}\n")).collect();
    let counts = counts(format!("user,item,time\nu,a,1\n{rows}").as_bytes());
    assert_eq!(counts["bad_rows"]["skipped"], 100);
    assert_eq!(counts["bad_rows"]["first"].as_array().unwrap().len(), 20);
}
