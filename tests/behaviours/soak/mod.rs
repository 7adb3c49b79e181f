//! How much a test tries: a little with every change, much more in `make soak`.

/// How many cases to try: `short`, or as many as `PIPE_SOAK` says.
pub(crate) fn cases(short: usize) -> usize {
    long().unwrap_or(short)
}

/// How many cases the long form tries, when it is asked for.
pub(crate) fn long() -> Option<usize> {
    let text = std::env::var("PIPE_SOAK").ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("PIPE_SOAK is '{text}', expected a number of cases")))
}
