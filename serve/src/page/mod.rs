//! The page at `/`: a user or a history beside its recommendations, an item with its neighbours, and what is served.
//!
//! All of it is made here and works by links and forms alone; a script only renews the numbers of the panel.

mod html;
mod sections;

use crate::app::App;
use crate::generation::Generation;
use crate::http::{Problem, Query, names, status_of};
use crate::recommending::{Cut, Found, for_history, for_user, item_numbers, user};
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use html::Html;
use serde::Deserialize;
use std::sync::Arc;

/// How many items a list of the page has.
const COUNT: usize = 12;

/// What the page shows, behind the question mark.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct View {
    /// A user, or the beginning of one.
    #[serde(default)]
    user: String,
    /// Items, joined by commas, oldest first.
    #[serde(default)]
    history: String,
    /// An item to add to the history.
    #[serde(default)]
    add: String,
    /// Words of a title.
    #[serde(default)]
    q: String,
    /// An item to look at.
    #[serde(default)]
    item: String,
}

impl View {
    fn history(&self) -> Vec<String> {
        let added = self.add.split(',');
        self.history.split(',').chain(added).map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    }
}

/// `GET /`
pub(crate) async fn page(State(app): State<Arc<App>>, Query(view): Query<View>) -> Result<Response, Problem> {
    let generation = app.generation()?;
    let mut html = Html::page(&format!("{} - recommendations", generation.service.pipeline));
    sections::search(&mut html, &view.user, &view.q, &view.history().join(","));
    main_part(&app, &generation, &view, &mut html).await;
    sections::status(&mut html, &status_of(&app, &generation));
    // Nothing of other places is loaded, so that a title with markup in it could do nothing either.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'";
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, html.finish()).into_response())
}

async fn main_part(app: &App, generation: &Generation, view: &View, html: &mut Html) {
    let history = view.history();
    let base = history.join(",");
    if !view.item.is_empty() {
        sections::item(html, generation, &view.item, &base);
    }
    if !view.q.is_empty() {
        let found = generation.catalogue.search(&view.q, COUNT);
        let title = format!("Items with “{}”", view.q);
        sections::item_list(html, generation, &title, &found, &base);
    }
    if !view.user.is_empty() {
        of_user(app, generation, &view.user, html).await;
    } else if !history.is_empty() {
        of_history(app, generation, &history, html).await;
    } else if view.q.is_empty() && view.item.is_empty() {
        html.open("<div class=columns>");
        sections::item_list(
            html,
            generation,
            "Begin a history with a popular item",
            first(generation.catalogue.popular()),
            "",
        );
        let users = generation.store.users_with_prefix("", COUNT);
        sections::users(html, "Or look at a user", &users);
        html.open("</div>");
    }
}

fn first(items: &[u32]) -> &[u32] {
    &items[..COUNT.min(items.len())]
}

fn cut() -> Cut {
    Cut { count: COUNT, ..Cut::default() }
}

async fn of_user(app: &App, generation: &Generation, id: &str, html: &mut Html) {
    let record = match user(generation, id) {
        Ok(record) => record,
        Err(problem) => return sections::problem(html, &problem),
    };
    let Some(record) = record else {
        let users = generation.store.users_with_prefix(id, COUNT);
        return sections::users(html, &format!("There is no user “{id}”. Users that begin so"), &users);
    };
    let cached = for_user(app, generation, id, &cut()).await;
    let live = match generation.decoder.is_ok() {
        true => Some(for_history(app, generation, record.history.clone(), &cut()).await),
        false => None,
    };
    let history = names(generation, &record.history);
    let base: Vec<&str> = history.iter().map(|item| item.id.as_str()).collect();
    html.open("<div class=columns>");
    sections::history(html, &format!("History of {id}"), &record.history, generation, None);
    list(html, generation, "Recommended", cached, &base.join(","));
    if let Some(live) = live {
        list(html, generation, "The same, decoded now", live, &base.join(","));
    }
    html.open("</div>");
}

async fn of_history(app: &App, generation: &Generation, ids: &[String], html: &mut Html) {
    let history = match item_numbers(generation, ids) {
        Ok(history) => history,
        Err(problem) => return sections::problem(html, &problem),
    };
    let found = for_history(app, generation, history.clone(), &cut()).await;
    html.open("<div class=columns>");
    sections::history(html, "Your history", &history, generation, Some(ids));
    list(html, generation, "Recommended", found, &ids.join(","));
    html.open("</div>");
}

fn list(html: &mut Html, generation: &Generation, title: &str, found: Result<Found, Problem>, base: &str) {
    match found {
        Ok(found) => sections::recommended(html, generation, title, &found, base),
        Err(problem) => sections::problem(html, &problem),
    }
}
