//! Which requests are open.

use std::collections::VecDeque;

use super::error::CallError;

/// Ids are told apart by their low 16 bits, which half as many are for sure.
const MOST: usize = 1 << 15;

/// The requests from the oldest open one on.
#[derive(Debug)]
pub(super) struct Window {
    oldest: u64,
    /// Whether each was answered, from the oldest on, which was not.
    answered: VecDeque<bool>,
    open: usize,
    limit: usize,
}

impl Window {
    /// No requests yet, of which as many can be open as both rings hold.
    pub(super) fn new(slots: usize) -> Self {
        Self { oldest: 0, answered: VecDeque::new(), open: 0, limit: slots.min(MOST) }
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether another request has to wait: also if one is so old that ids could be mistaken.
    pub(super) fn is_full(&self) -> bool {
        self.open >= self.limit || self.answered.len() >= MOST
    }

    /// Request `id` is open now; ids go up one by one.
    pub(super) fn asked(&mut self, id: u64) {
        if self.answered.is_empty() {
            self.oldest = id;
        }
        self.answered.push_back(false);
        self.open += 1;
    }

    /// The request that a response with this tag answers.
    pub(super) fn answered(&mut self, tag: u16) -> Result<u64, CallError> {
        let ahead = tag.wrapping_sub(self.oldest as u16);
        match self.answered.get_mut(usize::from(ahead)) {
            Some(answered) if !*answered => *answered = true,
            _ => return Err(CallError::Unasked { id: tag }),
        }
        let id = self.oldest.wrapping_add(u64::from(ahead));
        self.open -= 1;
        while self.answered.front() == Some(&true) {
            self.answered.pop_front();
            self.oldest = self.oldest.wrapping_add(1);
        }
        Ok(id)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_any_order() {
        for first in [0, u64::MAX - 1, (1 << 16) - 2] {
            let mut window = Window::new(4);
            let ids: Vec<u64> = (0..4).map(|i| first.wrapping_add(i)).collect();
            ids.iter().for_each(|id| window.asked(*id));
            assert!(window.is_full());
            for i in [2, 0, 3, 1] {
                assert_eq!(window.answered(ids[i] as u16), Ok(ids[i]));
                assert_eq!(window.answered(ids[i] as u16), Err(CallError::Unasked { id: ids[i] as u16 }));
            }
            assert_eq!((window.open(), window.answered.len()), (0, 0));
            window.asked(first.wrapping_add(4));
            assert_eq!(window.open(), 1);
        }
    }

    #[test]
    fn an_old_request_does_not_make_ids_ambiguous() {
        let mut window = Window::new(8);
        window.asked(0);
        for id in 1..MOST as u64 {
            assert!(!window.is_full());
            window.asked(id);
            window.answered(id as u16).unwrap();
        }
        assert!(window.is_full());
        assert_eq!(window.answered(0), Ok(0));
        assert!(!window.is_full());
    }
}
