//! Where snapshots of a root were pushed to: of each repository the last push, so that another one in its place is
//! noticed before anything depends on it.

use std::collections::BTreeMap;

use super::book::Book;
use super::line::{Line, lines_of};
use crate::error::Result;
use crate::root::names::{NEW_REMOTE, REMOTE};
use crate::sys::clock::wall_ms;
use crate::sys::dir::Dir;

fn book(root: &Dir) -> Book<'_> {
    Book { root, name: REMOTE, new: NEW_REMOTE }
}

/// The id of the repository at `place` that was last pushed to; `None`: none ever was, as far as can be read.
pub fn repository_at(root: &Dir, place: &str) -> Option<String> {
    last_pushes(&book(root).text()).remove(place).and_then(|line| match line {
        Line::Pushed { repository, .. } => Some(repository),
        _ => None,
    })
}

/// Writes down that the repository at `place` has the snapshot of that id.
pub fn pushed(root: &Dir, place: &str, repository: &str, id: &str) -> Result<()> {
    let line = Line::Pushed {
        to: place.to_string(),
        repository: repository.to_string(),
        id: id.to_string(),
        at_ms: wall_ms(),
    };
    book(root).rewrite(|text| {
        let mut last = last_pushes(&text);
        last.insert(place.to_string(), line);
        last.into_values().collect()
    })
}

fn last_pushes(text: &[u8]) -> BTreeMap<String, Line> {
    let named = |line: Line| match &line {
        Line::Pushed { to, .. } => Some((to.clone(), line)),
        _ => None,
    };
    lines_of(text).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_place_the_last_push_is_known() {
        let place = tempfile::tempdir().unwrap();
        let root = Dir::open(place.path()).unwrap();
        assert_eq!(repository_at(&root, "s3://a"), None);
        for (to, repository) in [("s3://a", "1"), ("s3://b", "2"), ("s3://a", "3")] {
            pushed(&root, to, repository, "x").unwrap();
        }
        assert_eq!(repository_at(&root, "s3://a").as_deref(), Some("3"));
        assert_eq!(repository_at(&root, "s3://b").as_deref(), Some("2"));
        assert_eq!(std::fs::read_to_string(place.path().join(REMOTE)).unwrap().lines().count(), 2);
    }
}
