//! What lies in a basket, and what it belongs to.

use std::collections::BTreeMap;

use osusume_association::{Hierarchy, ItemRole, NO_PARENT, Transactions};
use osusume_model::{Code, Control, Fault, OfferKind, Result};

use crate::catalogue::Goods;
use crate::config::{CategoryOffers, Consequents, FAMILY_LEVEL, Mine, PRODUCT_LEVEL};
use crate::kernel::association_fault;
use crate::plan::Join;

/// What no product has.
const NONE: u32 = u32::MAX;

/// Items of baskets: first those of `mine.level`, then those of each level above it.
pub(super) struct Levels {
    /// Name of each item; those above are told by their level, too, since a family may be called as a product is.
    pub(super) names: Vec<String>,
    /// What belongs to what; absent where only one level is asked for.
    pub(super) forest: Option<Hierarchy>,
    /// For each key, its item of `mine.level`; [`NONE`] for those that have none.
    pub(super) of_key: Vec<u32>,
    /// Items of `mine.level`.
    n_bought: u32,
    /// Where each level's items start, and the name of the level.
    starts: Vec<(usize, String)>,
    /// Levels whose items do not all belong to one of the next, and how many do not.
    shared: Vec<(String, String, u64)>,
}

/// One level: the item of each key among it, and the items' names.
struct Level {
    of_key: Vec<u32>,
    names: Vec<String>,
}

impl Levels {
    /// For `keys`, products or what takes their place. `stands_for` gives the key whose level counts for each.
    ///
    /// # Errors
    /// `ConfigUnknownName` for a level the products do not have.
    pub(super) fn new(
        goods: &Goods,
        config: &Mine,
        keys: &[String],
        stands_for: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        let asked =
            std::iter::once(("mine.level", &config.level)).chain(config.above.iter().map(|name| ("mine.above", name)));
        let mut levels = Vec::new();
        for (key, name) in asked.clone() {
            let join = goods.join(name, keys).ok_or_else(|| unknown_level(goods, key, name))?;
            levels.push(Level::new(&join, keys.len(), &stands_for));
        }
        let (mut names, mut starts) = (Vec::new(), Vec::new());
        for ((key, level), part) in asked.zip(&levels) {
            starts.push((names.len(), level.clone()));
            let name = |name: &String| if key == "mine.level" { name.clone() } else { format!("{level}:{name}") };
            names.extend(part.names.iter().map(name));
        }
        let n_bought = levels[0].names.len() as u32;
        let (parents, shared) = parents(&levels, &starts);
        let forest = Hierarchy::new(parents).expect("parents are of a level above");
        let forest = (levels.len() > 1).then_some(forest);
        Ok(Self { names, forest, of_key: levels.swap_remove(0).of_key, n_bought, starts, shared })
    }

    /// Of one level, for tests.
    #[cfg(test)]
    pub(super) fn plain(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let n_bought = names.len() as u32;
        let starts = vec![(0, PRODUCT_LEVEL.to_owned())];
        Self { names, forest: None, of_key: (0..n_bought).collect(), n_bought, starts, shared: Vec::new() }
    }

    /// How many items there are.
    pub(super) fn len(&self) -> u32 {
        self.names.len() as u32
    }

    /// What there is to say of items that lie in several of the level above them.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Fault> {
        self.shared.iter().map(|(level, above, items)| {
            let fault = Fault::new(Code::LevelsCross).named("mine.above").with("level", level.as_str());
            fault.with("above", above.as_str()).with("items", *items)
        })
    }

    /// Baskets with what their items belong to.
    ///
    /// # Errors
    /// `OutOfRange` for more than can be mined, and a stop asked for.
    pub(super) fn extend(&self, db: Transactions, control: &dyn Control) -> Result<Transactions> {
        let Some(forest) = &self.forest else { return Ok(db) };
        db.with_ancestors(forest, control).map_err(|error| association_fault(&error))
    }

    /// Items of a set with what they belong to, ascending.
    pub(super) fn with_ancestors(&self, set: &[u32]) -> Vec<u32> {
        let mut out = set.to_vec();
        out.extend(self.forest.iter().flat_map(|forest| set.iter().flat_map(|item| forest.ancestors(*item))));
        out.sort_unstable();
        out.dedup();
        out
    }

    /// For each item, the position of the offer it is; something of a level above only where that level is offered.
    pub(super) fn offered(&self, goods: &Goods, category: Option<&CategoryOffers>, config: &Mine) -> Vec<Option<u32>> {
        let is_of_baskets = |kind: OfferKind| (kind == OfferKind::Category) == config.is_of_purchases();
        let offers = (0..).zip(&goods.catalogue.offers).filter(|(_, offer)| is_of_baskets(offer.kind));
        let by_key: BTreeMap<&str, u32> = offers.map(|(at, offer)| (offer.key.as_str(), at)).collect();
        let offer = |(item, name): (usize, &String)| {
            let of_level = match self.level_above(item) {
                None => Some(name.as_str()),
                Some(level) => category.filter(|offered| offered.level == level).map(|_| &name[level.len() + 1..]),
            };
            by_key.get(of_level?).copied()
        };
        self.names.iter().enumerate().map(offer).collect()
    }

    /// Where each item may stand: what is offered on either side, everything else on the left only; or everything on either side.
    ///
    /// # Errors
    /// `ConfigUnknownName` when nothing may stand on the right.
    pub(super) fn roles(&self, offered: &[Option<u32>], config: &Mine) -> Result<Vec<ItemRole>> {
        if config.consequents == Consequents::All {
            return Ok(vec![ItemRole::Both; self.names.len()]);
        }
        let role = |offer: &Option<u32>| if offer.is_some() { ItemRole::Both } else { ItemRole::Antecedent };
        let roles: Vec<ItemRole> = offered.iter().map(role).collect();
        if roles.iter().any(|role| role.may_follow()) {
            return Ok(roles);
        }
        let allowed = vec!["mine.consequents = \"all\"".to_owned(), "mine.level = …".to_owned()];
        let fault = Fault::new(Code::ConfigUnknownName).named("mine.level").with("key", "mine.level");
        Err(fault.with("got", config.level.as_str()).with("allowed", allowed))
    }

    /// The level of an item that only stands above others.
    fn level_above(&self, item: usize) -> Option<&str> {
        let at = self.starts.partition_point(|(start, _)| *start <= item) - 1;
        (item >= self.n_bought as usize).then(|| self.starts[at].1.as_str())
    }
}

