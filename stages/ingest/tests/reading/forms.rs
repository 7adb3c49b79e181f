//! Every form of file gives the same artifacts.

use super::{no_core, report, run};
use frames::{Interactions, Items, Users};
use ingest::{Columns, Parameters};
use polars::prelude::{DataFrame, NamedFrom as _, ParquetWriter, Series};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Eight interactions of two users, at times that differ.
const ROWS: [(u32, u32, i64, u32); 8] = [
    (1, 10, 1_000_000_000, 5),
    (1, 11, 1_000_086_400, 4),
    (1, 12, 1_000_172_800, 3),
    (1, 13, 1_000_259_200, 5),
    (2, 12, 1_000_000_000, 5),
    (2, 10, 1_000_432_000, 4),
    (2, 14, 1_000_518_400, 1),
    (2, 11, 1_000_604_800, 5),
];

fn lines(row: impl Fn(&(u32, u32, i64, u32)) -> String) -> String {
    ROWS.iter().map(|each| row(each) + "\n").collect()
}

/// The content of the artifacts of a file with that name and text.
fn read(name: &str, bytes: &[u8], parameters: Parameters) -> (Interactions, Vec<String>, Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, bytes).unwrap();
    content(&run(&[("interactions", &path)], parameters).unwrap())
}

fn content(out: &TempDir) -> (Interactions, Vec<String>, Vec<String>, String) {
    let interactions = Interactions::read(&out.path().join("interactions")).unwrap();
    let users = Users::read(&out.path().join("users")).unwrap().id;
    let items = Items::read(&out.path().join("items")).unwrap().id;
    let format = report(out)["source"]["reviews"]["format"].as_str().unwrap().to_owned();
    (interactions, users, items, format)
}

