//! What is brought of packs: stretches of wanted blobs that lie beside each other or nearly so, each by one request,
//! and kept until all that is wanted of them was taken, since small files that follow each other mostly lie in one.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hotbackup::Result;

use crate::format::Id;
use crate::repository::{Index, Place, Repository, names};
use crate::store::PendingGet;

/// What one request brings, at most, unless a single blob is longer: two pieces of a mebibyte, sealed, though they did
/// not shrink. Little, since all that is on its way is in memory.
const LONGEST: u64 = (2 << 20) + (64 << 10);

/// Bytes between wanted blobs that cost less than a request: what an older snapshot's pieces leave of a file that
/// changes in place has many holes.
const GAP: u64 = 256 << 10;

/// How many bytes ahead are asked for: some requests at once.
pub const AHEAD: u64 = 2 * LONGEST;

/// How many bytes are kept for each file that is being read, and once more for all: the stretch that it is in and those
/// that were asked for. What is dropped while it is wanted must be brought again.
const KEPT: u64 = LONGEST + AHEAD;

/// A stretch of a pack, and how often a blob in it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    pack: u32,
    range: Range<u64>,
    wanted: u32,
}

/// All that is wanted of a repository.
pub struct Spans {
    repository: Repository,
    index: Index,
    spans: Vec<Span>,
    kept: Mutex<VecDeque<Kept>>,
    readers: AtomicU64,
}

/// A file that is being read, for as long as it is.
pub struct Reading<'a>(&'a AtomicU64);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A stretch that is kept, until all that is wanted of it was taken or others have come since.
struct Kept {
    number: usize,
    left: u32,
    cell: Arc<Cell>,
}

/// A stretch that is on its way, or has come.
struct Cell(Mutex<State>);

enum State {
    Coming(PendingGet),
    Here(Arc<Vec<u8>>),
    Failed,
}

impl Spans {
    /// Of these blobs, each of which the index has, as often as each is needed.
    pub fn new(repository: &Repository, index: Index, wanted: &[Id]) -> Self {
        let mut places: Vec<(u32, u32, u32)> = wanted
            .iter()
            .filter_map(|id| index.find(id))
            .map(|place| (place.pack_number, place.offset, place.length))
            .collect();
        places.sort_unstable();
        let (repository, spans) = (repository.clone(), joined(&places));
        Self { repository, index, spans, kept: Mutex::default(), readers: AtomicU64::new(0) }
    }