impl Level {
    fn new(join: &Join, n_keys: usize, stands_for: &impl Fn(usize) -> usize) -> Self {
        let of_key =
            |key: usize| join.map.get(stands_for(key)).copied().filter(|item| (*item as usize) < join.names.len());
        Self { of_key: (0..n_keys).map(|key| of_key(key).unwrap_or(NONE)).collect(), names: join.names.to_vec() }
    }
}

/// What each item belongs to: of the first level above in which any of its keys lies, the item in which most of them do, then the first.
fn parents(levels: &[Level], starts: &[(usize, String)]) -> (Vec<u32>, Vec<(String, String, u64)>) {
    let (mut parents, mut shared) = (Vec::new(), Vec::new());
    for (at, level) in levels.iter().enumerate() {
        let start = parents.len();
        parents.resize(start + level.names.len(), NO_PARENT);
        for (above, (first, name)) in levels.iter().zip(starts).skip(at + 1) {
            let mut keys: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            let pairs =
                level.of_key.iter().zip(&above.of_key).filter(|(item, parent)| **item != NONE && **parent != NONE);
            pairs.for_each(|(item, parent)| *keys.entry((*item, *parent)).or_default() += 1);
            let keys: Vec<((u32, u32), u64)> = keys.into_iter().collect();
            let mut n_shared = 0;
            for of_item in keys.chunk_by(|a, b| a.0.0 == b.0.0) {
                let parent = &mut parents[start + of_item[0].0.0 as usize];
                if *parent == NO_PARENT {
                    let most = of_item.iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.1.cmp(&a.0.1)));
                    *parent = *first as u32 + most.expect("a chunk has an entry").0.1;
                    n_shared += u64::from(of_item.len() > 1);
                }
            }
            if n_shared > 0 {
                shared.push((starts[at].1.clone(), name.clone(), n_shared));
            }
        }
    }
    (parents, shared)
}

fn unknown_level(goods: &Goods, key: &str, level: &str) -> Fault {
    let names = [PRODUCT_LEVEL, FAMILY_LEVEL].map(str::to_owned);
    let known: Vec<String> = goods.attributes.keys().cloned().chain(names).collect();
    Fault::new(Code::ConfigUnknownName).named(key).with("key", key).with("got", level).with("allowed", known)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six products in three categories and two departments.
    fn levels() -> (Vec<Level>, Vec<(usize, String)>) {
        let level = |of_key: &[u32], n: usize| Level { of_key: of_key.to_vec(), names: vec![String::new(); n] };
        let levels =
            vec![level(&[0, 1, 2, 3, 4, NONE], 5), level(&[0, 0, 1, 2, NONE, 2], 3), level(&[1, 0, 0, 1, 1, 1], 2)];
        (levels, vec![(0, "product".to_owned()), (5, "category".to_owned()), (8, "department".to_owned())])
    }

    #[test]
    fn an_item_belongs_where_most_of_its_products_do() {
        let (levels, starts) = levels();
        let (parents, shared) = parents(&levels, &starts);
        // Product 4 has no category and stands in its department; category 0 lies in both, and the first counts.
        assert_eq!(parents, [5, 5, 6, 7, 9, 8, 8, 9, NO_PARENT, NO_PARENT]);
        assert_eq!(shared, [("category".to_owned(), "department".to_owned(), 1)]);
    }

    #[test]
    fn a_set_has_everything_above_it_once() {
        let (levels, starts) = levels();
        let forest = Hierarchy::new(parents(&levels, &starts).0).unwrap();
        let plain = Levels::plain(&["a", "b", "c", "d", "e"]);
        assert_eq!(plain.with_ancestors(&[0, 3]), [0, 3]);
        let all = Levels { forest: Some(forest), ..plain };
        assert_eq!(all.with_ancestors(&[0, 1, 3]), [0, 1, 3, 5, 7, 8, 9]);
    }
}
