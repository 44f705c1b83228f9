//! Symbolic links in a source: what becomes of each is decided by what it leads to.

use std::path::Path;

use super::context::Place;
use super::plan::identity;
use super::source::Source;
use crate::error::{Code, Error, show};
use crate::root::claim::is_the_librarys;
use crate::settings::Symlinks;
use crate::sys::dir::Dir;

/// What becomes of a symbolic link.
pub enum Link {
    /// It is in the snapshot as it is.
    Preserved,
    /// It leads to a source whose prefix is the link's own place: that is what the snapshot has there.
    SourceInItsPlace,
    /// It leads to a backup root, or to what else is the library's own.
    NoData,
    /// No walk may capture it.
    Refused(Error),
}

/// Looks where a link leads.
pub fn follow(sources: &[Source], symlinks: Symlinks, place: &Place<'_>) -> Link {
    let Place { relative, path, .. } = place;
    let full = place.full();
    let refuse = |code, why: String| Link::Refused(Error::at(code, "listing", &full, why));
    let opened = Dir::open(&full).ok();
    if let Some(directory) = &opened {
        let led_to = identity(directory).ok();
        if let Some(other) = sources[1..].iter().find(|other| Some(other.is) == led_to) {
            if other.prefix == *path {
                return Link::SourceInItsPlace;
            }
            // Preserved, it would lead a restored copy to the live files.
            let why = format!(
                "it is a symbolic link to the source {}, which must have the link's own place as its prefix: {}, not {}",
                show(other.dir.path()),
                show(path),
                show(&other.prefix)
            );
            return refuse(Code::InvalidArgument, why);
        }
        if directory.entries().is_ok_and(|entries| is_the_librarys(relative, directory, &entries)) {
            return Link::NoData;
        }
    }
    if symlinks == Symlinks::Preserve {
        return Link::Preserved;
    }
    refuse(Code::Unsupported, why_refused(sources, place, opened.is_some()))
}

/// What would be missing, and what can be done. `is_directory`: the link leads to one.
fn why_refused(sources: &[Source], place: &Place<'_>, is_directory: bool) -> String {
    let Place { source, relative, path } = place;
    let full = place.full();
    let target = source.dir.read_link(relative).unwrap_or_default();
    let target = Path::new(&target);
    let real = full.canonicalize().unwrap_or_else(|_| target.to_path_buf());
    let is_captured = sources.iter().any(|source| real.starts_with(source.dir.path()));
    let preserved = match (target.is_relative(), real.starts_with(source.dir.path())) {
        (true, true) => "set_symlinks can preserve it",
        (true, false) => "set_symlinks can preserve it, and then a restored copy leads out of itself",
        (false, _) => {
            "set_symlinks can preserve it, and then a restored copy leads to the same place as this one"
        }
    };
    let led_to = real.clone();
    let real = show(&real);
    match is_directory {
        _ if is_captured => format!("it is a symbolic link to {real}, which is captured itself; {preserved}"),
        true if sources.iter().any(|source| source.dir.path().starts_with(&led_to)) => {
            format!(
                "it is a symbolic link to {real}, in which a source lies, so that it can be none; {preserved}; or a rule can exclude it"
            )
        }
        true => format!(
            "it is a symbolic link to the directory {real}, whose files would be missing: add that as a source with \
             the prefix {}; or {preserved}",
            show(path)
        ),
        false if full.exists() => {
            format!("it is a symbolic link to the file {real}, which would be missing; {preserved}")
        }
        false if leads_in_a_circle(&full) => {
            format!("it is a symbolic link that leads in a circle; {preserved}")
        }
        false => format!("it is a symbolic link to {real}, where nothing is; {preserved}"),
    }
}

fn leads_in_a_circle(link: &Path) -> bool {
    std::fs::metadata(link).is_err_and(|error| error.raw_os_error() == Some(libc::ELOOP))
}
