//! How a file is cut into pieces: fixed ones, so that a page that changed in place is one piece that changed.

use hotbackup::FileClass;

/// The pieces of what only grows or never changes.
const LARGE: u64 = 1 << 20;

/// The smallest pieces of what is written in place.
const SMALL: u64 = 64 << 10;

/// A file has at most so many pieces: its node is one JSON text with 67 bytes for each, which is sent whole whenever
/// the file changes.
const MOST: u64 = 1 << 20;

/// A file that grows keeps its pieces until it has so many: with others all of it would be sent again.
const MOST_GROWN: u64 = 1 << 22;

/// The largest pieces.
pub const LARGEST: u64 = 8 << 20;

/// The length of a file's pieces. `before`: those that its last snapshot had. `wanted`: what the host chose.
pub fn length(size: u64, class: Option<FileClass>, before: Option<u64>, wanted: Option<u64>) -> u64 {
    if let Some(before) = before
        && size.div_ceil(before) <= MOST_GROWN
    {
        return before;
    }
    let is_grown = matches!(class, Some(FileClass::Immutable { .. } | FileClass::AppendOnly));
    let mut length = wanted.unwrap_or(if is_grown { LARGE } else { SMALL });
    while length < LARGEST && size.div_ceil(length) > MOST {
        length *= 2;
    }
    length
}

/// The length of the pieces of a file that was cut into so many; `None`: into none that tell it, or not by us.
pub fn length_of(size: u64, pieces: u64) -> Option<u64> {
    let mut length = SMALL;
    while length <= LARGEST {
        if size.div_ceil(length) == pieces && pieces > 1 {
            return Some(length);
        }
        length *= 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn pages_have_small_pieces_and_tables_large_ones() {
        assert_eq!(length(GIB, Some(FileClass::Mutable), None, None), SMALL);
        assert_eq!(length(GIB, None, None, None), SMALL);
        assert_eq!(length(GIB, Some(FileClass::IMMUTABLE), None, None), LARGE);
        assert_eq!(length(64 * GIB, Some(FileClass::Pinned), None, None), SMALL);
        assert_eq!(length(1024 * GIB, Some(FileClass::Pinned), None, None), LARGE);
    }

    #[test]
    fn a_file_that_grows_keeps_its_pieces_until_they_are_far_too_many() {
        let before = length_of(GIB, GIB / SMALL);
        assert_eq!(before, Some(SMALL));
        assert_eq!(length(200 * GIB, Some(FileClass::Mutable), before, None), SMALL);
        assert_eq!(length(300 * GIB, Some(FileClass::Mutable), before, None), 512 << 10);
    }

    #[test]
    fn what_another_program_has_cut_tells_nothing() {
        assert_eq!(length_of(GIB, 777), None);
        assert_eq!(length_of(10, 1), None);
    }
}
