//! One of the processes that run a stage together, started by `mpirun`.

use crate::{finish, first_line, orphan, run, send};
use contract::questions::parse;
use contract::{Event, Rank, Result, Spec};
use ranks::Ranks;
use std::time::Duration;

/// How long the others leave the first rank to report a failure that all have.
const FIRST_REPORTS: Duration = Duration::from_millis(500);

/// Runs the stage whose spec is on the first rank's standard input. One rank's failure ends all.
pub(crate) fn run_stage() -> i32 {
    let ranks = match Ranks::join() {
        Ok(ranks) => ranks,
        Err(failure) => return finish(Err(failure)),
    };
    let Err(mut failure) = stage(&ranks) else {
        ranks.finish();
        return if ranks.is_first() { finish(send(&Event::Done)) } else { 0 };
    };
    if !ranks.is_first() {
        std::thread::sleep(FIRST_REPORTS);
        failure.message = format!("rank {} of {}: {}", ranks.rank() + 1, ranks.count(), failure.message);
    }
    let code = failure.kind.exit_code();
    let exit_code = finish(Err(failure));
    ranks.abort(code);
    exit_code
}

fn stage(ranks: &Ranks) -> Result<()> {
    let line = if ranks.is_first() { first_line()? } else { String::new() };
    let line = ranks.from_first(line.as_bytes())?;
    let spec: Spec = parse(&String::from_utf8_lossy(&line))?;
    if ranks.is_first() {
        orphan::exit_when_alone()?;
    } else {
        orphan::exit_with_parent()?;
    }
    run(Spec { rank: Rank { number: ranks.rank(), count: ranks.count() }, ..spec })
}
