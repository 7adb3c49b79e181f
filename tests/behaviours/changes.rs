//! What runs after a change is what the change can reach, and no more.

use crate::space::{self, QUICK, Space, with_status};

#[test]
fn a_set_parameter_runs_its_stage_and_what_its_outputs_change() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let statuses = space.statuses(&["quick", "--set", "popularity.top_k=15"]);
    assert_eq!(with_status(&statuses, "done"), ["metrics", "popularity"]);
    assert_eq!(with_status(&statuses, "cached"), ["ingest", "sample"]);
    let back = space.statuses(&["quick"]);
    assert_eq!(with_status(&back, "done"), Vec::<&str>::new(), "the first result is still there");
}

#[test]
fn an_edited_parameter_is_the_reason_that_the_plan_gives() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    space.write("quick.toml", QUICK.replace("[stage.popularity]\n", "[stage.popularity]\ntop_k = 15\n"));
    insta::assert_snapshot!(space.succeed(&["plan", "quick"]).out);
}

#[test]
fn an_output_that_stays_equal_stops_the_change() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    // Every rating is at least 1, so the same interactions come out.
    let statuses = space.statuses(&["quick", "--set", "ingest.min_rating=1"]);
    assert_eq!(with_status(&statuses, "done"), ["ingest"]);
    assert_eq!(with_status(&statuses, "cached"), ["metrics", "popularity", "sample"]);
}

#[test]
fn another_seed_runs_only_what_the_seed_reaches() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let statuses = space.statuses(&["quick", "--set", "seed=2"]);
    assert_eq!(with_status(&statuses, "done"), ["ingest", "metrics", "popularity", "sample"]);
    let statuses = space.statuses(&["quick", "--set", "popularity.seed=7"]);
    assert_eq!(with_status(&statuses, "done"), Vec::<&str>::new(), "popularity is not random");
}

#[test]
fn a_changed_input_file_is_noticed() {
    let Some(data) = space::data() else { return };
    let space = Space::new();
    let pipeline = "name = 'p'\n[stage.ingest]\nuses = 'ingest'\nsequences = 'a.inter.json'\n";
    space.write("p.toml", pipeline);
    let text = std::fs::read_to_string(data.join("toys2014/Toys.inter.json")).unwrap();
    space.write("a.inter.json", &text);
    space.succeed(&["run", "p"]);
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["ingest"]);
    space.write("a.inter.json", text.replacen('0', "9", 1));
    assert!(space.succeed(&["plan", "p"]).out.contains("input sequences"));
}

#[test]
fn from_runs_a_stage_and_all_after_it_again() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let statuses = space.statuses(&["quick", "--from", "popularity"]);
    assert_eq!(with_status(&statuses, "done"), ["metrics", "popularity"]);
}

#[test]
fn until_goes_no_further() {
    let space = Space::quick();
    let statuses = space.statuses(&["quick", "--until", "ingest"]);
    assert_eq!(with_status(&statuses, "done"), ["ingest", "sample"]);
    assert_eq!(statuses.len(), 2);
}

#[test]
fn only_runs_one_stage_and_needs_the_results_before_it() {
    let space = Space::quick();
    let refused = space.pipe(&["run", "quick", "--only", "popularity"]);
    assert_eq!(refused.code, 2);
    let expected = "`--only popularity` needs cached results of sample (it has no result yet), 1 stages after them";
    assert!(refused.err.contains(expected), "{}", refused.err);
    assert!(!refused.err.contains("failed after") && space.stored("runs").is_empty(), "{}", refused.err);
    space.succeed(&["run", "quick"]);
    let statuses = space.statuses(&["quick", "--only", "popularity", "--force"]);
    assert_eq!(with_status(&statuses, "done"), ["popularity"]);
    assert!(!statuses.contains_key("metrics"));
}

#[test]
fn force_runs_what_is_there_already() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    assert_eq!(with_status(&space.statuses(&["quick", "--force=ingest"]), "done"), ["ingest"]);
    assert_eq!(with_status(&space.statuses(&["quick", "--force"]), "done").len(), 4);
}

#[test]
fn links_lead_to_what_a_forced_stage_made_last() {
    let space = Space::new();
    let ran = space.path("ran").display().to_string();
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', 'echo x >> {ran}; wc -l < {ran} > {{outputs.o}}/n']\n"
        ),
    );
    let made = || std::fs::read_to_string(space.path("artifacts/p/a/o/n")).unwrap().trim().to_owned();
    space.succeed(&["run", "p"]);
    assert_eq!(made(), "1");
    let forced = space.succeed(&["run", "p", "--force"]);
    assert!(forced.err.contains("it is not reproducible"), "{}", forced.err);
    assert_eq!(made(), "2");
}

#[test]
fn a_dry_run_runs_nothing() {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--dry-run"]);
    assert!(space.stored("actions").is_empty());
}

#[test]
fn a_lost_artifact_is_made_again() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let rankings = space.path("artifacts/quick/popularity/rankings").canonicalize().unwrap();
    std::fs::remove_dir_all(&rankings).unwrap();
    let statuses = space.statuses(&["quick"]);
    assert_eq!(with_status(&statuses, "done"), ["popularity"]);
    assert!(rankings.is_dir());
}

#[test]
fn a_truncated_artifact_is_quarantined_and_made_again() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let file = space.path("artifacts/quick/popularity/rankings/rankings.parquet").canonicalize().unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(with_status(&space.statuses(&["quick"]), "done"), ["popularity"]);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    assert_eq!(space.stored("quarantine").len(), 2, "the record and the artifact are in quarantine");
}
