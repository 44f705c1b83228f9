//! A list that may become very long: it grows by blocks that stay where they are, so that none of it is ever
//! there twice.

use std::io;
use std::ops::{Index, IndexMut};

use crate::sys::memory;

/// How many items a block holds: few beside very many, and so many that the list of blocks is short.
const BLOCK: usize = 1024;

/// The list.
pub struct Blocks<T>(Vec<Vec<T>>);

impl<T> Blocks<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// How many items it has.
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }

    /// One more. There may be no memory for it.
    pub fn push(&mut self, item: T) -> io::Result<()> {
        if self.0.last().is_none_or(|last| last.len() == BLOCK) {
            let mut block = Vec::new();
            memory::reserve(&mut block, BLOCK)?;
            memory::reserve_for_growth(&mut self.0, 1)?;
            memory::require_room(0)?;
            self.0.push(block);
        }
        if let Some(last) = self.0.last_mut() {
            last.push(item);
        }
        Ok(())
    }

    /// The item of a number, if there is one.
    pub fn get(&self, number: usize) -> Option<&T> {
        self.0.get(number / BLOCK)?.get(number % BLOCK)
    }

    /// All items.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }
}

impl<T> Index<usize> for Blocks<T> {
    type Output = T;

    fn index(&self, number: usize) -> &T {
        &self.0[number / BLOCK][number % BLOCK]
    }
}

impl<T> IndexMut<usize> for Blocks<T> {
    fn index_mut(&mut self, number: usize) -> &mut T {
        &mut self.0[number / BLOCK][number % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_stays_where_it_is_and_is_found_by_its_number() {
        let mut blocks = Blocks::new();
        blocks.push(0).unwrap();
        let first: *const usize = &blocks[0];
        for number in 1..3 * BLOCK + 5 {
            assert_eq!(blocks.len(), number);
            blocks.push(number).unwrap();
        }
        assert!(std::ptr::eq(first, &blocks[0]));
        blocks.iter_mut().for_each(|item| *item += 1);
        assert!((0..blocks.len()).all(|number| blocks.get(number) == Some(&(number + 1))));
        assert_eq!(blocks.get(blocks.len()), None);
    }
}
