//! A user's list as JSON without copies of its names: most requests ask for one.

use crate::catalogue::Catalogue;
use crate::recommending::Found;
use contract::questions::Service;

/// The body of a user's list: what [`super::answers::Recommendations`] is as JSON.
pub(super) fn body(catalogue: &Catalogue, service: &Service, found: &Found, user: &str, offset: usize) -> Vec<u8> {
    render(catalogue, (&service.model, &service.run), found, user, offset)
}

fn render(catalogue: &Catalogue, (model, run): (&str, &str), found: &Found, user: &str, offset: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(256 + 128 * found.items.len());
    add(&mut body, "{\"user\":");
    add_json(&mut body, user);
    add(&mut body, ",\"source\":\"");
    add(&mut body, found.source.as_str());
    add(&mut body, "\",\"model\":");
    add_json(&mut body, model);
    add(&mut body, ",\"run\":");
    add_json(&mut body, run);
    add(&mut body, ",\"items\":[");
    for (place, (item, score)) in found.items.iter().enumerate() {
        add(&mut body, if place == 0 { "{\"rank\":" } else { ",{\"rank\":" });
        add_json(&mut body, &(offset + place + 1));
        add(&mut body, ",");
        add(&mut body, catalogue.fields(*item));
        add(&mut body, ",\"score\":");
        add_json(&mut body, score);
        add(&mut body, "}");
    }
    add(&mut body, "],\"next_offset\":");
    add_json(&mut body, &found.has_more.then_some(offset + found.items.len()));
    add(&mut body, "}");
    body
}

fn add(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(text.as_bytes());
}

fn add_json(body: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Texts and numbers are always JSON, and memory can always be written.
    drop(serde_json::to_writer(body, value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::answers::Recommendations;
    use contract::questions::{ItemRow, ListSource, ListsHead};

    #[test]
    fn a_list_is_rendered_as_its_type_says() {
        let item = |id: &str, title: &str| ItemRow {
            id: id.to_owned(),
            title: title.to_owned(),
            brand: String::new(),
            categories: String::new(),
            codes: Vec::new(),
            by_embedding: Vec::new(),
            by_codes: Vec::new(),
        };
        let head = ListsHead { items: 2, max_history: 9, popular: vec![1, 0], not_live: None };
        let catalogue = Catalogue::new(vec![item("a\"b", "\u{e9}\n<i>"), item("c", "")], &head);
        let maker = || ("m\\".to_owned(), "run".to_owned());
        for (items, has_more, source) in [
            (vec![(0, Some(-0.1)), (1, Some(1.0e-20))], true, ListSource::Cached),
            (vec![(1, None)], false, ListSource::Popular),
            (Vec::new(), false, ListSource::Live),
        ] {
            let found = Found { source, items, has_more };
            let user = "us\"er\u{1}";
            let expected = Recommendations::named(&catalogue, maker(), &found, Some(user.to_owned()), 3);
            let (model, run) = maker();
            let rendered = String::from_utf8(render(&catalogue, (&model, &run), &found, user, 3)).unwrap();
            assert_eq!(rendered, serde_json::to_string(&expected).unwrap());
        }
    }
}
