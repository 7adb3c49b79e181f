//! What the files of a crate import from each other, read from their text: rustfmt gives it one form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One name that a file imports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The file that imports, relative to `src`.
    pub(crate) from: String,
    /// The line.
    pub(crate) line: usize,
    /// The line's text.
    pub(crate) text: String,
    /// The file that has the name.
    pub(crate) to: String,
}

/// The files of a crate.
pub(crate) struct Sources {
    files: BTreeMap<String, File>,
}

struct File {
    /// The path of its module, such as `["store", "links"]`; empty for the root of the crate.
    module: Vec<String>,
    /// Its lines without comments, texts and tests.
    lines: Vec<String>,
    /// What it exports of other modules: the name, and the path that it stands for.
    exports: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Reads all files in a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut texts = BTreeMap::new();
        add(folder, "", &mut texts);
        Self::of(texts)
    }

    /// The files with these texts.
    pub(crate) fn of(texts: BTreeMap<String, String>) -> Self {
        let mut sources = Self { files: BTreeMap::new() };
        for (name, text) in texts {
            let file = File { module: module(&name), lines: code(&text), exports: BTreeMap::new() };
            sources.files.insert(name, file);
        }
        let exports: Vec<(String, BTreeMap<String, Vec<String>>)> =
            sources.files.iter().map(|(name, file)| (name.clone(), sources.exports(file))).collect();
        for (name, exports) in exports {
            if let Some(file) = sources.files.get_mut(&name) {
                file.exports = exports;
            }
        }
        sources
    }

    /// The names of the files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// What every file imports of the others, but for re-exports.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (name, file) in &self.files {
            for (line, path) in self.paths(file, false) {
                if let Some(to) = self.owner(&path, 0) {
                    let text = file.lines[line].trim().to_owned();
                    imports.push(Import { from: name.clone(), line: line + 1, text, to });
                }
            }
        }
        imports
    }

    fn exports(&self, file: &File) -> BTreeMap<String, Vec<String>> {
        let paths = self.paths(file, true).into_iter();
        paths.filter_map(|(_, path)| Some((path.last()?.clone(), path))).collect()
    }

    /// The whole paths from the root of the crate that a file names, with their lines: in its re-exports, or elsewhere.
    fn paths(&self, file: &File, in_exports: bool) -> Vec<(usize, Vec<String>)> {
        let mut paths = Vec::new();
        let mut export = false;
        for (at, line) in file.lines.iter().enumerate() {
            let start = line.trim_start();
            export = export || start.starts_with("pub use ") || start.starts_with("pub(") && start.contains(") use ");
            if export == in_exports {
                for (start, base) in self.starts(file, line) {
                    // A group may go on over the lines that follow.
                    let rest = file.lines[at..].join(" ");
                    expand(&rest[start..], &base, &mut |path| paths.push((at, path)));
                }
            }
            export = export && !line.contains(';');
        }
        paths
    }

    /// The places in a line at which the path of a module begins, each with the module that the rest is relative to.
    fn starts(&self, file: &File, line: &str) -> Vec<(usize, Vec<String>)> {
        let mut starts = Vec::new();
        let words = line.match_indices(|c: char| c.is_ascii_alphabetic() || c == '_').map(|(at, _)| at);
        for at in words {
            let is_within = line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let is_later = line[..at].ends_with("::");
            if is_within || is_later {
                continue;
            }
            let word: String = line[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !line[at + word.len()..].starts_with("::") {
                continue;
            }
            let rest = at + word.len() + 2;
            let base = match word.as_str() {
                "crate" => Vec::new(),
                "self" => file.module.clone(),
                "super" => file.module[..file.module.len().saturating_sub(1)].to_vec(),
                child => {
                    let path = [file.module.as_slice(), &[child.to_owned()]].concat();
                    if self.file(&path).is_none() {
                        continue;
                    }
                    path
                }
            };
            starts.push((rest, base));
        }
        starts
    }

    /// The file of a module.
    fn file(&self, module: &[String]) -> Option<&str> {
        self.files.iter().find(|(_, file)| file.module == module).map(|(name, _)| name.as_str())
    }

    /// The file that has what a path names.
    fn owner(&self, path: &[String], depth: usize) -> Option<String> {
        let modules = (0..=path.len()).rev().find(|length| self.file(&path[..*length]).is_some())?;
        let file = self.file(&path[..modules])?;
        match path.get(modules).and_then(|name| self.files[file].exports.get(name)) {
            // A re-export of a re-export.
            Some(exported) if depth < 8 && exported.as_slice() != path => self.owner(exported, depth + 1),
            _ => Some(file.to_owned()),
        }
    }
}

