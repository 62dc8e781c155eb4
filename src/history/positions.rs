//! Where a writer stands in a file, and which lines of its next request are new.
//! Clients resend what was not answered, so a line below the position was kept before and is dropped.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Position of one writer in one file of one generation of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the first line not seen yet.
    pub next_line: u64,
}

/// The part of a request that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Number of the first kept line.
    pub first_line: u64,
    /// Indices into the request's lines.
    pub lines: Range<usize>,
}

impl Position {
    /// Takes `count` lines sent at `offset` and moves behind them. Gaps are accepted: a client that lost lines on its
    /// side would otherwise never get past them.
    pub fn accept(&mut self, offset: u64, count: usize) -> Accepted {
        let known = self.next_line.saturating_sub(offset);
        let skipped = usize::try_from(known).unwrap_or(usize::MAX).min(count);
        let end = offset.saturating_add(count as u64);
        if skipped < count {
            self.next_line = self.next_line.max(end);
        }
        Accepted { first_line: offset.saturating_add(skipped as u64), lines: skipped..count }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_replay_is_dropped_and_an_overlap_is_cut() {
        let mut position = Position::default();

        assert_eq!(position.accept(0, 3), Accepted { first_line: 0, lines: 0..3 });
        assert_eq!(position.accept(0, 3), Accepted { first_line: 3, lines: 3..3 });
        assert_eq!(position.accept(1, 4), Accepted { first_line: 3, lines: 2..4 });
        assert_eq!(position.accept(9, 1), Accepted { first_line: 9, lines: 0..1 });
        assert_eq!(position, Position { next_line: 10 });
    }

    #[test]
    fn an_empty_request_moves_nothing() {
        let mut position = Position { next_line: 4 };

        assert!(position.accept(100, 0).lines.is_empty());
        assert_eq!(position.next_line, 4);
    }

    #[derive(Debug, Clone)]
    enum Send {
        Next(usize),
        Again(usize),
        Overlap { back: u64, count: usize },
        Gap { ahead: u64, count: usize },
    }

    fn sends() -> impl Strategy<Value = Vec<Send>> {
        let send = prop_oneof![
            (0usize..6).prop_map(Send::Next),
            any::<usize>().prop_map(Send::Again),
            (0u64..8, 0usize..8).prop_map(|(back, count)| Send::Overlap { back, count }),
            (1u64..5, 0usize..4).prop_map(|(ahead, count)| Send::Gap { ahead, count }),
        ];
        proptest::collection::vec(send, 0..40)
    }

    proptest! {
        /// The model keeps every line by number, first come first kept; the position must agree without the map.
        #[test]
        fn each_line_is_kept_once_whatever_is_sent_again(sends in sends()) {
            let mut position = Position::default();
            let mut kept: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
            let mut past: Vec<(u64, usize)> = Vec::new();
            let mut highest = 0u64;
            for (request, send) in sends.iter().enumerate() {
                let (offset, count) = match send {
                    Send::Next(count) => (highest, *count),
                    Send::Again(which) if !past.is_empty() => past[which % past.len()],
                    Send::Again(_) => (0, 0),
                    Send::Overlap { back, count } => (highest.saturating_sub(*back), *count),
                    Send::Gap { ahead, count } => (highest + ahead, *count),
                };
                past.push((offset, count));

                let accepted = position.accept(offset, count);

                for (number, index) in (accepted.first_line..).zip(accepted.lines.clone()) {
                    prop_assert_eq!(number, offset + index as u64);
                    prop_assert_eq!(kept.insert(number, (request, index)), None);
                }
                // Whatever was sent above everything seen is kept; below that nothing new may appear.
                let new = (offset..offset + count as u64).filter(|number| *number >= highest).count();
                prop_assert_eq!(accepted.lines.len(), new);
                if count > 0 {
                    highest = highest.max(offset + count as u64);
                }
                prop_assert_eq!(position.next_line, highest);

                let mut again = position;
                prop_assert!(again.accept(offset, count).lines.is_empty());
                prop_assert_eq!(again, position);
            }
        }
    }
}
