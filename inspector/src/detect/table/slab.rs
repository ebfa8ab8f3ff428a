//! Where the entries of a table lie: in the order they came, so that it takes the memory of what is in it.

/// Entries of a block.
const BLOCK: usize = 64;

/// Entries by place, in blocks that are never moved: to grow costs no copies of large entries.
#[derive(Debug)]
pub(super) struct Slab<T> {
    blocks: Vec<Vec<Option<T>>>,
    /// Places that were given up.
    free: Vec<usize>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.blocks.get_mut(at / BLOCK)?.get_mut(at % BLOCK)?.as_mut()
    }

    /// A place where nothing is, to put something in.
    pub(super) fn room(&mut self) -> usize {
        self.len += 1;
        if let Some(at) = self.free.pop() {
            return at;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        self.blocks.last_mut().map_or(before, |block| {
            block.push(None);
            before + block.len() - 1
        })
    }

    /// Puts something into a place, which is built there.
    pub(super) fn put(&mut self, at: usize, make: impl FnOnce() -> T) -> Option<&mut T> {
        let room = self.blocks.get_mut(at / BLOCK)?.get_mut(at % BLOCK)?;
        Some(room.insert(make()))
    }

    /// Drops what is there.
    pub(super) fn remove(&mut self, at: usize) {
        let room = self.blocks.get_mut(at / BLOCK).and_then(|block| block.get_mut(at % BLOCK));
        if room.is_some_and(|room| room.take().is_some()) {
            self.len -= 1;
            self.free.push(at);
        }
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten().flatten()
    }
}
