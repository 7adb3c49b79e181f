//! Which modules beside it a Python file imports, as far as its text shows.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// How much of a file is looked at, in bytes.
const LOOKED_AT: u64 = 256 << 10;

/// The modules beside a Python file that it imports: files, and folders that are packages. None for any other file.
pub fn python_imports(script: &Path) -> Vec<PathBuf> {
    let Some(folder) = script.parent().filter(|_| script.extension().is_some_and(|end| end == "py")) else {
        return Vec::new();
    };
    let mut text = Vec::new();
    // What cannot be read is reported where it is needed.
    let read = std::fs::File::open(script).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut text));
    if read.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&text);
    let mut names: Vec<&str> = text.lines().flat_map(imported).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(|name| beside(folder, name)).filter(|module| module != script).collect()
}

/// The first parts of the names that a line imports.
fn imported(line: &str) -> Vec<&str> {
    let line = line.trim_start();
    let names: Vec<&str> = if let Some(names) = line.strip_prefix("import ") {
        names.split(',').collect()
    } else if let Some((name, _)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) {
        vec![name]
    } else {
        Vec::new()
    };
    let first = |name: &'_ str| name.split(['.', ' ', ';', '#']).next().map(str::len);
    let names = names.into_iter().map(str::trim).filter_map(|name| Some(&name[..first(name)?]));
    names.filter(|name| !name.is_empty() && !name.contains(['/', '\0'])).collect()
}

fn beside(folder: &Path, name: &str) -> Option<PathBuf> {
    let (file, package) = (folder.join(format!("{name}.py")), folder.join(name));
    if file.is_file() {
        return Some(file);
    }
    package.join("__init__.py").is_file().then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_beside_a_script_are_found_by_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("package")).unwrap();
        std::fs::create_dir(path("data")).unwrap();
        for name in ["one.py", "two.py", "three.py", "unused.py", "package/__init__.py", "script.py"] {
            std::fs::write(path(name), "").unwrap();
        }
        let text = "import os, one\nimport two.inner as t; import json\nif True:\n    from three import x\n\
                    from package.inner import y\nimport script\nfrom data import z\n# import unused\nimport \n";
        std::fs::write(path("script.py"), text).unwrap();
        let expected = ["one.py", "package", "three.py", "two.py"].map(path);
        assert_eq!(python_imports(&path("script.py")), expected);
        std::fs::write(path("script.sh"), text).unwrap();
        assert!(python_imports(&path("script.sh")).is_empty());
        assert!(python_imports(&path("none.py")).is_empty());
    }
}