fn same(found: &(Interactions, Vec<String>, Vec<String>, String), format: &str) {
    let plain = lines(|(user, item, time, _)| format!("{user},{item},{time}"));
    let expected = read("plain.csv", format!("user,item,time\n{plain}").as_bytes(), no_core());
    assert_eq!((&found.0, &found.1, &found.2), (&expected.0, &expected.1, &expected.2));
    assert_eq!(found.3, format);
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn movielens_in_its_three_forms() {
    let csv = format!("userId,movieId,rating,timestamp\n{}", lines(|(u, i, t, r)| format!("{u},{i},{r}.0,{t}")));
    same(&read("ratings.csv", csv.as_bytes(), no_core()), "movielens");
    let tabs = lines(|(u, i, t, r)| format!("{u}\t{i}\t{r}\t{t}"));
    same(&read("u.data", tabs.as_bytes(), no_core()), "movielens");
    let colons = lines(|(u, i, t, r)| format!("{u}::{i}::{r}::{t}"));
    same(&read("ratings.dat", colons.as_bytes(), no_core()), "movielens");
}

#[test]
fn recbole_atomic_files() {
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let text = format!("{header}{}", lines(|(u, i, t, r)| format!("{u}\t{i}\t{r}\t{t}.0")));
    same(&read("x.inter", text.as_bytes(), no_core()), "recbole");
}

#[test]
fn amazon_ratings_with_the_item_first_or_the_user_first() {
    let asin = |item: u32| format!("B0000000{item}");
    let item_first = lines(|(u, i, t, r)| format!("{},A{u}XYZ,{r}.0,{t}", asin(*i)));
    let user_first = lines(|(u, i, t, r)| format!("A{u}XYZ,{},{r}.0,{t}", asin(*i)));
    let (one, other) =
        (read("a.csv", item_first.as_bytes(), no_core()), read("b.csv", user_first.as_bytes(), no_core()));
    assert_eq!((&one.0, &one.1, one.3.as_str()), (&other.0, &other.1, "amazon-ratings"));
    assert!(one.1.contains(&"A1XYZ".to_owned()), "{:?}", one.1);
}

#[test]
fn amazon_2023_has_milliseconds_and_parents() {
    let line = |(user, item, time, rating): &(u32, u32, i64, u32)| {
        format!(
            r#"{{"rating": {rating}.0, "title": "Fine", "text": "Good<br />enough", "asin": "variant", "parent_asin": "{item}", "user_id": "{user}", "timestamp": {time}123}}"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews.jsonl.gz");
    fs_err::write(&path, gzip(&lines(line))).unwrap();
    let metadata = folder.path().join("meta.jsonl");
    let of_item = r#"{"main_category": "Toys", "title": "Block", "store": "Acme", "categories": ["Toys", "Blocks"], "description": ["A", "block"], "price": 3.5, "parent_asin": "10", "details": {"Size": "1"}}"#;
    fs_err::write(&metadata, of_item).unwrap();
    let out = run(&[("reviews", &path), ("metadata", &metadata)], no_core()).unwrap();
    same(&content(&out), "amazon-2023");
    let items = Items::read(&out.path().join("items")).unwrap();
    let at = items.id.iter().position(|id| id == "10").unwrap();
    let texts = [&items.title[at], &items.description[at], &items.brand[at], &items.categories[at]];
    assert_eq!(texts, ["Block", "A block", "Acme", "Toys,Blocks"]);
    assert_eq!(report(&out)["source"]["reviews"]["times_in_finer_units"], 8);
}

#[test]
fn csv_with_any_delimiter_names_quotes_compression_and_dates() {
    let mapped = || Parameters {
        columns: Columns {
            user: Some("who".into()),
            item: Some("sku".into()),
            time: Some("at".into()),
            ..Columns::default()
        },
        ..no_core()
    };
    let semicolons = format!("note;at;sku;who\n{}", lines(|(u, i, t, _)| format!("\"a;\n\"\"b\"\"\";{t};{i};{u}")));
    same(&read("x.csv", semicolons.as_bytes(), mapped()), "csv");
    same(&read("x.csv.gz", &gzip(&semicolons), mapped()), "csv");
    same(&read("x.csv.zst", &zstd(&semicolons), mapped()), "csv");
    let windows = format!("\u{feff}user,item,time\r\n{}", lines(|(u, i, t, _)| format!("{u},{i},{t}\r")));
    same(&read("x.csv", windows.as_bytes(), no_core()), "csv");
    let tabs = lines(|(u, i, t, _)| format!("{u}\t{i}\t{t}"));
    same(&read("x.tsv", tabs.as_bytes(), Parameters { header: Some(false), ..no_core() }), "csv");
}

#[test]
fn dates_are_seconds_of_their_day() {
    let text = "customer,product,date\nann,a,2014-07-01\nann,b,2014-07-03\nann,c,2014-07-02 12:00:00\n";
    let (interactions, ..) = read("shop.csv", text.as_bytes(), no_core());
    assert_eq!(interactions.time, [1_404_172_800, 1_404_302_400, 1_404_345_600]);
}

#[test]
fn without_times_the_order_of_lines_counts_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    fs_err::write(&path, "user,item\nu,c\nu,a\nu,b\n").unwrap();
    let out = run(&[("interactions", &path)], no_core()).unwrap();
    let (interactions, _, items, _) = content(&out);
    let order: Vec<&str> = interactions.item.iter().map(|&item| items[item as usize].as_str()).collect();
    assert_eq!(order, ["c", "a", "b"]);
    let warnings = report(&out)["warnings"].to_string();
    assert!(warnings.contains("the order of lines was taken as the order of time"), "{warnings}");
}

fn parquet(path: &Path, ids_are_numbers: bool) {
    let numbers = |of: fn(&(u32, u32, i64, u32)) -> u32| ROWS.iter().map(of).collect::<Vec<u32>>();
    let strings = |of: fn(&(u32, u32, i64, u32)) -> u32| ROWS.iter().map(|row| of(row).to_string()).collect::<Vec<_>>();
    let (user, item) = (|row: &(u32, u32, i64, u32)| row.0, |row: &(u32, u32, i64, u32)| row.1);
    let ids = if ids_are_numbers {
        [Series::new("user".into(), numbers(user)), Series::new("item".into(), numbers(item))]
    } else {
        [Series::new("user".into(), strings(user)), Series::new("item".into(), strings(item))]
    };
    let time = Series::new("timestamp".into(), ROWS.iter().map(|row| row.2 * 1_000).collect::<Vec<i64>>());
    let columns = ids.into_iter().chain([time]).map(Into::into).collect();
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
}

#[test]
fn parquet_with_string_and_whole_ids() {
    let folder = tempfile::tempdir().unwrap();
    for ids_are_numbers in [false, true] {
        let path = folder.path().join("x.parquet");
        parquet(&path, ids_are_numbers);
        same(&content(&run(&[("interactions", &path)], no_core()).unwrap()), "parquet");
    }
}

#[test]
fn several_files_of_a_folder_are_one_set() {
    let folder = tempfile::tempdir().unwrap();
    let parts: PathBuf = folder.path().join("parts");
    fs_err::create_dir(&parts).unwrap();
    for (number, rows) in ROWS.chunks(3).enumerate() {
        let text: String = rows.iter().map(|(u, i, t, _)| format!("{u},{i},{t}\n")).collect();
        fs_err::write(parts.join(format!("part-{number}.csv")), format!("user,item,time\n{text}")).unwrap();
    }
    fs_err::write(parts.join("notes.txt"), "not a table").unwrap();
    let parameters = Parameters { files: Some("part-*.csv".into()), ..no_core() };
    let out = run(&[("interactions", &parts)], parameters).unwrap();
    assert_eq!(report(&out)["source"]["reviews"]["files"], 3);
    same(&content(&out), "csv");
}

#[test]
fn what_has_no_known_form_is_told_with_what_it_starts_with() {
    let folder = tempfile::tempdir().unwrap();
    let message = |text: &str| {
        let path = folder.path().join("x");
        fs_err::write(&path, text).unwrap();
        run(&[("interactions", &path)], no_core()).unwrap_err().message
    };
    assert!(message("").contains("the file is empty"));
    assert!(message("[{\"user\": 1}]").contains("found a JSON list"));
    assert!(message("{\"user\": 1}\n").contains("JSON whose fields are of no form that is known"));
    assert!(message("one column\n1\n").contains("found one column, expected at least a user and an item"));
    assert!(message("a,b\nx,y\n").contains("no column is known as the user; found the columns: a, b"));
    assert!(message("{\"0\": [1, 2], \"1\": [2]}").contains("sequences of the LC-Rec family"));
}

#[test]
fn lists_as_python_prints_them_become_text() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs_err::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let sequences = write("X.inter.json", r#"{"0": [0, 1, 2]}"#);
    let text = write(
        "X.item.json",
        r#"{"0": {"title": "T", "description": "['one', \"two's\"]", "categories": "['Music', 'Drums']"}}"#,
    );
    let out = run(&[("sequences", &sequences), ("item_text", &text)], Parameters::default()).unwrap();
    let items = Items::read(&out.path().join("items")).unwrap();
    let at = items.id.iter().position(|id| id == "0").unwrap();
    assert_eq!((items.description[at].as_str(), items.categories[at].as_str()), ("one two's", "Music,Drums"));
}
