//! What can be wrong with a catalogue.

/// A contradiction in the catalogue, with the names it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Products are not sorted by key, or a key stands twice.
    #[error("product `{product}` stands twice or out of order")]
    NotSorted {
        /// The later of the two.
        product: String,
    },
    /// Tier 0 means that nothing is held.
    #[error("product `{product}` has no tier from 1 to 65535")]
    TierZero {
        /// The product.
        product: String,
    },
    /// A required family has no product.
    #[error("product `{product}` requires the unknown family `{family}`")]
    UnknownRequired {
        /// The product.
        product: String,
        /// What it requires.
        family: String,
    },
    /// An excluded name is neither a family nor a product.
    #[error("product `{product}` excludes `{name}`, neither a family nor a product")]
    UnknownExcluded {
        /// The product.
        product: String,
        /// What it excludes.
        name: String,
    },
    /// A product excludes its own family, or a family it requires.
    #[error("product `{product}` excludes the family `{family}` that it needs")]
    ExcludesNeeded {
        /// The product.
        product: String,
        /// The family.
        family: String,
    },
    /// These products can never be held, because each waits for another.
    #[error("products {products:?} require each other")]
    RequiresCycle {
        /// The products, sorted.
        products: Vec<String>,
    },
    /// A product replaces one of another family.
    #[error("product `{product}` replaces `{replaced}` of another family")]
    ReplacesOtherFamily {
        /// The product.
        product: String,
        /// What it replaces.
        replaced: String,
    },
    /// These products replace each other in a circle.
    #[error("products {products:?} replace each other")]
    ReplacesCycle {
        /// The products, sorted.
        products: Vec<String>,
    },
    /// A family to sell has no product.
    #[error("no product is of the family `{family}`")]
    UnknownFamily {
        /// The family.
        family: String,
    },
    /// A family to sell is named twice in one list.
    #[error("family `{family}` is named twice")]
    FamilyTwice {
        /// The family.
        family: String,
    },
    /// An upsell family has no second tier.
    #[error("family `{family}` has no tier above the first")]
    NothingToUpsell {
        /// The family.
        family: String,
    },
    /// A product to upsell has no lower tier from which to come.
    #[error("product `{product}` has no lower tier")]
    NoLowerTier {
        /// The product.
        product: String,
    },
    /// More than one product could be the cross-sell of a family.
    #[error("family `{family}` has several products of the lowest tier: {products:?}")]
    LowestTierTwice {
        /// The family.
        family: String,
        /// The products, sorted.
        products: Vec<String>,
    },
}

impl CatalogueError {
    /// The contradiction's name and the names it is about, for a message in any language.
    pub fn parts(&self) -> (&'static str, Vec<&str>) {
        match self {
            Self::NotSorted { product } => ("product_twice", vec![product]),
            Self::TierZero { product } => ("tier_zero", vec![product]),
            Self::UnknownRequired { product, family } => ("unknown_required", vec![product, family]),
            Self::UnknownExcluded { product, name } => ("unknown_excluded", vec![product, name]),
            Self::ExcludesNeeded { product, family } => ("excludes_needed", vec![product, family]),
            Self::RequiresCycle { products } => ("requires_cycle", as_strs(products)),
            Self::ReplacesOtherFamily { product, replaced } => ("replaces_other_family", vec![product, replaced]),
            Self::ReplacesCycle { products } => ("replaces_cycle", as_strs(products)),
            Self::UnknownFamily { family } => ("unknown_family", vec![family]),
            Self::FamilyTwice { family } => ("family_twice", vec![family]),
            Self::NothingToUpsell { family } => ("nothing_to_upsell", vec![family]),
            Self::NoLowerTier { product } => ("no_lower_tier", vec![product]),
            Self::LowestTierTwice { family, products } => {
                ("lowest_tier_twice", std::iter::once(family.as_str()).chain(as_strs(products)).collect())
            }
        }
    }
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
