//! What the page says, and how it is written.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::common::{DAY, Made, Place, now};

#[test]
fn the_page_says_what_the_manifests_say() {
    let place = Place::new();
    place.add(Made { ended: now() - 40 * DAY, shared: 0, took: 75, freeze_ns: 0, ..Made::default() });
    place.add(Made { tags: &["before 4.2"], ..Made::default() });
    let page = place.page(&[]);
    for said in [
        "1.00 GiB of its own, 9.00 GiB shared",
        "<small>freeze 7 ms</small>",
        "1 min 15 s",
        "<bdi class=\"tag\">before 4.2</bdi>",
        "The newest good snapshot was made ",
        "40 d ago",
        "2 good",
        "Free space",
        concat!("by hotbackup ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("Needs attention") && !page.contains("Next prune"), "{page}");
}

#[test]
fn an_empty_root_has_a_page_that_says_so() {
    let page = Place::new().page(&["--keep-newest", "3"]);
    assert!(page.contains("There are no snapshots here yet.") && page.ends_with("</html>\n"), "{page}");
    assert!(!page.contains("<svg") && !page.contains("<table"), "{page}");
}

#[test]
fn what_is_not_good_is_at_the_top_with_its_reason() {
    let place = Place::new();
    place.add_many(3);
    place.add_unreadable(now() - 9 * DAY);
    place.add_damaged();
    let page = place.page(&[]);
    let (_, attention) = page.split_once("Needs attention").expect("there is a section");
    let (attention, _) = attention.split_once("</section>").expect("it ends");
    assert!(attention.contains("damaged</span>") && attention.contains("hotbackup verify"), "{attention}");
    assert!(
        attention.contains("unreadable</span>") && attention.contains("reading the manifest "),
        "{attention}"
    );
    assert!(page.contains("3 good, 1 damaged, 1 unreadable"), "{page}");
    assert!(page.contains("2 of 5 snapshots are not good"), "{page}");
}

#[test]
fn without_a_good_snapshot_the_page_says_that_first() {
    let place = Place::new();
    place.add_unreadable(now());
    assert!(place.page(&[]).contains("<p class=\"lede bad\">There is no good snapshot here.</p>"));
}

#[test]
fn a_policy_says_of_each_snapshot_whether_it_goes_and_why() {
    let place = Place::new();
    place.add_many(5);
    place.add(Made { ended: now() - 20 * DAY, tags: &["release"], ..Made::default() });
    let page = place.page(&["--keep-newest", "2", "--keep-tag", "release", "--keep-within", "36h"]);
    assert!(page.contains("3 snapshots stay and 3 go;"), "{page}");
    assert_eq!(page.matches("<strong>goes</strong> <small>no rule keeps it</small>").count(), 3);
    assert!(page.contains("stays <small>tagged release</small>"), "{page}");
    for rule in ["--keep-newest 2", "--keep-within 36h", "--keep-tag release"] {
        assert!(page.contains(&format!("<bdi>{rule}</bdi>")), "{rule}: {page}");
    }
    assert_eq!(
        fs::read_dir(&place.root).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(),
        6
    );
}

#[test]
fn manifests_that_say_too_much_are_shown_all_the_same() {
    let place = Place::new();
    for day in 0..3 {
        place.add(Made {
            ended: now() - day * DAY,
            bytes: u64::MAX,
            shared: u64::MAX - 1,
            ..Made::default()
        });
    }
    assert!(place.page(&[]).contains("16.0 EiB"));
    let root = place.root.to_str().unwrap();
    place.run(["list", root, "--prometheus", "db.prom"]).succeeds();
    place.run(["report", root, "--json"]).succeeds();
}

#[test]
fn hostile_names_and_tags_are_text() {
    let place = Place::named("<script>alert(1)<\u{e001}'\" onload='x'");
    let tags = ["</td><script>alert(2)</script>", "\"><img src=x onerror=alert(3)>", "a\u{202e}b\0c", "&lt;"];
    place.add(Made { tags: &tags, ..Made::default() });
    place.add_unreadable(now() - DAY);
    let page = place.page(&["--keep-tag", "<script>alert(4)</script>"]);
    for (at, _) in page.match_indices(['<']) {
        let name: String = page[at + 1..].chars().take_while(|letter| letter.is_ascii_alphabetic()).collect();
        assert!(!["script", "img"].contains(&name.as_str()), "{}", &page[at..at + 40]);
    }
    assert!(!page.contains("onload='x'") && page.contains("onload=&#39;x&#39;"));
    assert!(
        page.contains("<bdi class=\"tag\">&amp;lt;</bdi>") && page.contains(">a\u{fffd}b\u{fffd}c</bdi>"),
        "{page}"
    );
    assert!(!page.contains(['\u{202e}', '\0']));
}

#[test]
fn the_page_needs_nothing_beside_itself() {
    let place = Place::new();
    place.add_many(3);
    let page = place.page(&[]);
    for outside in ["http:", "https:", "//", "src=", "url(", "@import", "<script", "<iframe", "<object"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"data:,\"").count());
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""));
}

