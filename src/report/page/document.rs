//! The frame of the page: head, navigation and the order of the sections.

use crate::report::page::pictures::Pictures;
use crate::report::page::views::{Page, Part};
use crate::report::page::{metrics, parts};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl Page {
    /// The page as HTML.
    pub fn html(&self) -> String {
        document(self).into_string()
    }
}

/// The whole document.
fn document(page: &Page) -> Markup {
    let mut pictures = Pictures::default();
    let sections: Vec<Markup> =
        page.parts.iter().enumerate().map(|(place, part)| section(part, place, &mut pictures)).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    h1 { (page.title) }
                    p.made { "Made by pipe " (page.version) " on " (page.made) }
                }
                (navigation(page))
                main #content {
                    @if let Some(comparison) = &page.comparison { (metrics::comparison(comparison, &mut pictures)) }
                    @for section in &sections { (section) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn navigation(page: &Page) -> Markup {
    html! {
        nav aria-label="Sections" {
            ul {
                @if page.comparison.is_some() { li { a href="#metrics" { "Metrics" } } }
                @for (place, part) in page.parts.iter().enumerate() {
                    @let several = page.parts.len() > 1;
                    @if several { li { a href={ "#part-" (place) } { (part.name) } } }
                    @else {
                        @for (id, name) in parts::SECTIONS { li { a href={ "#" (id) "-0" } { (name) } } }
                    }
                }
            }
        }
    }
}

fn section(part: &Part, place: usize, pictures: &mut Pictures) -> Markup {
    html! {
        section id={ "part-" (place) } {
            h2 { (part.name) }
            dl.details {
                @for (name, text) in &part.details { div { dt { (name) } dd { (text) } } }
            }
            (parts::graph(part, place, pictures))
            (metrics::intervals(part, place))
            (metrics::by_length(part, place))
            (metrics::by_item(part, place))
            (parts::stages(part, place))
            (parts::reports(part, place, pictures))
            (parts::provenance(part, place))
        }
    }
}
