//! The fields of a manifest, read one by one; its lists entry by entry, so that a hostile one ends at its first
//! bad line, before it takes memory.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::VerifyLevel;
use super::checkpoint::Checkpoint;
use super::entries::Origin;
use super::lines::{
    BareLine, DirectoryLine, FileLine, Line, LinkLine, Lists, LiveLine, class_of, is_a_files,
};
use super::manifest::Manifest;
use super::totals::Totals;
use crate::paths::hex;

/// How too little memory for a list passes through the parser's errors.
pub const SHORTAGE: &str = "there is no memory for its lists";

/// For what a list has no memory.
pub fn shortage(_: io::Error) -> String {
    SHORTAGE.into()
}

/// Which fields a manifest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ours: those that are not known are passed over.
    Ours,
    /// Exactly Alopex's. Any other key must be covered by a checksum, else one flipped byte in a key would
    /// downgrade a manifest of ours silently.
    Bare,
    /// The head of ours, which ends before the lists.
    Head,
    /// A checkpoint's, which has files without checksums.
    Checkpoint,
}

/// The fields of a manifest but its lists.
#[derive(Debug)]
pub struct Read {
    /// The version, of a snapshot's or a checkpoint's.
    pub version: u64,
    /// The manifest, its lists empty.
    pub head: Manifest,
    /// What it says of the sums of its files; one of an older library says nothing.
    pub totals: Option<Totals>,
}

/// Reads all fields up to the end of the text.
pub fn read(text: impl io::Read, form: Form, lists: &mut impl Lists) -> serde_json::Result<Read> {
    let mut text = serde_json::Deserializer::from_reader(text);
    let read = text.deserialize_map(Fields { form, lists })?;
    text.end()?;
    Ok(read)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Version,
    Checkpoint,
    UntilClose,
    Id,
    DataDirId,
    StartedAtMs,
    FinishedAtMs,
    Layout,
    Rules,
    Metadata,
    FilesSkipped,
    FilesLeftOut,
    Tags,
    FreezeNs,
    Verify,
    Origins,
    Totals,
    Top,
    Directories,
    Links,
    Entries,
    #[serde(other)]
    Other,
}

impl Form {
    fn requires(self) -> &'static [Field] {
        use Field::*;
        match self {
            Form::Bare => &[Version, Entries],
            Form::Checkpoint => &[
                Checkpoint,
                UntilClose,
                Id,
                StartedAtMs,
                FinishedAtMs,
                Layout,
                Rules,
                Directories,
                Links,
                Entries,
            ],
            Form::Head => &Form::Ours.requires()[..Form::Ours.requires().len() - 3],
            Form::Ours => &[
                Version,
                StartedAtMs,
                FinishedAtMs,
                Layout,
                Rules,
                Metadata,
                FilesSkipped,
                FilesLeftOut,
                Directories,
                Links,
                Entries,
            ],
        }
    }
}

struct Fields<'l, L> {
    form: Form,
    lists: &'l mut L,
}

impl<'de, L: Lists> Visitor<'de> for Fields<'_, L> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut met = BTreeSet::new();
        let mut read = Read { version: 0, head: Manifest::default(), totals: None };
        while let Some(field) = map.next_key()? {
            if self.form == Form::Bare && !self.form.requires().contains(&field) {
                return Err(A::Error::custom("it has a key too many"));
            }
            if field != Field::Other && !met.insert(field) {
                return Err(A::Error::custom(format!("it has {field:?} twice")));
            }
            match field {
                Field::Version => read.version = map.next_value()?,
                Field::Checkpoint if self.form == Form::Checkpoint => read.version = map.next_value()?,
                Field::UntilClose if self.form == Form::Checkpoint => {
                    read.head.checkpoint = Some(Checkpoint { until_close: map.next_value()? });
                }
                Field::Totals => read.totals = Some(map.next_value()?),
                Field::Directories => map.next_value_seed(Lines::<_, DirectoryLine>::of(self.lists))?,
                Field::Links => map.next_value_seed(Lines::<_, LinkLine>::of(self.lists))?,
                Field::Entries if self.form == Form::Bare => {
                    map.next_value_seed(Lines::<_, BareLine>::of(self.lists))?;
                }
                Field::Entries if self.form == Form::Checkpoint => {
                    map.next_value_seed(Lines::<_, LiveLine>::of(self.lists))?;
                }
                Field::Entries => map.next_value_seed(Lines::<_, FileLine>::of(self.lists))?,
                other => self.head(&mut read.head, other, &mut map)?,
            }
        }
        match self.form.requires().iter().find(|field| !met.contains(field)) {
            Some(missing) => Err(A::Error::custom(format!("it lacks {missing:?}"))),
            None => Ok(read),
        }
    }
}

impl<L: Lists> Fields<'_, L> {
    fn head<'de, A: MapAccess<'de>>(
        &mut self,
        head: &mut Manifest,
        field: Field,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            Field::Id => head.id = map.next_value()?,
            Field::DataDirId => head.data_dir_id = map.next_value()?,
            Field::StartedAtMs => head.started_at_ms = map.next_value()?,
            Field::FinishedAtMs => head.finished_at_ms = map.next_value()?,
            Field::Layout => head.layout = map.next_value()?,
            Field::Rules => {
                let rules: Vec<(String, String)> = map.next_value()?;
                let rules = rules.into_iter().map(|(glob, class)| Ok((glob, class_of(&class)?)));
                head.rules = rules.collect::<Result<_, _>>().map_err(A::Error::custom::<String>)?;
            }
            Field::Metadata => {
                let digits: String = map.next_value()?;
                let bytes = hex::decode(&digits);
                head.metadata = bytes.ok_or_else(|| A::Error::custom("its metadata is not hexadecimal"))?;
            }
            Field::FilesSkipped => head.files_skipped = map.next_value()?,
            Field::FilesLeftOut => head.files_left_out = map.next_value()?,
            Field::Tags => head.tags = map.next_value()?,
            Field::FreezeNs => head.freeze_ns = map.next_value()?,
            Field::Verify => {
                head.verify = map.next_value::<Option<String>>()?.as_deref().and_then(VerifyLevel::from_name);
            }
            Field::Origins => head.origins = map.next_value::<Vec<Origin>>()?,
            Field::Top => {
                head.top = map.next_value()?;
                if head.top.is_some_and(|top| !is_a_files(top.mtime_ns)) {
                    return Err(A::Error::custom("its time of the data directory is no file's"));
                }
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// A list, each line of which is given away as it is read.
struct Lines<'l, L, T> {
    lists: &'l mut L,
    of: PhantomData<T>,
}

impl<'l, L, T> Lines<'l, L, T> {
    fn of(lists: &'l mut L) -> Self {
        Self { lists, of: PhantomData }
    }
}

impl<'de, L: Lists, T: Line> DeserializeSeed<'de> for Lines<'_, L, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, L: Lists, T: Line> Visitor<'de> for Lines<'_, L, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<(), A::Error> {
        while let Some(line) = lines.next_element::<T>()? {
            line.give(self.lists).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
