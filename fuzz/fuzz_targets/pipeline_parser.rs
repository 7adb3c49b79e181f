//! Any text is a pipeline or an error that points into the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pipe::source::Source;
use pipe::pipeline::parse;
use pipe::plan::Graph;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source::File { path: "fuzz.toml".into(), text: text.to_owned() });
    let graph = parse(&source).and_then(|pipeline| Graph::build(&pipeline, &[], &BTreeMap::new(), Path::new("/fuzz")));
    if let Err(error) = graph {
        let place = error.place().expect("an error of the file has a place");
        assert!(text.get(place.span.clone()).is_some(), "{:?} is not a place in the text: {error}", place.span);
        assert!([11, 12, 13].contains(&error.exit_code()), "{error}");
        assert!(!pipe::terminal::diagnostic(&error).is_empty());
    }
});
