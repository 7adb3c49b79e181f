//! `pipe init` writes a pipeline that runs at once.

use crate::space::{Outcome, Space};

/// The commands of the README that it writes.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("pipe "));
    let words = |line: &str| line.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect();
    lines.map(words).collect()
}

#[test]
fn an_empty_folder_becomes_a_pipeline_whose_commands_all_work() {
    let space = Space::new();
    let said = space.succeed(&["init", "shop"]).out;
    assert!(said.ends_with("next: cd shop && pipe run first\n"), "{said}");
    let readme = std::fs::read_to_string(space.path("shop/README.md")).unwrap();
    let commands = commands(&readme);
    assert!(commands.len() >= 5, "{readme}");
    for words in &commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = space.command(&words).current_dir(space.path("shop")).output().unwrap();
        let outcome = Outcome::of(&output);
        assert_eq!(outcome.code, 0, "{words:?}: {}{}", outcome.out, outcome.err);
        if words[0] == "run" {
            assert!(outcome.out.contains("popularity") && outcome.out.contains("HR@10"), "{}", outcome.out);
        }
    }
}

#[test]
fn files_that_are_there_are_not_overwritten() {
    let space = Space::new();
    space.write("README.md", "mine");
    let outcome = space.pipe(&["init"]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("has README.md already"), "{}", outcome.err);
    assert_eq!(std::fs::read_to_string(space.path("README.md")).unwrap(), "mine");
    assert!(!space.path("first.toml").exists());
}

/// A CSV of a person: forty visitors of a museum, each of whom saw seven of twelve rooms in turn.
fn visits() -> String {
    let visits = (0..40).flat_map(|visitor| (0..7).map(move |turn| (visitor, turn)));
    let row = |(visitor, turn): (usize, usize)| {
        format!("visitor-{visitor},room {},2024-03-{:02}\n", (visitor * 5 + turn) % 12, turn + 1)
    };
    format!("guest,room,day\n{}", visits.map(row).collect::<String>())
}

#[test]
fn a_csv_of_three_columns_becomes_a_table_of_metrics() {
    let space = Space::new();
    space.write("visits.csv", visits());
    let columns = "columns={ user = \"guest\", item = \"room\", time = \"day\" }";
    let written = space.succeed(&["init", "my-shop", "--from", "visits.csv", "--set", columns]).out;
    assert!(written.ends_with("next: cd my-shop && pipe run my-shop\n"), "{written}");
    let pipeline = std::fs::read_to_string(space.path("my-shop/my-shop.toml")).unwrap();
    for expected in [
        "# csv: user = guest, item = room, time = day\n",
        "fewer than 5 interactions and items with fewer than 5 are left out; 40 users, 12 items and 280 interactions stay.",
        "interactions = \"../visits.csv\"\n",
        "columns = { user = \"guest\", item = \"room\", time = \"day\" }\n",
    ] {
        assert!(pipeline.contains(expected), "{expected} is not in\n{pipeline}");
    }
    let table = space.succeed(&["run", "my-shop"]).out;
    for model in ["blend", "sasrec", "item-knn", "markov-chain", "popularity", "NDCG@10"] {
        assert!(table.contains(model), "{table}");
    }
    let inside = space.command(&["run", "my-shop"]).current_dir(space.path("my-shop")).output().unwrap();
    assert!(Outcome::of(&inside).err.contains("7 cached"), "{}", Outcome::of(&inside).err);
}

#[test]
fn titles_are_one_more_model_of_the_blend() {
    let space = Space::new();
    space.write("visits.csv", visits().replace("guest,room,day", "user,item,time"));
    let rooms: String = (0..12).map(|room| format!("room {room},The {room} of floor {}\n", room / 3)).collect();
    space.write("rooms.csv", format!("item,title\n{rooms}"));
    space.succeed(&["init", "hotel", "--from", "visits.csv", "--metadata", "rooms.csv"]);
    let table = space.succeed(&["run", "hotel"]).out;
    assert!(table.contains("text-knn") && table.contains("blend"), "{table}");
}

#[test]
fn small_files_keep_what_they_have() {
    let space = Space::new();
    let rows: String = (0..9).map(|n| format!("u{},i{},{}\n", n / 3, n % 3, 1_600_000_000 + n)).collect();
    space.write("shop.csv", format!("user,item,time\n{rows}"));
    space.succeed(&["init", "tiny", "--from", "shop.csv"]);
    let pipeline = std::fs::read_to_string(space.path("tiny/tiny.toml")).unwrap();
    assert!(pipeline.contains("min_user_interactions = 3\nmin_item_interactions = 3\n"), "{pipeline}");
}

#[test]
fn files_that_cannot_be_read_leave_nothing_behind() {
    let space = Space::new();
    space.write("columns.csv", visits());
    for (from, code, expected) in [("columns.csv", 23, "columns"), ("absent.csv", 14, "absent.csv")] {
        let outcome = space.pipe(&["init", "shop", "--from", from]);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(expected), "{}", outcome.err);
        assert!(!space.path("shop").exists());
    }
}
