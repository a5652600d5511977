//! The unit customers are drawn by: the household where there is one, else the customer.

use std::sync::Arc;

use osusume_model::{Control, Result, keyed_hash};
use osusume_tables::CustomerIndex;

use crate::checked::Checked;
use crate::config::{Config, Role};
use crate::seam::Block;

/// Customers read at once.
const BLOCK: u32 = 1 << 16;

/// Who belongs together in folds and in the holdout.
pub(crate) struct Units {
    customers: Arc<CustomerIndex>,
    /// Code of each customer's household and the households' ids; empty without households.
    household: Vec<Option<u32>>,
    ids: Arc<[String]>,
}

impl Units {
    /// Reads the households, if the customers table has any.
    pub(crate) fn read(config: &Config, tables: &Checked, control: &dyn Control) -> Result<Self> {
        let customers = Arc::clone(&tables.customers);
        let source = config.sources.values().find(|s| s.role == Role::Customers && s.column("household").is_some());
        let table = source.and_then(|source| tables.table(&source.name));
        let Some(table) = table else { return Ok(Self { customers, household: Vec::new(), ids: Arc::from([]) }) };
        let mut household = Vec::with_capacity(customers.len());
        let n = tables.n_customers();
        for start in (0..n).step_by(BLOCK as usize) {
            let block = Block::read(table, start..n.min(start + BLOCK), &["household"], control)?;
            let codes = block.codes("household");
            for bounds in block.offsets.windows(2) {
                let row = (bounds[0] < bounds[1]).then_some(bounds[0] as usize);
                household.push(row.and_then(|row| codes.and_then(|codes| codes.get(row))));
            }
        }
        Ok(Self { customers, household, ids: table.dictionary("household").unwrap_or_else(|| Arc::from([])) })
    }

    /// The id of a customer's unit.
    pub(crate) fn id(&self, customer: u32) -> &str {
        match self.household.get(customer as usize) {
            Some(Some(code)) => &self.ids[*code as usize],
            _ => self.customers.id(customer),
        }
    }

    /// A keyed hash of the customer itself, for ties.
    pub(crate) fn hash(&self, key: &str, customer: u32) -> u64 {
        keyed_hash(key, self.customers.id(customer).as_bytes())
    }
}
