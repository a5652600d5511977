//! The unit customers are drawn by: the household where there is one, else the customer.

use std::sync::Arc;

use osusume_model::{AsOf, Control, Result, keyed_hash};
use osusume_tables::{CustomerIndex, Names};

use crate::checked::Checked;
use crate::config::{Config, History, Role};
use crate::seam::Block;

/// Who belongs together in folds and in the holdout.
pub(crate) struct Units {
    customers: Arc<CustomerIndex>,
    /// Code of each customer's household and the households' ids; empty without households.
    household: Vec<Option<u32>>,
    ids: Names,
}

impl Units {
    /// Reads the households as they are known at `as_of`, if the customers table has any.
    pub(crate) fn read(config: &Config, tables: &Checked, as_of: AsOf, control: &dyn Control) -> Result<Self> {
        let customers = Arc::clone(&tables.customers);
        let source = config.sources.values().find(|s| s.role == Role::Customers && s.column("household").is_some());
        let found = source.and_then(|source| Some((source, tables.table(&source.name)?)));
        let Some((source, table)) = found else {
            return Ok(Self { customers, household: Vec::new(), ids: Names::default() });
        };
        // A reload arrives as a whole: when it did says nothing of when its rows were known.
        let is_arrival_known = source.history != History::Snapshot && source.column("arrived").is_some();
        let columns = if is_arrival_known { &["household", "arrived"][..] } else { &["household"] };
        let mut household = Vec::with_capacity(customers.len());
        for customers in tables.passes() {
            let block = Block::read(table, customers, columns, control)?;
            let codes = block.codes("household");
            for customer in 0..block.n_customers() {
                let row = block.newest_known(customer, as_of.instant.0);
                household.push(row.and_then(|row| codes.and_then(|codes| codes.get(row))));
            }
        }
        Ok(Self { customers, household, ids: table.dictionary("household").unwrap_or_default() })
    }

    /// The id of a customer's unit.
    pub(crate) fn id(&self, customer: u32) -> &str {
        match self.household.get(customer as usize) {
            Some(Some(code)) => &self.ids[*code as usize],
            _ => self.customers.id(customer),
        }
    }

    /// The number of a customer's household; `None` for one without.
    pub(crate) fn household(&self, customer: u32) -> Option<u32> {
        self.household.get(customer as usize).copied().flatten()
    }

    /// A number for a customer's unit: equal for the members of a household, and for nobody else.
    pub(crate) fn cluster(&self, customer: u32) -> u32 {
        match self.household.get(customer as usize) {
            Some(Some(code)) => *code,
            _ => self.ids.len() as u32 + customer,
        }
    }

    /// A keyed hash of the customer itself, for ties.
    pub(crate) fn hash(&self, key: &str, customer: u32) -> u64 {
        keyed_hash(key, self.customers.id(customer).as_bytes())
    }
}
