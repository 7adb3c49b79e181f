//! A folder that is an input and has the store in it: it is refused with the reason, before anything runs.

use crate::space::Space;

fn pipeline(data: &str) -> Space {
    let space = Space::new();
    space.write("data/file", "1");
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ data = '{data}' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', 'ls {{files.data}} > {{outputs.o}}/v']\n"
        ),
    );
    space
}

#[test]
fn a_folder_that_holds_the_store_is_refused_with_both_paths() {
    let space = pipeline(".");
    for arguments in [["plan", "p"], ["run", "p"]] {
        let outcome = space.pipe(&arguments);
        assert_eq!(outcome.code, 14, "{}{}", outcome.out, outcome.err);
        let folder = space.path("").canonicalize().unwrap();
        let names = |path: &std::path::Path| outcome.err.contains(path.to_str().unwrap());
        assert!(names(&folder) && names(&folder.join("artifacts")), "{}", outcome.err);
        assert!(outcome.err.contains("--store"), "{}", outcome.err);
        assert!(!space.path("artifacts/runs").exists(), "nothing ran");
    }
}

#[test]
fn a_link_to_such_a_folder_is_refused_too() {
    let space = pipeline("link");
    std::os::unix::fs::symlink(space.path(""), space.path("link")).unwrap();
    assert_eq!(space.pipe(&["plan", "p"]).code, 14);
}

#[test]
fn another_store_or_another_folder_is_the_way_out() {
    let space = pipeline(".");
    let elsewhere = tempfile::tempdir().unwrap();
    let store = elsewhere.path().join("store");
    space.succeed(&["run", "p", "--store", store.to_str().unwrap()]);
    let space = pipeline("data");
    space.succeed(&["run", "p"]);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), "file\n");
}
