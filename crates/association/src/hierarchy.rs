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
        let mut leads_to_a_root = vec![false; parents.len()];
        for item in 0..n_items {
            let mut path = Vec::new();
            let mut at = item;
            while at != NO_PARENT && !leads_to_a_root[at as usize] {
                if path.len() == parents.len() {
                    return Err(Error::Circle { item });
                }
                path.push(at);
                at = parents[at as usize];
            }
            for it in path {
                leads_to_a_root[it as usize] = true;
            }
        }
        Ok(Self { parents })
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

    /// Whether one is an ancestor of the other.
    pub fn is_related(&self, a: u32, b: u32) -> bool {
        self.ancestors(a).any(|it| it == b) || self.ancestors(b).any(|it| it == a)
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

    #[test]
    fn circles_and_strangers_are_refused() {
        assert_eq!(Hierarchy::new(vec![1, 0]).unwrap_err(), Error::Circle { item: 0 });
        assert!(matches!(Hierarchy::new(vec![9]), Err(Error::Item { item: 9, .. })));
    }
}
