//! Items and the categories they belong to.

use crate::Error;

/// No parent.
pub const NO_PARENT: u32 = u32::MAX;

/// A forest over the items: products, their families, the families' departments.
///
/// A rule between an item and its ancestor holds always and says nothing, so no set ever contains both
/// (Srikant and Agrawal, "Mining Generalized Association Rules", 1995, section 3).
#[derive(Clone, Debug)]
pub struct Hierarchy {
    parents: Vec<u32>,
    spans: Vec<Span>,
}

/// The places of an item and of all below it, when a forest is written down in preorder: one span lies within another when the item is below
/// the other, else they have no place in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Hierarchy {
    /// `parents[i]` is the parent of item `i`, or [`NO_PARENT`].
    ///
    /// # Errors
    /// [`Error::Item`] for a parent that is no item, [`Error::Circle`].
    pub fn new(parents: Vec<u32>) -> Result<Self, Error> {
        let n_items = parents.len() as u32;
        if let Some(basket) = parents.iter().position(|p| *p != NO_PARENT && *p >= n_items) {
            return Err(Error::Item { basket, item: parents[basket], n_items });
        }
        let spans = spans(&parents)?;
        Ok(Self { parents, spans })
    }

    /// How many items it covers.
    pub fn n_items(&self) -> u32 {
        self.parents.len() as u32
    }

    /// Parent, grandparent and so on.
    pub fn ancestors(&self, item: u32) -> impl Iterator<Item = u32> + '_ {
        let parent = |item: u32| Some(self.parents[item as usize]).filter(|p| *p != NO_PARENT);
        std::iter::successors(parent(item), move |item| parent(*item))
    }

    /// Whether one is an ancestor of the other. O(1).
    pub fn is_related(&self, a: u32, b: u32) -> bool {
        let (a, b) = (self.span(a), self.span(b));
        a.start != b.start && (a.holds(b) || b.holds(a))
    }

    pub(crate) fn span(&self, item: u32) -> Span {
        self.spans[item as usize]
    }

    /// Whether no other item is above or below it.
    pub(crate) fn is_alone(&self, item: u32) -> bool {
        let span = self.span(item);
        self.parents[item as usize] == NO_PARENT && span.end - span.start == 1
    }
}

impl Span {
    /// Whether another item is this one or below it.
    pub(crate) fn holds(self, other: Self) -> bool {
        (self.start..self.end).contains(&other.start)
    }
}

/// The span of every item. O(items).
fn spans(parents: &[u32]) -> Result<Vec<Span>, Error> {
    let order = from_below(parents)?;
    let mut spans = vec![Span::default(); parents.len()];
    // First how many there are below each and itself, as ends.
    for item in &order {
        spans[*item as usize].end += 1;
        let (parent, len) = (parents[*item as usize], spans[*item as usize].end);
        if parent != NO_PARENT {
            spans[parent as usize].end += len;
        }
    }
    // Then, from above, each takes the next free places of its parent; all roots share one above them.
    let mut next = vec![0; parents.len() + 1];
    for item in order.iter().rev() {
        let parent = (parents[*item as usize] as usize).min(parents.len());
        let (start, len) = (next[parent], spans[*item as usize].end);
        next[parent] += len;
        next[*item as usize] = start + 1;
        spans[*item as usize] = Span { start, end: start + len };
    }
    Ok(spans)
}

/// All items, each before its parent.
fn from_below(parents: &[u32]) -> Result<Vec<u32>, Error> {
    let mut n_children = vec![0_u32; parents.len() + 1];
    // Who has no parent is a child of the place after the last.
    let parent_of = |item: u32| (parents[item as usize] as usize).min(parents.len());
    let items = 0..parents.len() as u32;
    items.clone().for_each(|item| n_children[parent_of(item)] += 1);
    let mut order: Vec<u32> = items.clone().filter(|item| n_children[*item as usize] == 0).collect();
    let mut at = 0;
    while at < order.len() {
        let parent = parent_of(order[at]);
        n_children[parent] -= 1;
        if n_children[parent] == 0 && parent < parents.len() {
            order.push(parent as u32);
        }
        at += 1;
    }
    // Who goes in a circle waits for itself.
    match items.into_iter().find(|item| n_children[*item as usize] > 0) {
        Some(item) => Err(Error::Circle { item }),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relation_is_by_descent_only() {
        let forest = Hierarchy::new(vec![2, 2, 3, NO_PARENT]).unwrap();
        assert_eq!(forest.ancestors(0).collect::<Vec<_>>(), [2, 3]);
        assert!(forest.is_related(0, 3) && forest.is_related(3, 0) && !forest.is_related(0, 1));
    }

    /// Every two of a forest of chains, fans and single items, its numbers in no order.
    #[test]
    fn spans_tell_descent() {
        let n_items = 60_u32;
        let number = |at: u32| at * 17 % n_items;
        let mut parents = vec![NO_PARENT; n_items as usize];
        for at in 1..n_items {
            if at % 7 != 0 {
                parents[number(at) as usize] = number(at * at % 5 * at / 5);
            }
        }
        parents[number(0) as usize] = NO_PARENT;
        let forest = Hierarchy::new(parents).unwrap();
        for a in 0..n_items {
            let related = |b: u32| forest.ancestors(a).any(|it| it == b) || forest.ancestors(b).any(|it| it == a);
            assert!((0..n_items).all(|b| forest.is_related(a, b) == related(b)), "{a}");
            assert_eq!(forest.is_alone(a), !(0..n_items).any(related), "{a}");
        }
    }

    #[test]
    fn circles_and_strangers_are_refused() {
        assert_eq!(Hierarchy::new(vec![1, 0]).unwrap_err(), Error::Circle { item: 0 });
        assert!(matches!(Hierarchy::new(vec![9]), Err(Error::Item { item: 9, .. })));
    }
}
