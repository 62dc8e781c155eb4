//! One page of a list, and where the next one starts.

/// How many entries a page of the administrators' lists has.
pub(super) const PAGE: usize = 100;

/// Part of a list. `next` is the cursor after it; without one there is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Of what was asked for with the limit `PAGE`: a full page may be followed by another.
    pub(super) fn of(found: Vec<(C, T)>) -> Self
    where
        C: Copy,
    {
        let next = found.last().filter(|_| found.len() >= PAGE).map(|(cursor, _)| *cursor);
        Self { items: found.into_iter().map(|(_, item)| item).collect(), next }
    }
}
