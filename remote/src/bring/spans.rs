//! What is brought of packs: stretches of wanted blobs that lie beside each other, each by one request, and a few of
//! them kept, since small files that follow each other mostly lie in one.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hotbackup::Result;

use crate::format::Id;
use crate::repository::{Index, Place, Repository, names};
use crate::store::PendingGet;

/// What one request brings, at most, unless a single blob is longer.
const LONGEST: u64 = 4 << 20;

/// Bytes between wanted blobs that cost less than a request.
const GAP: u64 = 32 << 10;

/// How many stretches are kept.
const KEPT: usize = 10;

/// A stretch of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    pack: u32,
    range: Range<u64>,
}

/// All that is wanted of a repository.
pub struct Spans {
    repository: Repository,
    index: Index,
    spans: Vec<Span>,
    kept: Mutex<VecDeque<(usize, Arc<Cell>)>>,
}

/// A stretch that is on its way, or has come.
struct Cell(Mutex<State>);

enum State {
    Coming(PendingGet),
    Here(Arc<Vec<u8>>),
    Failed,
}

impl Spans {
    /// Of these blobs, each of which the index has.
    pub fn new(repository: &Repository, index: Index, wanted: &[Id]) -> Self {
        let mut places: Vec<(u32, u32, u32)> = wanted
            .iter()
            .filter_map(|id| index.find(id))
            .map(|place| (place.pack_number, place.offset, place.length))
            .collect();
        places.sort_unstable();
        places.dedup();
        Self { repository: repository.clone(), index, spans: joined(&places), kept: Mutex::default() }
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
        Ok(take(&bytes[start..start + place.length as usize]))
    }

    /// Lets go of a blob's stretch: what came is bad.
    pub fn forget(&self, place: &Place) {
        let number = self.number_of(place);
        lock(&self.kept).retain(|(kept, _)| *kept != number);
    }

    fn number_of(&self, place: &Place) -> usize {
        let at = (place.pack_number, u64::from(place.offset));
        self.spans.partition_point(|span| (span.pack, span.range.start) <= at).saturating_sub(1)
    }

    fn cell(&self, number: usize) -> Result<Arc<Cell>> {
        let mut kept = lock(&self.kept);
        if let Some(at) = kept.iter().position(|(kept, _)| *kept == number)
            && let Some(found) = kept.remove(at)
        {
            let cell = found.1.clone();
            kept.push_back(found);
            return Ok(cell);
        }
        let Span { pack, range } = &self.spans[number];
        let name = names::pack(&self.index.pack(*pack));
        let pending = self.repository.store.get_later(&name, range.clone())?;
        let cell = Arc::new(Cell(Mutex::new(State::Coming(pending))));
        kept.push_back((number, cell.clone()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(cell)
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
                let Span { pack, range } = &self.spans[number];
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
                    && end - last.range.start <= LONGEST =>
            {
                last.range.end = last.range.end.max(end);
            }
            _ => spans.push(Span { pack: *pack, range: start..end }),
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
        let mib = 1 << 20;
        let places: Vec<_> = (0..6).map(|number| (1, number * mib, mib)).chain([(2, 0, 9 * mib)]).collect();
        let spans = joined(&places);
        let mib = u64::from(mib);
        let span = |pack, range| Span { pack, range };
        assert_eq!(spans, [span(1, 0..4 * mib), span(1, 4 * mib..6 * mib), span(2, 0..9 * mib)]);
    }

    #[test]
    fn what_lies_far_apart_comes_by_requests_of_its_own() {
        assert_eq!(joined(&[(1, 0, 10), (1, 20, 10), (1, 1 << 20, 10)]).len(), 2);
    }
}
