//! The live files that the host named, in place of a walk.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::context::{Context, Place};
use super::ids::NameId;
use super::observation::Observation;
use super::open_directory::OpenDirectory;
use super::source::locate;
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::job::{LiveFile, LiveFiles};
use crate::sys::dir::Kind;

const DOING: &str = "finding the live file";

/// Lists exactly the named files, and the directories above them.
pub fn list_named(
    context: &Context<'_>,
    survey: &mut Survey,
    live: &Arc<LiveFiles>,
    seen: &mut Observation,
) -> Result<()> {
    let names = match survey.named.take() {
        // No hook has said more since.
        Some((known, names)) if Arc::ptr_eq(&known, live) => names,
        _ => meet(context, survey, live)?,
    };
    let mut opened = OpenDirectory::new(&context.sources);
    for name in &names {
        context.monitor().check()?;
        let inode = find(context, survey, &mut opened, *name)?;
        survey.list_file(context, seen, *name, inode);
    }
    survey.named = Some((live.clone(), names));
    add_parents(survey, seen);
    Ok(())
}

/// Their names in the catalog, with what the host says of each.
fn meet(context: &Context<'_>, survey: &mut Survey, live: &LiveFiles) -> Result<Vec<NameId>> {
    let mut names = Vec::new();
    for (path, file) in live {
        let LiveFile::Source { class, length } = file else { continue };
        let (source, relative) = locate(&context.sources, path);
        // Were it walked, the rules would say; of the directories above it they need not.
        let prefix = &context.sources[source].prefix;
        let by_rules = |relative: &Path| context.plan().rules.class_of(&prefix.join(relative));
        let met = survey.catalog.meet_path(source, relative, by_rules);
        let name = met.map_err(|error| Error::io(DOING, path, error))?;
        survey.catalog[name].set_named(*class, *length);
        names.push(name);
    }
    Ok(names)
}

/// A file that the host named. It must be there: the host said so.
fn find(context: &Context<'_>, survey: &Survey, opened: &mut OpenDirectory<'_>, name: NameId) -> Result<u64> {
    let place = || context.place(&survey.catalog, name);
    let refuse = |place: Place<'_>, code, why: &str| Err(Error::at(code, DOING, &place.full(), why));
    let found = opened.stat(&survey.catalog, name).map_err(|error| place().failed(DOING, error))?;
    let Some(stat) = found else {
        return refuse(place(), Code::NotFound, "the host named it and it is not there");
    };
    if stat.kind != Kind::File {
        return refuse(place(), Code::InvalidArgument, "it is not a regular file");
    }
    if survey.catalog[name].limit().is_some_and(|limit| limit > stat.size) {
        let why = format!("it has {} bytes, fewer than the host named", stat.size);
        return refuse(place(), Code::SourceChanged, &why);
    }
    Ok(stat.inode)
}

/// All directories above the files, but the top of the data directory.
fn add_parents(survey: &Survey, seen: &mut Observation) {
    let catalog = &survey.catalog;
    let mut listed = HashSet::new();
    for name in &seen.files {
        let mut above = Some(catalog[*name].directory);
        // Once one is listed, so are those above it.
        while let Some(id) = above.filter(|id| *id != catalog.top(0) && listed.insert(*id)) {
            seen.directories.push(id);
            above = catalog[id].parent;
        }
    }
}
