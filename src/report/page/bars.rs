//! Numbers drawn as bars and intervals within the cells of a table. Each has its text beside it.

use maud::{Markup, html};

/// A value between 0 and the largest of its column, with the number.
pub(super) fn bar(value: f64, largest: f64) -> Markup {
    let width = percent(value, largest);
    html! {
        span.bar aria-hidden="true" { span style={ "width:" (width) "%" } {} }
        span.value { (format!("{value:.4}")) }
    }
}

/// A value with its interval, and what the paper has, on the axis from 0 to `largest`.
pub(super) fn interval(value: f64, low: f64, high: f64, largest: f64) -> Markup {
    let (start, end, place) = (percent(low, largest), percent(high, largest), percent(value, largest));
    html! {
        span.range aria-hidden="true" {
            span.line style={ "left:" (start) "%;width:" (format!("{:.2}", (end - start).max(0.5))) "%" } {}
            span.dot style={ "left:" (place) "%" } {}
        }
        span.value { (format!("{value:.4} [{low:.4}, {high:.4}]")) }
    }
}

/// The part of the largest value, in percent with two places.
fn percent(value: f64, largest: f64) -> f64 {
    if largest > 0.0 { (10_000.0 * (value / largest).clamp(0.0, 1.0)).round() / 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part_of_the_largest() {
        assert!(bar(0.25, 0.5).into_string().contains("width:50%"));
        assert!(bar(0.1, 0.0).into_string().contains("width:0%"));
        let text = interval(0.2, 0.1, 0.3, 0.4).into_string();
        assert!(text.contains("left:25%;width:50.00%") && text.contains("0.2000 [0.1000, 0.3000]"), "{text}");
    }
}
