//! The parts of the page.

use super::html::Html;
use crate::generation::Generation;
use crate::http::{ItemName, Problem, SimilarBy, StatusAnswer, names, similar_items};
use crate::recommending::Found;

/// How many similar items are shown.
const SIMILAR: usize = 8;

/// The forms that search users and items.
pub(super) fn search(html: &mut Html, user: &str, words: &str, history: &str) {
    html.open("<section class=search><form action=\"/\"><label>User <input name=user value=\"");
    html.text(user);
    html.open("\"></label> <button>Show</button></form><form action=\"/\"><input type=hidden name=history value=\"");
    html.text(history);
    html.open("\"><label>Item <input name=q value=\"");
    html.text(words);
    html.open("\" placeholder=\"words of a title\"></label> <button>Search</button></form></section>");
}

/// Users to choose from.
pub(super) fn users(html: &mut Html, title: &str, users: &[String]) {
    heading(html, title);
    html.open("<p class=users>");
    if users.is_empty() {
        html.text("none");
    }
    for user in users {
        html.link(&[("user", user)], "user", user);
        html.open(" ");
    }
    html.open("</p></section>");
}

/// Items, each of which can be added to the history and looked at.
pub(super) fn item_list(html: &mut Html, generation: &Generation, title: &str, items: &[u32], history: &str) {
    heading(html, title);
    html.open("<ul>");
    for item in names(generation, items) {
        entry(html, &item, history, None);
    }
    html.open("</ul></section>");
}

/// A history, oldest first; each item of one that is being built can be removed.
pub(super) fn history(html: &mut Html, title: &str, items: &[u32], generation: &Generation, built: Option<&[String]>) {
    heading(html, title);
    html.open("<ol>");
    for (place, item) in names(generation, items).iter().enumerate() {
        html.open("<li><div class=entry>");
        html.link(
            &[("item", &item.id), ("history", &built.unwrap_or_default().join(","))],
            "",
            shown(&item.id, &item.title),
        );
        if let Some(ids) = built {
            let rest: Vec<&str> =
                ids.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, id)| id.as_str()).collect();
            html.open(" ");
            html.link(&[("history", &rest.join(","))], "action", "remove");
        }
        html.open("</div></li>");
    }
    html.open("</ol></section>");
}

/// A list, with where it comes from.
pub(super) fn recommended(html: &mut Html, generation: &Generation, title: &str, found: &Found, history: &str) {
    html.open("<section><h2>");
    html.text(title);
    html.open(" <span class=\"source ");
    html.text(found.source.as_str());
    html.open("\">");
    html.text(found.source.as_str());
    html.open("</span></h2><ol>");
    let items: Vec<u32> = found.items.iter().map(|(item, _)| *item).collect();
    for (item, (_, score)) in names(generation, &items).iter().zip(&found.items) {
        entry(html, item, history, *score);
    }
    html.open("</ol></section>");
}

/// An item: its codes, its categories and what is like it.
pub(super) fn item(html: &mut Html, generation: &Generation, id: &str, history: &str) {
    let Some(item) = generation.catalogue.number(id).and_then(|number| generation.catalogue.item(number)) else {
        heading(html, &format!("There is no item “{id}”"));
        return html.open("</section>");
    };
    heading(html, shown(&item.id, &item.title));
    html.open("<dl>");
    let codes: Vec<String> = item.codes.iter().map(ToString::to_string).collect();
    let rows =
        [("id", &item.id), ("brand", &item.brand), ("categories", &item.categories), ("codes", &codes.join(" · "))];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        html.open("<dt>");
        html.text(name);
        html.open("</dt><dd>");
        html.text(value);
        html.open("</dd>");
    }
    html.open("</dl><p>");
    html.link(&[("history", &longer(history, id))], "action", "add to the history");
    html.open("</p></section><div class=columns>");
    for (by, title) in [(SimilarBy::Embedding, "Nearest by embedding"), (SimilarBy::Codes, "Nearest by codes")] {
        let (found, items) = similar_items(item, by);
        if found == by {
            item_list(html, generation, title, &items[..SIMILAR.min(items.len())], history);
        }
    }
    html.open("</div>");
}

/// What is served.
pub(super) fn status(html: &mut Html, status: &StatusAnswer) {
    html.open("<section class=status><h2>Service</h2>");
    let numbers = |number: u64| number.to_string();
    let rows = [
        ("pipeline", status.pipeline.clone()),
        ("model", status.model.clone()),
        ("run", status.run.clone()),
        ("lists", status.artifact.chars().take(16).collect()),
        ("users", numbers(status.users)),
        ("items", numbers(status.items as u64)),
        ("decoder", status.decoder.clone()),
        ("requests", numbers(status.requests)),
    ];
    let answered = status.lists.iter().map(|(source, count)| (source.as_str(), numbers(*count)));
    for (name, value) in rows.into_iter().chain(answered) {
        html.open("<dl><dt>");
        html.text(name);
        html.open("</dt><dd data-field=\"");
        html.text(name);
        html.open("\">");
        html.text(&value);
        html.open("</dd></dl>");
    }
    html.open("<p><a href=\"/openapi.json\">API</a> <a href=\"/metrics\">metrics</a></p></section>");
}

/// Why there is no list.
pub(super) fn problem(html: &mut Html, problem: &Problem) {
    html.open("<section class=problem><h2>No list</h2><p>");
    html.text(problem.detail());
    html.open("</p></section>");
}

fn heading(html: &mut Html, title: &str) {
    html.open("<section><h2>");
    html.text(title);
    html.open("</h2>");
}

/// An item to look at and to add to the history, with its score where it has one.
fn entry(html: &mut Html, item: &ItemName, history: &str, score: Option<f32>) {
    let ItemName { id, title } = item;
    html.open("<li><div class=entry>");
    html.link(&[("item", id), ("history", history)], "", shown(id, title));
    html.open("<span class=tools>");
    if let Some(score) = score {
        html.open("<span class=score>");
        html.text(&format!("{score:.3}"));
        html.open("</span> ");
    }
    html.link(&[("history", &longer(history, id))], "action", "add");
    html.open("</span></div></li>");
}

/// A history with one more item.
fn longer(history: &str, id: &str) -> String {
    if history.is_empty() { id.to_owned() } else { format!("{history},{id}") }
}

fn shown<'a>(id: &'a str, title: &'a str) -> &'a str {
    if title.is_empty() { id } else { title }
}
