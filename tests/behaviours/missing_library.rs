//! A worker that misses a library when a stage starts is told from a stage that fails.

use crate::space::{Space, worker};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_library_that_has_gone_is_named() {
    let space = Space::quick();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = stage ]; then\n  echo \"$0: error while loading shared libraries: libtorch_cpu.so: cannot open \
         shared object file\" >&2\n  exit 127\nfi\nexec '{}' \"$@\"\n",
        worker().display()
    );
    space.write("broken-worker", script);
    std::fs::set_permissions(space.path("broken-worker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = space.pipe(&["run", "quick", "--worker", space.path("broken-worker").to_str().unwrap()]);
    assert_eq!(outcome.code, 43, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("sample did not run, since its worker could not be started"), "{}", outcome.err);
    assert!(outcome.err.contains("libtorch_cpu.so: cannot open shared object file"), "{}", outcome.err);
    assert!(outcome.err.contains("`make libtorch` fetches libtorch"), "{}", outcome.err);
}