    /// Makes room for one more file that is being read.
    pub fn reading(&self) -> Reading<'_> {
        self.readers.fetch_add(1, Relaxed);
        Reading(&self.readers)
    }

    /// Where a blob lies.
    pub fn place(&self, id: &Id) -> Option<Place> {
        self.index.find(id)
    }

    /// The object that a blob lies in.
    pub fn object(&self, place: &Place) -> String {
        names::pack(&self.index.pack(place.pack_number))
    }

    /// Asks for a blob's stretch ahead of its need.
    pub fn will_need(&self, place: &Place) -> Result<()> {
        self.cell(self.number_of(place)).map(drop)
    }

    /// A blob's sealed bytes, given to `take`.
    pub fn with<T>(&self, place: &Place, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let number = self.number_of(place);
        let bytes = self.bytes(number)?;
        let start = (u64::from(place.offset) - self.spans[number].range.start) as usize;
        let taken = take(&bytes[start..start + place.length as usize]);
        self.took(number);
        Ok(taken)
    }

    /// Lets go of a stretch with the last blob that is wanted of it.
    fn took(&self, number: usize) {
        let mut kept = lock(&self.kept);
        let Some(at) = kept.iter().position(|one| one.number == number) else { return };
        kept[at].left = kept[at].left.saturating_sub(1);
        if kept[at].left == 0 {
            kept.remove(at);
        }
    }

    /// Lets go of a blob's stretch: what came is bad.
    pub fn forget(&self, place: &Place) {
        let number = self.number_of(place);
        lock(&self.kept).retain(|kept| kept.number != number);
    }

    fn number_of(&self, place: &Place) -> usize {
        let at = (place.pack_number, u64::from(place.offset));
        self.spans.partition_point(|span| (span.pack, span.range.start) <= at).saturating_sub(1)
    }

    fn cell(&self, number: usize) -> Result<Arc<Cell>> {
        let mut kept = lock(&self.kept);
        if let Some(at) = kept.iter().position(|one| one.number == number)
            && let Some(found) = kept.remove(at)
        {
            let cell = found.cell.clone();
            kept.push_back(found);
            return Ok(cell);
        }
        let Span { pack, range, wanted } = &self.spans[number];
        let name = names::pack(&self.index.pack(*pack));
        let pending = self.repository.store.get_later(&name, range.clone())?;
        let cell = Arc::new(Cell(Mutex::new(State::Coming(pending))));
        kept.push_back(Kept { number, left: *wanted, cell: cell.clone() });
        self.drop_oldest(&mut kept);
        Ok(cell)
    }

    /// Down to what may be kept; the newest stays whatever its length.
    fn drop_oldest(&self, kept: &mut VecDeque<Kept>) {
        let length = |one: &Kept| self.spans[one.number].range.end - self.spans[one.number].range.start;
        let most = KEPT * (self.readers.load(Relaxed) + 1);
        let mut bytes: u64 = kept.iter().map(length).sum();
        while bytes > most && kept.len() > 1 {
            bytes -= kept.pop_front().map_or(0, |oldest| length(&oldest));
        }
    }

    fn bytes(&self, number: usize) -> Result<Arc<Vec<u8>>> {
        let cell = self.cell(number)?;
        let mut state = lock(&cell.0);
        match std::mem::replace(&mut *state, State::Failed) {
            State::Here(bytes) => {
                *state = State::Here(bytes.clone());
                Ok(bytes)
            }
            State::Coming(pending) => {
                let bytes = Arc::new(pending.wait()?);
                *state = State::Here(bytes.clone());
                Ok(bytes)
            }
            State::Failed => {
                let Span { pack, range, .. } = &self.spans[number];
                let name = names::pack(&self.index.pack(*pack));
                self.repository.store.get_range(&name, range.clone()).map(Arc::new)
            }
        }
    }
}

/// Stretches of places that are sorted.
fn joined(places: &[(u32, u32, u32)]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (pack, offset, length) in places {
        let (start, end) = (u64::from(*offset), u64::from(*offset) + u64::from(*length));
        match spans.last_mut() {
            Some(last)
                if last.pack == *pack
                    && start <= last.range.end + GAP
                    && (end - last.range.start <= LONGEST || end <= last.range.end) =>
            {
                last.range.end = last.range.end.max(end);
                last.wanted += 1;
            }
            _ => spans.push(Span { pack: *pack, range: start..end, wanted: 1 }),
        }
    }
    spans
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_that_lie_beside_each_other_come_by_one_request_up_to_its_length() {
        let part = LONGEST as u32 / 8;
        let places: Vec<_> =
            (0..10).map(|number| (1, number * part, part)).chain([(2, 0, 9 * part); 2]).collect();
        let spans = joined(&places);
        let part = u64::from(part);
        let span = |pack, range, wanted| Span { pack, range, wanted };
        assert_eq!(
            spans,
            [span(1, 0..8 * part, 8), span(1, 8 * part..10 * part, 2), span(2, 0..9 * part, 2)]
        );
    }

    #[test]
    fn a_hole_that_is_cheaper_than_a_request_comes_along() {
        let piece = 45 << 10;
        let every_other: Vec<_> = (0..20).map(|number| (1, number * 2 * piece, piece)).collect();
        let end = u64::from(39 * piece);
        assert_eq!(joined(&every_other), [Span { pack: 1, range: 0..end, wanted: 20 }]);
    }

    #[test]
    fn what_lies_far_apart_comes_by_requests_of_its_own() {
        assert_eq!(joined(&[(1, 0, 10), (1, 20, 10), (1, 1 << 20, 10)]).len(), 2);
    }
}
