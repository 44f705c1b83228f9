//! The page in a browser: nothing to complain of, nothing cut off, light and dark.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Made, Place, has};

const WIDTHS: [u32; 2] = [400, 1600];

/// What a headless browser makes of a page.
fn browse(profile: &Path, page: &Path, more: &[&str]) -> (String, String) {
    let mut browser = Command::new("chromium");
    browser.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
    browser.args([
        "--disable-background-networking",
        "--disable-dev-shm-usage",
        "--allow-file-access-from-files",
    ]);
    browser.args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000"]).args(more);
    browser.arg(format!("--user-data-dir={}", profile.display())).arg(format!("file://{}", page.display()));
    let output = browser.output().expect("chromium runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n"))
}

/// A root with everything that a page can show.
fn crowded() -> Place {
    let place = Place::named("a-root-with-a-rather-long-name-which-has-to-go-on-several-lines");
    place.add_many(200);
    let now = crate::common::now();
    place.add_unreadable(now - 3 * crate::common::DAY - 1);
    let long = "a-tag-that-is-far-too-long-for-the-column-of-a-narrow-page-and-has-no-place-to-break";
    place.add(Made { ended: now + 1, tags: &["<script>alert(1)</script>", long], ..Made::default() });
    place.add_damaged();
    fs::write(
        place.path("page.html"),
        place.page(&["--keep-daily", "14", "--keep-monthly", "12", "--keep-tag", long]),
    )
    .unwrap();
    place
}

/// Shows a page in a frame of this width with all that is folded open, and says how wide it would like to be.
fn wanted_width(place: &Place, page: &str, width: u32) -> u32 {
    let measure = format!(
        "<!DOCTYPE html><iframe src=\"{page}\" style=\"width:{width}px;height:900px;border:0\"></iframe><output></output>\
         <script>onload = () => {{ const inside = frames[0].document; \
         inside.querySelectorAll('details').forEach(details => details.open = true); \
         document.querySelector('output').textContent = 'wide ' + inside.documentElement.scrollWidth; }}</script>"
    );
    fs::write(place.path("measure.html"), measure).unwrap();
    let (dom, _) = browse(
        &place.path("profile"),
        &place.path("measure.html"),
        &["--dump-dom", "--window-size=1800,1000"],
    );
    let (_, after) = dom.split_once("<output>wide ").unwrap_or_else(|| panic!("nothing was measured: {dom}"));
    after.split_once('<').expect("it ends").0.parse().expect("a number")
}

#[test]
fn the_page_fits_a_telephone_and_a_wide_screen() {
    if !has("chromium") {
        return;
    }
    let place = crowded();
    for width in WIDTHS {
        assert_eq!(wanted_width(&place, "page.html", width), width, "nothing needs scrolling sideways");
    }
    // That is seen where it is so.
    fs::write(place.path("wide.html"), "<!DOCTYPE html><p style=\"width:900px\">wide</p>").unwrap();
    assert!(wanted_width(&place, "wide.html", 400) > 900);
}

#[test]
fn the_page_is_shown_light_and_dark_and_the_browser_has_nothing_to_say() {
    if !has("chromium") {
        return;
    }
    let place = crowded();
    let shown = std::env::var_os("HOTBACKUP_SCREENSHOTS").map_or_else(|| place.path(""), Into::into);
    fs::create_dir_all(&shown).unwrap();
    for width in WIDTHS {
        let pictures = [("light", 1), ("dark", 0)].map(|(scheme, number)| {
            let picture = shown.join(format!("page-{width}-{scheme}.png"));
            let (_, complaints) = browse(
                &place.path("profile"),
                &place.path("page.html"),
                &[
                    &format!("--screenshot={}", picture.display()),
                    &format!("--window-size={width},2000"),
                    &format!("--blink-settings=preferredColorScheme={number}"),
                ],
            );
            assert_eq!(complaints, "");
            let bytes = fs::read(&picture).expect("there is a picture");
            assert_eq!(bytes[16..20], width.to_be_bytes(), "it is as wide as the window");
            bytes
        });
        assert_ne!(pictures[0], pictures[1], "dark is not light");
    }
    // What a browser says is heard.
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    fs::write(
        place.path("bad.html"),
        page.replace("</main>", "</main><img src=\"x.png\"><script>alert(1)</script>"),
    )
    .unwrap();
    let (_, complaints) = browse(&place.path("profile"), &place.path("bad.html"), &["--dump-dom"]);
    assert!(complaints.contains("Content Security Policy"), "{complaints}");
}
