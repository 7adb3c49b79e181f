//! Cells in columns that fit a width: long texts wrap within their column, and what is still too wide becomes several blocks.

/// Between two columns.
const GAP: usize = 2;

/// A column of text is not made narrower than this.
const NARROWEST: usize = 12;

/// Cells to set in columns.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The names of the columns.
    pub head: Vec<String>,
    /// How each column is set.
    pub align: Vec<Align>,
    /// The rows, a cell for each column.
    pub rows: Vec<Vec<String>>,
    /// The rows that have a blank line before them.
    pub gaps: Vec<usize>,
}

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts, from the left. They may wrap.
    Left,
    /// Numbers, to the right.
    Right,
}

impl Columns {
    /// The rows as lines of at most `width` letters, where there is such a limit.
    ///
    /// What is too wide is split by columns into blocks; each begins with the texts that come before the first number.
    pub fn set(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.head.len()).map(|column| self.width_of(column)).collect();
        let all: Vec<usize> = (0..self.head.len()).collect();
        let Some(limit) = width else { return self.block(&all, &widths) };
        self.shrink(&mut widths, limit);
        let blocks = self.blocks(&widths, limit);
        blocks.iter().map(|columns| self.block(columns, &widths)).collect::<Vec<_>>().join("\n")
    }

    fn width_of(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| letters(&row[column]));
        cells.chain([letters(&self.head[column])]).max().unwrap_or(0)
    }

    /// Makes the widest columns of text narrower until the whole fits, or none can be.
    fn shrink(&self, widths: &mut [usize], limit: usize) {
        while total(widths) > limit {
            let least = |column: usize| NARROWEST.max(letters(&self.head[column]));
            let widest = (0..widths.len())
                .filter(|column| self.align[*column] == Align::Left && widths[*column] > least(*column))
                .max_by_key(|column| (widths[*column], *column));
            let Some(column) = widest else { return };
            widths[column] = widths[column].saturating_sub(total(widths) - limit).max(least(column)).max(
                // The second widest is made narrower as well before this one is narrower than it.
                widths[column] / 2,
            );
        }
    }

    /// The columns of each block.
    fn blocks(&self, widths: &[usize], limit: usize) -> Vec<Vec<usize>> {
        let leading = self.align.iter().take_while(|align| **align == Align::Left).count();
        let leading: Vec<usize> = (0..leading).collect();
        let mut blocks = vec![leading.clone()];
        for column in leading.len()..widths.len() {
            let block = blocks.last_mut().expect("a block is there from the beginning");
            let with: Vec<usize> = block.iter().chain([&column]).map(|place| widths[*place]).collect();
            if total(&with) <= limit || block.len() <= leading.len() {
                block.push(column);
            } else {
                blocks.push(leading.iter().copied().chain([column]).collect());
            }
        }
        blocks
    }

    fn block(&self, columns: &[usize], widths: &[usize]) -> String {
        let mut text = self.line(&self.head, columns, widths);
        for (place, row) in self.rows.iter().enumerate() {
            if self.gaps.contains(&place) {
                text.push('\n');
            }
            text += &self.line(row, columns, widths);
        }
        text
    }

    /// A row, of several lines where a cell wraps.
    fn line(&self, cells: &[String], columns: &[usize], widths: &[usize]) -> String {
        let wrapped: Vec<Vec<String>> = columns.iter().map(|column| wrap(&cells[*column], widths[*column])).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
        let line = |place: usize| {
            let padded = columns.iter().zip(&wrapped).map(|(column, lines)| {
                let (text, width) = (lines.get(place).map_or("", String::as_str), widths[*column]);
                match self.align[*column] {
                    Align::Left => format!("{text:<width$}"),
                    Align::Right => format!("{text:>width$}"),
                }
            });
            padded.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned() + "\n"
        };
        (0..height).map(line).collect()
    }
}

/// Splits a string into lines of at most `width` letters each; a longer word is cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    if letters(text) <= width || width == 0 {
        return vec![text.to_owned()];
    }
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let mut word = word;
        if !line.is_empty() && letters(&line) + 1 + letters(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        while letters(word) > width {
            let cut = word.char_indices().nth(width).map_or(word.len(), |(place, _)| place);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(head: &[&str], align: &[Align], rows: &[&[&str]]) -> Columns {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Columns {
            head: texts(head),
            align: align.to_vec(),
            rows: rows.iter().map(|row| texts(row)).collect(),
            gaps: Vec::new(),
        }
    }

    #[test]
    fn long_texts_wrap_within_their_column() {
        let columns = columns(
            &["name", "about"],
            &[Align::Left, Align::Left],
            &[&["a", "one two three four five six"], &["b", "seven"]],
        );
        assert_eq!(columns.set(Some(24)), "name  about\na     one two three four\n      five six\nb     seven\n");
        assert_eq!(columns.set(None).lines().count(), 3);
    }

    #[test]
    fn too_many_numbers_become_blocks_that_repeat_the_texts() {
        let columns = columns(
            &["model", "HR@1", "HR@10", "NDCG@10"],
            &[Align::Left, Align::Right, Align::Right, Align::Right],
            &[&["knn", "0.1000", "0.2000", "0.3000"]],
        );
        let text = "model    HR@1   HR@10\nknn    0.1000  0.2000\n\nmodel  NDCG@10\nknn     0.3000\n";
        assert_eq!(columns.set(Some(22)), text);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_limit(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z]{0,12}( [a-z]{1,30}){0,4}", 3), 1..6),
            limit in 60_usize..120,
        ) {
            let align = vec![Align::Left, Align::Left, Align::Left];
            let columns = Columns { head: vec!["a".into(), "b".into(), "c".into()], align, rows, gaps: Vec::new() };
            for line in columns.set(Some(limit)).lines() {
                prop_assert!(line.chars().count() <= limit, "{line:?}");
            }
        }

        #[test]
        fn wrapping_loses_no_word(text in "[a-z]{1,9}( [a-z]{1,9}){0,9}", width in 9_usize..30) {
            prop_assert_eq!(wrap(&text, width).join(" "), text);
        }
    }
}