fn add(folder: &Path, above: &str, texts: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{above}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            add(&path, &format!("{name}/"), texts);
        } else if name.ends_with(".rs") {
            texts.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
}

fn module(file: &str) -> Vec<String> {
    let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// The lines of a source file, with comments, string literals and tests taken out.
fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // The line that ends the test that is being left out.
    let mut test: Option<String> = None;
    let mut is_marked = false;
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut kept = String::new();
        match &test {
            Some(end) => test = (line != end).then(|| end.clone()),
            None if is_marked => {
                is_marked = line.trim_start().starts_with('#');
                if !is_marked && line.ends_with('{') {
                    test = Some(format!("{indent}}}"));
                }
            }
            None if line.trim_start().starts_with("#[cfg(test)]") => is_marked = true,
            None => kept = without_texts(line),
        }
        lines.push(kept);
    }
    lines
}

fn without_texts(line: &str) -> String {
    let mut parts = line.split('"').enumerate().filter(|(number, _)| number % 2 == 0).map(|(_, part)| part);
    let joined: String = parts.by_ref().collect();
    joined.split_once("//").map_or(joined.clone(), |(code, _)| code.to_owned())
}

/// The paths that a string begins with, such as `a::{b, c::d}`.
fn expand(text: &str, base: &[String], give: &mut impl FnMut(Vec<String>)) -> usize {
    let text_start = text.len() - text.trim_start().len();
    let rest = &text[text_start..];
    if let Some(group) = rest.strip_prefix('{') {
        let mut at = text_start + 1;
        let mut left = group;
        loop {
            let used = expand(left, base, give);
            at += used;
            left = &left[used..];
            let gap = left.len() - left.trim_start().len();
            let sign = left[gap..].chars().next();
            at += gap + sign.map_or(0, char::len_utf8);
            match sign {
                Some(',') => left = &left[gap + 1..],
                _ => return at,
            }
        }
    }
    let word: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let end = text_start + word.len();
    if word.is_empty() {
        return end;
    }
    let path = match word.as_str() {
        "super" => base[..base.len().saturating_sub(1)].to_vec(),
        "self" => base.to_vec(),
        _ => [base, &[word]].concat(),
    };
    match text[end..].strip_prefix("::") {
        Some(more) if more.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{') => {
            end + 2 + expand(more, &path, give)
        }
        _ => {
            let used = text[end..]
                .strip_prefix(" as ")
                .map_or(0, |alias| 4 + alias.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count());
            give(path);
            end + used
        }
    }
}

#[test]
fn imports_are_followed_to_the_file_that_has_the_name() {
    let texts = BTreeMap::from([
        ("lib.rs".to_owned(), "pub mod a;\npub mod b;\n".to_owned()),
        ("a/mod.rs".to_owned(), "mod x;\nmod y;\npub use x::{\n    One,\n    Two,\n};\nuse y::three;\n".to_owned()),
        ("a/x.rs".to_owned(), "use super::y;\n// crate::b::Four\npub struct One;\n".to_owned()),
        ("a/y.rs".to_owned(), "fn f() { crate::a::Two::new(\"crate::b\") }\n".to_owned()),
        (
            "b.rs".to_owned(),
            "use crate::a::{One, y::{Five, Six}};\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n".to_owned(),
        ),
    ]);
    let imports = Sources::of(texts).imports();
    let found: BTreeSet<(&str, usize, &str)> =
        imports.iter().map(|import| (import.from.as_str(), import.line, import.to.as_str())).collect();
    let expected = [
        ("a/mod.rs", 7, "a/y.rs"),
        ("a/x.rs", 1, "a/y.rs"),
        ("a/y.rs", 1, "a/x.rs"),
        ("b.rs", 1, "a/x.rs"),
        ("b.rs", 1, "a/y.rs"),
    ];
    assert_eq!(found, BTreeSet::from(expected));
}
