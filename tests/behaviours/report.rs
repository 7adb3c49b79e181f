//! `pipe report` writes one page that needs nothing else.

use crate::space::{QUICK, Space};
use std::path::{Path, PathBuf};
use std::process::Command;

const KNN: &str = "\n[stage.item-knn]\nuses = \"item-knn\"\ninputs = { interactions = \"ingest.interactions\" }\n";

/// Two models, one of them swept over a number.
fn measured() -> Space {
    let space = Space::new();
    let both = "{ popularity = \"popularity.rankings\", item-knn = \"item-knn.rankings\" }";
    let quick = QUICK.replace("{ popularity = \"popularity.rankings\" }", both) + KNN;
    space.write("quick.toml", format!("{quick}\n[sweep]\n\"item-knn.history\" = [20, 2]\n"));
    space.succeed(&["run", "quick", "--name", "measured"]);
    space
}

fn page(space: &Space, arguments: &[&str]) -> (PathBuf, String) {
    space.succeed(&[&["report"], arguments, &["--output", "page.html"]].concat());
    let path = space.path("page.html");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn a_pipeline_is_one_file_with_all_its_sections() {
    let space = measured();
    let (_, text) = page(&space, &["quick"]);
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    for part in [
        "<h2>Metrics</h2>",
        "Intervals",
        "By length",
        "Stages",
        "Reports",
        "Parameters and digests",
        "item-knn.history",
    ] {
        assert!(text.contains(part), "there is no {part}");
    }
    // The pictures: the graph, and a curve for each metric of the sweep.
    assert!(text.matches("<img").count() >= 2, "{} pictures", text.matches("<img").count());
    assert_eq!(text.matches("<img").count(), text.matches(" alt=\"").count(), "every picture has an alternative text");
    assert_eq!(text.matches("<table").count(), text.matches("<caption").count(), "every table has a caption");
    assert!(text.contains("scope=\"col\"") && text.contains("scope=\"row\"") && text.contains("lang=\"en\""));
}

#[test]
fn it_takes_nothing_from_the_network() {
    let space = measured();
    let (_, text) = page(&space, &["quick"]);
    for address in ["src=\"http", "href=\"http", "url(http", "@import", "<link"] {
        assert!(!text.contains(address), "{address}");
    }
}

#[test]
fn runs_stand_on_one_page_by_their_names() {
    let space = measured();
    space.succeed(&["run", "quick", "--set", "popularity.top_k=30", "--name", "longer"]);
    let (_, text) = page(&space, &["run:measured", "run:longer"]);
    assert!(text.contains("<h2>measured</h2>") && text.contains("<h2>longer</h2>"));
    assert!(text.contains("pipe run quick --name measured"));
}

#[test]
fn a_pipeline_without_results_has_a_page_too() {
    let space = Space::quick();
    let (_, text) = page(&space, &["quick"]);
    assert!(text.contains("No stage wrote a report.") && !text.contains("<h2>Metrics</h2>"));
}

/// Says what is wrong with the layout: a page that is wider than the window, text that is cut, boxes that overlap.
const LAYOUT: &str = r#"<script>
document.querySelectorAll("details").forEach((part) => { part.open = true; });
const faults = [];
if (document.documentElement.scrollWidth > window.innerWidth) faults.push("the page is wider than the window");
const inside = (box) => box.closest(".scroll, .picture, .skip");
for (const box of document.querySelectorAll("body *")) {
  if (inside(box)) continue;
  const place = box.getBoundingClientRect();
  if (place.width > 0 && place.right > window.innerWidth + 1) faults.push("cut: " + box.tagName + " " + box.textContent.slice(0, 40));
}
const blocks = [...document.querySelectorAll("h1, h2, h3, h4, .scroll, .picture, figcaption, summary, p")].map((box) => [box, box.getBoundingClientRect()]).filter(([, place]) => place.height > 0);
for (const [one, a] of blocks) for (const [other, b] of blocks) {
  if (one === other || one.contains(other) || other.contains(one)) continue;
  if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) faults.push("overlap: " + one.textContent.slice(0, 30) + " / " + other.textContent.slice(0, 30));
}
parent.postMessage(faults.length ? faults.slice(0, 5).join("; ") : "none", "*");
</script>"#;

/// A page that shows another in a frame of some width, since a window has a least width, and keeps what it says.
const FRAME: &str = r#"<!DOCTYPE html><body data-faults="nothing was said"><script>
addEventListener("message", (event) => { document.body.dataset.faults = event.data; });
</script><iframe src="checked.html" style="border:0;width:WIDTHpx;height:900px"></iframe></body>"#;

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&folders)
        .flat_map(|folder| ["chromium", "chromium-browser"].map(|name| folder.join(name)));
    places.into_iter().find(|path| path.is_file())
}

fn faults(browser: &Path, page: &Path, profile: &Path) -> String {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--window-size=1600,1000", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.split_once("data-faults=\"").and_then(|(_, rest)| rest.split_once('"'));
    found
        .unwrap_or_else(|| panic!("the browser did not run the page: {}", String::from_utf8_lossy(&output.stderr)))
        .0
        .to_owned()
}

#[test]
fn nothing_is_cut_or_overlaps_on_a_wide_window_and_a_phone() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: there is no chromium in PATH");
        return;
    };
    let space = measured();
    let (_, text) = page(&space, &["quick", "run:measured"]);
    let checked = text.replace("</body>", &format!("{LAYOUT}</body>"));
    assert_ne!(checked, text);
    space.write("checked.html", checked);
    for width in [1440, 390] {
        let frame = format!("frame-{width}.html");
        space.write(&frame, FRAME.replace("WIDTH", &width.to_string()));
        let found = faults(&browser, &space.path(&frame), &space.path(&format!("profile-{width}")));
        assert_eq!(found, "none", "at {width} pixels");
    }
}
