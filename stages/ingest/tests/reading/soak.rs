//! Damaged files of every form: an error or a result, never a panic. `PIPE_SOAK=N` tries N of them.

use super::{no_core, review, run};
use ingest::{Format, OnBadRow, Parameters};
use proptest::prelude::*;
use std::io::Write as _;

const FORMATS: [Option<Format>; 8] = [
    None,
    Some(Format::Amazon2018),
    Some(Format::Amazon2023),
    Some(Format::AmazonRatings),
    Some(Format::Recbole),
    Some(Format::Movielens),
    Some(Format::Csv),
    Some(Format::Parquet),
];

fn cases() -> u32 {
    std::env::var("PIPE_SOAK").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

/// A file of each form, whole.
fn files() -> Vec<Vec<u8>> {
    let reviews: String = (0..4).map(|n| format!("{}\n", review("u", &format!("i{n}"), n, 5.0))).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(reviews.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let zstd = zstd::encode_all(reviews.as_bytes(), 3).unwrap();
    let texts = [
        reviews.as_str(),
        "{\"user_id\": \"u\", \"parent_asin\": \"i\", \"timestamp\": 1588615855070, \"rating\": 5.0}\n",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu\ti\t4\t9\n",
        "userId,movieId,rating,timestamp\n1,2,3.5,964982703\n",
        "1::2::3::964982703\n",
        "A1XYZ,B000000001,5.0,1404172800\n",
        "user;item;date;text\n\"u\";i;2014-07-01;\"a \"\"b\"\"\nc\"\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into_iter().chain([packed, zstd]).collect()
}

/// What is done to a file: bytes replaced, removed and inserted.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_an_error_or_read_never_a_panic(
        file in prop::sample::select(files()),
        damage in damage(),
        format in prop::sample::select(FORMATS.to_vec()),
        min_rating in prop::sample::select(vec![0.0, 3.0]),
    ) {
        let mut bytes = file;
        for (place, byte, action) in damage {
            let place = place.index(bytes.len().max(1));
            match action {
                0 if place < bytes.len() => bytes[place] = byte,
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 => bytes.truncate(place),
                _ => bytes.insert(place.min(bytes.len()), byte),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs_err::write(&path, &bytes).unwrap();
        for on_bad_row in [OnBadRow::Error, OnBadRow::Skip] {
            let parameters = Parameters { format, min_rating, on_bad_row, ..no_core() };
            if let Err(failure) = run(&[("interactions", &path)], parameters) {
                prop_assert!(!failure.message.is_empty());
            }
        }
    }
}
