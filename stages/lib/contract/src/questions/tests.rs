use super::*;
use crate::failure::FailureKind;
use std::path::PathBuf;

#[test]
fn a_request_is_read_as_it_was_written() {
    let merge = Merge {
        stage: Lineage {
            name: "finetune".to_owned(),
            uses: "finetune".to_owned(),
            parameters: serde_json::Map::new(),
            inputs: [("llm".to_owned(), vec![LineageInput { path: PathBuf::from("llm"), producer: None }])].into(),
            outputs: [("model".to_owned(), PathBuf::from("model"))].into(),
        },
        output: PathBuf::from("out"),
    };
    let text = serde_json::to_string(&Request::new(&merge)).unwrap();
    assert_eq!(parse::<Merge>(&text).unwrap(), merge);
}

#[test]
fn another_protocol_is_reported_before_the_form() {
    let refused = |text: &str| parse::<Merge>(text).unwrap_err();
    let other = refused("{\"protocol\": 1, \"request\": [\"anything\"]}");
    assert_eq!(other.kind, FailureKind::Protocol);
    assert_eq!(other.message, format!("the request has protocol 1, expected {PROTOCOL}"));
    assert!(other.hint.is_some());
    let form = refused(&format!("{{\"protocol\": {PROTOCOL}, \"request\": {{\"folder\": \"out\"}}}}"));
    assert!(form.message.starts_with("the request does not have the expected form: unknown field `folder`"), "{form}");
    assert!(refused("{}").message.starts_with("the standard input is not a request"));
}
