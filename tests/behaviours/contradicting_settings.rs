//! Settings of two stages that contradict each other are refused when the pipeline is planned.

use crate::space::{Space, repository};

#[test]
fn precache_asks_in_the_form_that_the_model_was_tuned_on() {
    let space = Space::new();
    let sample = repository().join("pipelines/sample.toml");
    let sample = sample.to_str().unwrap();
    let plan = |set: &[&str]| {
        let store = space.path("store");
        let mut arguments = vec!["plan", sample, "--store", store.to_str().unwrap()];
        arguments.extend(set.iter().flat_map(|set| ["--set", set]));
        space.pipe(&arguments)
    };
    assert_eq!(plan(&[]).code, 0);
    assert_eq!(plan(&["tasks.prompt_template=\"question\"", "precache.prompt_template=\"question\""]).code, 0);
    for stage in ["tasks", "precache"] {
        let outcome = plan(&[&format!("{stage}.prompt_template=\"question\"")]);
        assert_eq!(outcome.code, 13, "{}", outcome.err);
        assert!(outcome.err.contains("expected the same as tasks.prompt_template"), "{}", outcome.err);
        assert!(outcome.err.contains("the model would be asked in another form"), "{}", outcome.err);
    }
}
