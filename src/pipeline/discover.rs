//! The pipeline files that a name can mean here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A pipeline file.
#[derive(Clone, Debug)]
pub struct Discovered {
    /// The name by which `pipe run` finds it, such as `sample` or `tables/1`.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// The first sentence of the comment that it begins with.
    pub about: Option<String>,
}

/// The pipelines here and in the folders `pipelines` here and above, by name. Where two have one name, the nearer counts.
pub fn discover() -> Vec<Discovered> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    add(Path::new("."), "", &mut found);
    let here = std::env::current_dir().unwrap_or_default();
    for folder in here.ancestors().map(|folder| folder.join("pipelines")) {
        add(&folder, "", &mut found);
        for inner in folders_in(&folder) {
            let prefix = inner.file_name().map(|name| format!("{}/", name.to_string_lossy())).unwrap_or_default();
            add(&inner, &prefix, &mut found);
        }
    }
    found.into_iter().map(|(name, file)| Discovered { about: description(&file), name, file }).collect()
}

fn add(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) {
    let files = entries(folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    for path in files.filter(|path| is_pipeline(path)) {
        let name = format!("{prefix}{}", path.file_stem().unwrap_or_default().to_string_lossy());
        found.entry(name).or_insert(path);
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

/// Other TOML files may stand beside a pipeline; a pipeline has stages, even while it is being written.
fn is_pipeline(path: &Path) -> bool {
    std::fs::read_to_string(path)
        .is_ok_and(|text| text.lines().any(|line| line.starts_with("[stage.") || line.starts_with("extends")))
}

/// The first sentence of the comment that a pipeline file begins with; `#:schema` is for editors.
fn description(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let lines = text.lines().skip_while(|line| line.starts_with("#:") || line.trim().is_empty());
    let comment: Vec<&str> = lines.map_while(|line| line.strip_prefix('#')).map(str::trim).collect();
    let comment = comment.join(" ");
    let sentence = comment.split_once(". ").map_or(comment.as_str(), |(first, _)| first);
    let sentence = sentence.trim().trim_end_matches('.');
    (!sentence.is_empty()).then(|| sentence.to_owned())
}
