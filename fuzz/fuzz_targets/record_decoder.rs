//! Any bytes are a record that reads back as it was written, or an error in words. No path in a record leads out of the
//! folder that it is joined to, and no size overflows a sum.
//!
//! Bytes at random have no right seal, so the content is sealed as a record would be as well.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pipe::key::Key;
use pipe::store::Action;
use std::path::{Component, Path};

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(content) = std::str::from_utf8(bytes) {
        let seal = pipe::key::Digest::of(content.as_bytes());
        check(format!("{{\"seal\":\"{seal}\",\"action\":{content}}}\n").as_bytes());
    }
});

fn check(bytes: &[u8]) {
    let Some(key) = named_key(bytes) else {
        assert!(Action::decode(bytes, Key(pipe::key::Digest::of(b""))).is_err());
        return;
    };
    if let Ok(action) = Action::decode(bytes, key) {
        assert_eq!(action.key, key);
        assert!(action.manifest.has_key(key), "no key format gives {key:?} to this manifest");
        for (port, artifact) in &action.outputs {
            let folder = Path::new("/store").join(port.as_str());
            assert!(is_beneath(&folder, Path::new("/store")), "{port}");
            for file in &artifact.files {
                assert!(is_beneath(&folder.join(&file.path), &folder), "{:?}", file.path);
            }
        }
        let written = action.encode().expect("a record can be written");
        let again = Action::decode(&written, key).expect("a record that was written can be read");
        assert_eq!(again, action);
    }
}

/// Whether a path is one beneath a folder, however its parts are read.
fn is_beneath(path: &Path, folder: &Path) -> bool {
    let Ok(rest) = path.strip_prefix(folder) else { return false };
    let is_normal = |part| matches!(part, Component::Normal(name) if !name.as_encoded_bytes().contains(&0));
    rest.components().next().is_some() && rest.components().all(is_normal)
}

/// The key that the bytes themselves name.
fn named_key(bytes: &[u8]) -> Option<Key> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    Key::parse(value.get("action")?.get("key")?.as_str()?)
}
