//! Tables that the live engine is still writing. An engine that opens the checkpoint for writing may give their
//! number to a file of its own, and empties what has that name: so they are never linked.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use crate::common::{bytes, write};
use crate::{checkpoint, database, rocksdb};
use hotbackup::Code;

#[test]
fn a_table_that_has_a_writer_is_copied_and_not_linked() {
    let place = database();
    let live = place.data().join("000012.sst");
    let mut building = File::create(&live).unwrap();
    building.write_all(&bytes(50_000, 7)).unwrap();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let copied = job.location().join("000012.sst");
    assert_ne!(fs::metadata(&copied).unwrap().ino(), fs::metadata(&live).unwrap().ino());
    // What an engine does that takes that number in the checkpoint.
    write(&copied, b"another");
    assert_eq!(fs::read(&live).unwrap(), bytes(50_000, 7));
    drop(building);
    let next = checkpoint(&place, &rocksdb()).unwrap();
    assert_eq!(
        fs::metadata(next.location().join("000012.sst")).unwrap().ino(),
        fs::metadata(&live).unwrap().ino()
    );
}

#[test]
fn a_table_that_shrinks_under_its_pin_is_a_point_that_is_gone() {
    let place = database();
    let table = place.data().join("000005.sst");
    let mut options = rocksdb();
    let cut = table.clone();
    // As an engine would that truncates what it deletes, as soon as its writes go on.
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            if cut.exists() {
                File::options().write(true).open(&cut)?.set_len(10)?;
                fs::remove_file(&cut)?;
            }
            Ok(())
        },
    );
    let job = checkpoint(&place, &options).unwrap();
    assert!(!job.location().join("000005.sst").exists());
    assert!(job.location().join("cold/000006.sst").exists());
    // One that was cut and stays is never taken for whole.
    let table = place.data().join("cold/000006.sst");
    let mut options = rocksdb();
    let cut = table.clone();
    options
        .hooks()
        .freeze_thaw(|_| Ok(()), move |_| Ok(File::options().write(true).open(&cut)?.set_len(10)?));
    let error = place.harmless(|| checkpoint(&place, &options));
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(table.as_path())), "{error}");
}
