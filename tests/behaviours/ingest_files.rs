//! Files of one's own: shown by `pipe ingest --dry-run`, and run through a pipeline to metrics.

use crate::space::Space;

const PIPELINE: &str = r#"
name = "shop"

[stage.ingest]
uses = "ingest"
interactions = "orders/part-*.csv"
columns = { user = "who", item = "sku" }

[stage.popularity]
uses = "popularity"
inputs = { interactions = "ingest.interactions" }

[stage.metrics]
uses = "metrics"
inputs.interactions = "ingest.interactions"
inputs.rankings = { popularity = "popularity.rankings" }
"#;

/// A shop with ten customers, each of whom bought six of eight things, in two files.
fn shop() -> Space {
    let space = Space::new();
    for (part, customers) in [0..5, 5..10].into_iter().enumerate() {
        let orders =
            customers.flat_map(|customer| (0..6).map(move |order| (customer, (customer + order) % 8, order + 1)));
        let rows: String = orders
            .map(|(customer, thing, day)| format!("customer {customer},2024-01-0{day},thing {thing}\n"))
            .collect();
        space.write(&format!("orders/part-{part}.csv"), format!("who,date,sku\n{rows}"));
    }
    space.write("shop.toml", PIPELINE);
    space
}

#[test]
fn files_are_recognised_shown_and_reported_without_a_store() {
    let space = shop();
    let dry_run = ["ingest", "orders", "--dry-run", "-n", "3", "--set", "columns={ user = \"who\" }"];
    let shown = space.succeed(&dry_run).out;
    for expected in [
        "part-0.csv",
        "part-1.csv: csv\n",
        "  user     who\n",
        "  item     sku\n",
        "  time     date\n",
        "first 3 rows\n",
        "customer 0  thing 2",
        "kept 10 users, 8 items, 60 interactions",
    ] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
    assert!(!space.path("artifacts").exists());
    let json = space.json(&dry_run);
    assert_eq!((&json["format"], &json["port"]), (&"csv".into(), &"interactions".into()));
    assert_eq!((json["rows"].as_array().unwrap().len(), &json["report"]["result"]["users"]), (3, &10.into()));

    let unknown = space.pipe(&["ingest", "orders", "--dry-run", "--set", "columns={ usr = \"who\" }"]);
    assert_eq!(unknown.code, 25, "{}", unknown.err);
    let missing = space.pipe(&["ingest", "nowhere.csv", "--dry-run"]);
    assert_eq!(missing.code, 14, "{}", missing.err);
    assert!(missing.err.contains("there is nothing at nowhere.csv"), "{}", missing.err);
}

#[test]
fn a_pattern_of_files_with_named_columns_runs_to_metrics() {
    let space = shop();
    let run = space.succeed(&["run", "shop"]);
    assert!(run.out.contains("popularity"), "{}", run.out);
    let report: serde_json::Value = serde_json::from_str(&space.result("shop/ingest/report/report.json")).unwrap();
    assert_eq!((&report["source"]["reviews"]["files"], &report["result"]["test"]), (&2.into(), &10.into()));
    // A file more is another input.
    space.write("orders/part-2.csv", "who,date,sku\n");
    let planned = space.succeed(&["plan", "shop"]).out;
    assert!(planned.lines().any(|line| line.starts_with("ingest") && line.contains("run")), "{planned}");
}

#[test]
fn a_column_that_no_table_has_is_refused_when_planned() {
    let space = shop();
    let outcome = space.pipe(&["plan", "shop", "--set", "ingest.columns={ usr = \"who\" }"]);
    assert_eq!(outcome.code, 13, "{}", outcome.err);
    assert!(outcome.err.contains("found 'usr', expected only user, item, time, rating, text"), "{}", outcome.err);
    let none = space.pipe(&["plan", "shop", "--set", "ingest.interactions=orders/week-*.csv"]);
    assert_eq!(none.code, 14, "{}", none.err);
}
