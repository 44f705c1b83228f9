//! The further sources of a data directory, by a record in it: each prefix has its directory. Where two
//! are swapped, or the disk of one is not mounted, a snapshot would hold what does not belong together.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::{self, DataDir};
use super::names::{LIFECYCLE, NEW_SOURCES, SOURCES};
use super::record::{VERSION, read_small, text_of, write};
use crate::error::{Code, Error, Result};
use crate::paths::PathText;
use crate::sys::dir::Dir;

const USING: &str = "using the source";

#[derive(Default, Serialize, Deserialize)]
struct KnownSources {
    version: u32,
    sources: Vec<KnownSource>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownSource {
    prefix: PathText,
    id: Uuid,
}

/// Each prefix has the directory that it had before, or, with `adopt`, has this one from now on. One that has no id yet
/// and holds something is new: what was restored may have taken the old one's place.
pub fn expect_sources(data_dir: &Dir, further: &[(&Path, Dir)], adopt: bool) -> Result<()> {
    let known = KnownSources::of(data_dir)?;
    let mut now = known.sources.clone();
    for (prefix, source) in further {
        if !adopt {
            known.expect(prefix, source)?;
        }
        now.retain(|known| known.prefix.path().as_deref() != Some(*prefix));
        // One that cannot hold an id is known by nothing.
        let id = DataDir::identify(source)?.id;
        now.extend(id.map(|id| KnownSource { prefix: PathText::of(prefix), id }));
    }
    if now != known.sources {
        let _can_hold_it = write(
            data_dir,
            NEW_SOURCES,
            SOURCES,
            &text_of(&KnownSources { version: VERSION, sources: now }),
        )?;
    }
    Ok(())
}

/// Fails where the record of them is damaged.
pub fn are_readable(data_dir: &Dir) -> Result<()> {
    KnownSources::of(data_dir).map(drop)
}

/// Refuses a directory that is another than its prefix had before, without writing anything down.
pub fn refuse_another(data_dir: &Dir, prefix: &Path, source: &Dir) -> Result<()> {
    KnownSources::of(data_dir)?.expect(prefix, source)
}

impl KnownSources {
    fn expect(&self, prefix: &Path, source: &Dir) -> Result<()> {
        let had = self.sources.iter().find(|known| known.prefix.path().as_deref() == Some(prefix));
        had.map_or(Ok(()), |had| had.expect(prefix, source))
    }

    fn of(data_dir: &Dir) -> Result<Self> {
        let Some(bytes) = read_small(data_dir, SOURCES)? else { return Ok(Self::default()) };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(known) if known.version == VERSION => Ok(known),
            _ => {
                let path = data_dir.full(Path::new(SOURCES));
                let why = "it is damaged, or of another version; once it is removed, each prefix may have any directory once";
                Err(Error::at(Code::Corrupt, "reading the sources of a data directory", &path, why))
            }
        }
    }
}

impl KnownSource {
    fn expect(&self, prefix: &Path, source: &Dir) -> Result<()> {
        let refuse = |code, why: String| {
            let why = format!("{why}; set_adopt_root takes this one");
            Err(Error::at(code, USING, source.path(), why))
        };
        match id::read(source)? {
            Some(id) if id == self.id => Ok(()),
            Some(id) => {
                let prefix = crate::error::show(prefix);
                let why =
                    format!("it has the id {id}, and what had the prefix {prefix} before has {}", self.id);
                refuse(Code::Conflict, why)
            }
            None if is_empty(source)? => {
                let why =
                    format!("the directory {} was here, and now it is empty (is its disk mounted?)", self.id);
                refuse(Code::NotFound, why)
            }
            None => Ok(()),
        }
    }
}

fn is_empty(source: &Dir) -> Result<bool> {
    let entries = source.entries().map_err(|error| Error::io("listing", source.path(), error))?;
    Ok(entries.iter().all(|entry| entry.name == LIFECYCLE || entry.name == "lost+found"))
}
