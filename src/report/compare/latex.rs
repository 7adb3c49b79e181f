//! A comparison as a table of LaTeX.

use crate::report::compare::layout::{Entry, Layout};
use crate::report::compare::table::Comparison;

impl Comparison {
    /// A `tabular` with the rules of `booktabs`, the best in bold.
    pub fn latex(&self) -> String {
        let layout = Layout::of(self);
        let columns = "l".repeat(layout.texts) + &"r".repeat(layout.head.len() - layout.texts);
        let row = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let mut text = format!("\\begin{{tabular}}{{{columns}}}\n\\toprule\n");
        text += &row(layout.head.iter().map(|name| escape(name)).collect());
        text += "\\midrule\n";
        for (place, entries) in layout.rows.iter().enumerate() {
            if place == layout.baselines && place > 0 {
                text += "\\midrule\n";
            }
            text += &row(entries.iter().map(cell).collect());
        }
        text += "\\bottomrule\n\\end{tabular}\n";
        text + &layout.notes.iter().map(|note| format!("\n{}\n", escape(note))).collect::<String>()
    }
}

fn cell(entry: &Entry) -> String {
    let inner = escape(&entry.text);
    let bold = if entry.best { format!("\\textbf{{{inner}}}") } else { inner };
    bold + &escape(entry.mark)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '±' => escaped.push_str("$\\pm$"),
            '†' => escaped.push_str("$^\\dagger$"),
            '‡' => escaped.push_str("$^\\ddagger$"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_means_something_to_latex_is_written_as_itself() {
        assert_eq!(
            escape("a_b & 5 % \\{x}^~"),
            "a\\_b \\& 5 \\% \\textbackslash{}\\{x\\}\\textasciicircum{}\\textasciitilde{}"
        );
    }

    proptest! {
        #[test]
        fn braces_are_balanced_and_nothing_special_stands_alone(text in "\\PC{0,20}") {
            let escaped = escape(&text);
            let bare = escaped.replace("\\{", "").replace("\\}", "");
            prop_assert_eq!(bare.matches('{').count(), bare.matches('}').count());
            for special in ['&', '%', '#', '_'] {
                let quoted = format!("\\{special}");
                prop_assert_eq!(escaped.matches(special).count(), escaped.matches(&quoted).count());
            }
        }
    }
}
