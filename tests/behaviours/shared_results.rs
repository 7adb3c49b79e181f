//! Two keys that lead to equal content share one artifact, also while it is made again.

use crate::space::{Space, with_status};
use crate::whole;

/// `quick` and `slow` make the same; `reader` reads it for a while.
const TWINS: &str = "
name = 'p'
[stage.quick]
uses = 'command'
outputs = { o = 'text' }
command = ['sh', '-c', 'printf same > {outputs.o}/v']
[stage.slow]
uses = 'command'
outputs = { o = 'text' }
command = ['sh', '-c', 'sleep 0.2; printf same > {outputs.o}/v']
[stage.reader]
uses = 'command'
outputs = { o = 'text' }
inputs = { i = 'quick.o' }
command = ['sh', '-c', 'sleep 0.5; cat {inputs.i}/v > {outputs.o}/v; echo read >> {outputs.o}/v']
";

#[test]
fn a_result_in_use_by_another_key_stays() {
    let space = Space::new();
    space.write("p.toml", TWINS);
    space.succeed(&["run", "p"]);
    std::fs::remove_dir_all(space.path("artifacts/p/quick/o").canonicalize().unwrap()).unwrap();
    // While the reader reads what `quick` has made again, `slow` ends as well.
    let statuses = space.statuses(&["p", "--force=reader", "--slots", "threads=4", "-j", "4"]);
    assert_eq!(with_status(&statuses, "done"), ["quick", "reader", "slow"]);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/reader/o/v")).unwrap(), "sameread\n");
    assert_eq!(whole::assert_whole(&space.path("artifacts")), 3);
}
