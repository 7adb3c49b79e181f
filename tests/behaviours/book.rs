//! The book: every page is in its table of contents, every link leads somewhere, and every command in it is one.

use crate::space::repository;
use crate::space::walkers::{pipe as plan, walkers};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All Markdown files beneath a folder, but for what is built or fetched.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "artifacts", "corpus"].contains(&name.as_str()) {
                found.extend(pages(&path));
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages that people of this repository write or generate.
fn all_pages() -> Vec<PathBuf> {
    // A README that `pipe init` writes has names to be filled in.
    pages(repository()).into_iter().filter(|path| !path.ends_with("src/cli/init/README.md")).collect()
}

/// A page without its blocks of code, in which brackets mean other things.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// The targets of the links of a page.
fn links(text: &str) -> Vec<String> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|part| part.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut broken = Vec::new();
    for page in all_pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&prose(&text)).iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_anchor = || anchors(&std::fs::read_to_string(&target).unwrap()).contains(anchor);
            if !target.exists() || (!anchor.is_empty() && !has_anchor()) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_of_docs_is_in_the_table_of_contents_once() {
    let docs = repository().join("docs");
    let mut listed = links(&std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    listed.sort();
    let there: Vec<String> = pages(&docs)
        .iter()
        .map(|page| page.strip_prefix(&docs).unwrap().display().to_string())
        .filter(|name| name != "SUMMARY.md")
        .collect();
    let there: BTreeSet<String> = there.into_iter().collect();
    assert_eq!(listed, there.into_iter().collect::<Vec<_>>());
}

#[test]
fn ten_questions_are_answered_one_click_from_the_start() {
    let start = std::fs::read_to_string(repository().join("docs/README.md")).unwrap();
    let questions: Vec<&str> = start.lines().filter(|line| line.starts_with("| ") && line.contains("? |")).collect();
    assert!(questions.len() >= 10, "{questions:?}");
    for question in questions {
        assert!(!links(question).is_empty(), "no page for {question}");
    }
}

/// The command lines of a page's blocks of code that begin with `pipe`, without what a shell reads itself.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut language: Option<String> = None;
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("```") {
            language = if language.is_some() { None } else { Some(rest.trim().to_owned()) };
            continue;
        }
        let Some(language) = &language else { continue };
        let is_shell = ["sh", "console", "text", ""].contains(&language.as_str());
        let line = line.trim_start().trim_start_matches("$ ");
        // Output may begin with the word too.
        let is_command = line.starts_with("pipe ") && (language != "text" || text.contains(&format!("$ {line}")));
        if is_shell && is_command {
            found.push(line.to_owned());
        }
    }
    found
}

/// The words of a command line up to a comment, a pipe, a redirection or another command.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut is_begun) = (String::new(), None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), _) if mark == letter => quote = None,
            (None, '\'' | '"') => (quote, is_begun) = (Some(letter), true),
            (None, '|' | '>' | '<' | ';' | '&' | '#') => break,
            (None, ' ') => {
                if is_begun {
                    words.push(std::mem::take(&mut word));
                }
                is_begun = false;
            }
            _ => {
                word.push(letter);
                is_begun = true;
            }
        }
    }
    if is_begun {
        words.push(word);
    }
    words
}

#[test]
fn every_command_in_a_block_of_code_can_be_parsed() {
    let mut refused = Vec::new();
    let mut count = 0;
    for page in all_pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for line in commands(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            if let Err(message) = pipe::cli::check(&words(&line)) {
                refused.push(format!("{}: {line}\n  {message}", page.display()));
            }
        }
    }
    assert!(count > 60, "only {count} commands were found");
    assert!(refused.is_empty(), "commands that pipe refuses:\n{}", refused.join("\n"));
}

/// The arguments of `pipe plan` for a command that runs a pipeline of the repository: the same choice of stages and settings.
fn as_plan(words: &[String]) -> Option<(String, Vec<String>)> {
    const KEPT: [&str; 7] = ["--set", "--profile", "--until", "--from", "--only", "--point", "--force"];
    let [_, command, pipeline, rest @ ..] = words else { return None };
    let file = format!("{pipeline}.toml");
    if command != "run" || !repository().join("pipelines").join(&file).is_file() {
        return None;
    }
    let choices = rest.windows(2).filter(|pair| KEPT.contains(&pair[0].as_str()));
    Some((file, choices.flatten().cloned().collect()))
}

#[test]
fn every_run_of_a_pipeline_in_a_block_of_code_can_be_planned() {
    let space = walkers();
    let mut refused = Vec::new();
    let mut count = 0;
    for page in all_pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for line in commands(&std::fs::read_to_string(&page).unwrap()) {
            let Some((pipeline, arguments)) = as_plan(&words(&line)) else { continue };
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            count += 1;
            let planned = plan(&space, "plan", &pipeline, &arguments);
            // 14: all is right but for data or models that are not on this machine.
            if ![0, 14].contains(&planned.code) {
                refused.push(format!("{}: {line}\n  {}", page.display(), planned.err));
            }
        }
    }
    assert!(count > 15, "only {count} runs were found");
    assert!(refused.is_empty(), "runs that cannot be planned:\n{}", refused.join("\n"));
}
