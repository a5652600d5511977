//! Which two items no set may hold together.

use super::ranked::Frequent;
use crate::{Hierarchy, ItemRole};

/// What the caller forbids.
pub(crate) struct Conflicts<'a> {
    pub roles: Option<&'a [ItemRole]>,
    pub hierarchy: Option<&'a Hierarchy>,
}

impl Conflicts<'_> {
    /// Whether the items of two ranks may not stand in one set: both stand only on the right, or one is the other's ancestor.
    pub(crate) fn between(&self, frequent: &Frequent, a: u32, b: u32) -> bool {
        if self.roles.is_none() && self.hierarchy.is_none() {
            return false;
        }
        let (a, b) = (frequent.items[a as usize], frequent.items[b as usize]);
        let is_last = |item: u32| self.roles.is_some_and(|roles| roles[item as usize] == ItemRole::Consequent);
        (is_last(a) && is_last(b)) || self.hierarchy.is_some_and(|hierarchy| hierarchy.is_related(a, b))
    }
}
