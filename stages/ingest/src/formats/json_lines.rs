//! JSON objects, one a line.

use crate::source::{BadRow, Block};
use serde::Deserialize;

/// Parses each line that is not blank and gives it to `take` with its number; what cannot be parsed becomes a bad row.
pub(crate) fn parse_lines<'a, T: Deserialize<'a>>(
    block: &'a Block,
    bad: &mut Vec<BadRow>,
    expected: &'static str,
    mut take: impl FnMut(u64, T) -> Result<(), BadRow>,
) {
    bad.extend(block.too_long.iter().cloned());
    for (number, line) in block.lines() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let taken = match serde_json::from_slice(line) {
            Ok(value) => take(number, value),
            Err(error) => {
                // serde_json sees one line: its own line number says nothing.
                let error = error.to_string().replace(" at line 1 column", " at column");
                let problem = format!("not a JSON object: {error}; it starts with: {}", excerpt(line));
                Err(BadRow::malformed(number, problem).hint(expected))
            }
        };
        bad.extend(taken.err());
    }
}

/// The beginning of a line, for errors.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    // Enough bytes for as many characters.
    let line = &line[..line.len().min(4 * SHOWN)];
    String::from_utf8_lossy(line).trim().chars().take(SHOWN).collect()
}
