//! An argument taken apart is the same argument: text stays as it is, and every name stands for itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pipe::key::FILES;
use pipe::plan::{Piece, Placeholder, Template};

fuzz_target!(|argument: &str| {
    let template = Template::parse(argument);
    let filled = template.fill(name);
    assert_eq!(Template::parse(&filled), template);
    // A file may be called an input as well.
    assert!(filled == argument || argument.contains("inputs.files"), "{template:?}");
    assert!(!template.0.is_empty());
    // Every name in braces has been taken for one.
    for piece in &template.0 {
        if let Piece::Text(text) = piece {
            assert_eq!(Template::parse(text).placeholders().count(), 0, "{text:?} in {template:?}");
        }
    }
});

fn name(placeholder: &Placeholder) -> String {
    match placeholder {
        Placeholder::Input(input_name) if input_name.port.as_str() == FILES => format!("{{{FILES}.{}}}", input_name.label),
        Placeholder::Input(input_name) => format!("{{inputs.{input_name}}}"),
        Placeholder::Output(port) => format!("{{outputs.{port}}}"),
        Placeholder::Parameter(name) => format!("{{parameters.{name}}}"),
        Placeholder::Seed => "{seed}".to_owned(),
        Placeholder::Threads => "{threads}".to_owned(),
        Placeholder::Checkpoint => "{checkpoint}".to_owned(),
    }
}
