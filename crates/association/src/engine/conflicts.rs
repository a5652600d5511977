//! Which items no set may hold together.

use crate::{Hierarchy, ItemRole, ItemsetParams};

/// What the caller forbids.
pub(crate) struct Conflicts<'a> {
    /// Absent unless some item stands only on the right.
    roles: Option<&'a [ItemRole]>,
    hierarchy: Option<&'a Hierarchy>,
}

/// Items of a hierarchy in its preorder: start and end of their spans and where they stood.
pub(crate) type Order = Vec<(u32, u32, u32)>;

impl<'a> Conflicts<'a> {
    pub(crate) fn new(params: &ItemsetParams<'a>) -> Self {
        Self { roles: params.roles.filter(|roles| roles.contains(&ItemRole::Consequent)), hierarchy: params.hierarchy }
    }

    /// Whether nothing is forbidden.
    pub(crate) fn are_none(&self) -> bool {
        self.roles.is_none() && self.hierarchy.is_none()
    }

    /// Whether two items may not stand in one set: both stand only on the right, or one is the other's ancestor.
    pub(crate) fn between(&self, a: u32, b: u32) -> bool {
        let is_last = |item: u32| self.roles.is_some_and(|roles| roles[item as usize] == ItemRole::Consequent);
        self.hierarchy.is_some_and(|hierarchy| hierarchy.is_related(a, b)) || (is_last(a) && is_last(b))
    }

    /// Calls `f` with the positions of every two of `items` of which one is the other's ancestor. O(items log items + pairs).
    pub(crate) fn for_each_related(
        &self,
        items: impl Iterator<Item = u32>,
        order: &mut Order,
        mut f: impl FnMut(usize, usize),
    ) {
        let Some(hierarchy) = self.hierarchy else { return };
        order.clear();
        for (at, item) in (0..).zip(items) {
            if !hierarchy.is_alone(item) {
                let span = hierarchy.span(item);
                order.push((span.start, span.end, at));
            }
        }
        order.sort_unstable();
        for (idx, (_, end, at)) in order.iter().enumerate() {
            // Who is below an item follows it.
            for (_, _, below) in order[idx + 1..].iter().take_while(|(start, _, _)| start < end) {
                f(*at as usize, *below as usize);
            }
        }
    }
}