#[test]
fn many_snapshots_are_folded_by_month_and_none_is_lost() {
    let place = Place::new();
    place.add_many(1_000);
    let page = place.page(&[]);
    assert_eq!(page.matches("<span class=\"name\">ts-").count(), 1_000);
    let (open, folded) = page.split_once("</table>\n<details>\n<summary>").expect("older ones are folded");
    let (_, open) = open.split_once("id=\"snapshots\"").expect("a section");
    assert_eq!(open.matches("<span class=\"name\">ts-").count(), 30);
    assert!(
        (31..36).contains(&folded.matches("<summary>").count()),
        "{}",
        folded.matches("<summary>").count()
    );
    let bars = page.matches("<rect ").count();
    assert!((4 * 80..=5 * 80).contains(&bars), "{bars}");
}

#[test]
fn the_page_is_in_order_for_whoever_hears_it() {
    let place = Place::new();
    place.add_many(3);
    let page = place.page(&[]);
    assert_eq!(page.matches("<h1>").count(), 1);
    assert!(!page.contains("<h3") && page.contains("<html lang=\"en\">") && page.contains("<main>"));
    assert_eq!(page.matches("<svg role=\"img\"").count(), page.matches("<desc id=").count());
    let headers = page.matches("<th ").count();
    assert!(headers > 10 && headers == page.matches("<th scope=").count());
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
}

#[test]
fn the_page_takes_its_place_when_it_is_whole() {
    let place = Place::new();
    place.add_many(2);
    let root = place.root.to_str().unwrap();
    fs::write(place.path("page.html"), "the old one").unwrap();
    symlink("page.html", place.path("link.html")).unwrap();
    let ran = place.run(["report", root, "-o", "link.html"]).succeeds();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("the page is link.html\n", ""));
    assert!(fs::read_to_string(place.path("page.html")).unwrap().ends_with("</html>\n"));
    assert!(place.path("link.html").is_symlink());
    assert_eq!(place.beside(), ["link.html", "page.html"], "nothing is left behind");
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_old_one() {
    let place = Place::new();
    place.add_many(1);
    let root = place.root.to_str().unwrap();
    let ran = place.run(["report", root, "-o", "nowhere/page.html"]).exits(3);
    assert!(ran.err.contains("writing the page nowhere/page.html"), "{ran:#?}");
    fs::write(place.path("page.html"), "the old one").unwrap();
    // Two blocks: room for the old page, not for the new one.
    let limited = format!("ulimit -f 2; exec {} report {root} -o page.html", env!("CARGO_BIN_EXE_hotbackup"));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; {limited}")]).current_dir(place.path(""));
    let ran = crate::common::Ran::of(shell.output().unwrap()).exits(7);
    assert!(ran.err.contains("one that was there is as it was"), "{ran:#?}");
    assert_eq!(fs::read_to_string(place.path("page.html")).unwrap(), "the old one");
    assert_eq!(place.beside(), ["page.html"]);
}

#[test]
fn json_has_the_numbers_with_a_page_or_without() {
    let place = Place::new();
    place.add_many(3);
    place.add_unreadable(now() - 9 * DAY);
    let root = place.root.to_str().unwrap();
    let ran = place.run(["report", root, "--json", "-o", "page.html", "--keep-newest", "1"]).succeeds();
    let numbers: Value = ran.json();
    assert_eq!(
        (&numbers["good"], &numbers["unreadable"], &numbers["file"]),
        (&3.into(), &1.into(), &"page.html".into())
    );
    let newest = &numbers["snapshots"][0];
    assert_eq!(
        (&newest["bytes_own"], &newest["duration_seconds"]),
        (&(1_u64 << 30).saturating_add(2 << 26).into(), &20.0.into())
    );
    assert_eq!((&newest["goes"], &newest["verified_level"]), (&false.into(), &"checksum".into()));
    assert_eq!(numbers["snapshots"][1]["why"], "no rule keeps it");
    assert_eq!(numbers["snapshots"][3]["error"]["code"], "CORRUPT");
    let alone: Value = place.run(["report", root, "--json"]).succeeds().json();
    assert_eq!((&alone["file"], &alone["snapshots"][0]["goes"]), (&Value::Null, &Value::Null));
}

#[test]
fn where_the_page_goes_must_be_said() {
    let place = Place::new();
    let root = place.root.to_str().unwrap();
    for arguments in [&["report", root][..], &["report", root, "-o", "-", "--json"]] {
        let ran = place.run(arguments).exits(2);
        assert!(ran.err.contains("give -o FILE") && !ran.out.contains("<html"), "{ran:#?}");
    }
}
