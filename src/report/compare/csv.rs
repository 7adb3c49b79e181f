//! A comparison as comma-separated values, after RFC 4180.

use crate::report::compare::line::Line;
use crate::report::compare::table::Comparison;

impl Comparison {
    /// One record a line of the comparison, with every number whole.
    pub fn csv(&self) -> String {
        let mut names: Vec<&String> = Vec::new();
        for (name, _) in self.all().flat_map(|line| &line.identity) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut head = vec!["point".to_owned()];
        head.extend(names.iter().map(ToString::to_string));
        head.push("n".to_owned());
        for column in &self.columns {
            let parts = ["", " std", " p", " adjusted p", " paper"];
            head.extend(parts.map(|part| format!("{column}{part}")));
        }
        let mut text = record(&head);
        for line in self.all() {
            text += &record(&self.values(line, &names));
        }
        text
    }

    fn values(&self, line: &Line, names: &[&String]) -> Vec<String> {
        let mut values = vec![line.subject.clone()];
        let own = |name: &&&String| line.identity.iter().find(|(known, _)| known == **name);
        values.extend(names.iter().map(|name| own(&name).map(|(_, text)| text.clone()).unwrap_or_default()));
        values.push(line.seeds.to_string());
        for column in &self.columns {
            let cell = line.cells.get(column);
            let found = cell.and_then(|cell| cell.significance.as_ref());
            let numbers = [
                cell.and_then(|cell| cell.mean),
                cell.and_then(|cell| cell.std),
                found.map(|found| found.p),
                found.map(|found| found.adjusted),
                cell.and_then(|cell| cell.paper),
            ];
            values.extend(numbers.map(|number| number.map(|number| number.to_string()).unwrap_or_default()));
        }
        values
    }
}

fn record(values: &[String]) -> String {
    values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn quote(value: &str) -> String {
    if value.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads one record, as RFC 4180 says.
    fn read(text: &str) -> Vec<String> {
        let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
        let mut letters = text.strip_suffix("\r\n").unwrap().chars().peekable();
        while let Some(c) = letters.next() {
            match c {
                '"' if quoted && letters.peek() == Some(&'"') => value.extend(letters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => values.push(std::mem::take(&mut value)),
                _ => value.push(c),
            }
        }
        values.push(value);
        values
    }

    proptest! {
        #[test]
        fn a_record_reads_back(values in proptest::collection::vec("[a-z\",\r\n é]{0,8}", 1..6)) {
            prop_assert_eq!(read(&record(&values)), values);
        }
    }
}
