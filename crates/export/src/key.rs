//! That the key of a delivery tells its rows apart.

use osusume_model::{Code, Fault, Result, bucket_of};

/// Checks keys row by row. The offer table is in customer order, so only one customer's keys are remembered.
pub(crate) struct KeyCheck {
    names: Vec<&'static str>,
    customer: String,
    keys: Vec<Vec<Option<String>>>,
}

impl KeyCheck {
    /// A check of a key with these fields.
    pub(crate) fn new(names: Vec<&'static str>) -> Self {
        Self { names, customer: String::new(), keys: Vec::new() }
    }

    /// Takes the next row: its customer and the values of its key.
    ///
    /// # Errors
    /// `ExportKey` when a value is absent or empty or the key was there before,
    /// `FileDamaged` when customers are not in their order, because then no promise can be made.
    pub(crate) fn take(&mut self, customer: &str, values: Vec<Option<String>>) -> Result<()> {
        if values.iter().any(|value| value.as_ref().is_none_or(String::is_empty)) {
            return Err(self.fault());
        }
        if customer != self.customer {
            let order = |id: &str| bucket_of(id.as_bytes());
            if (order(customer), customer) < (order(&self.customer), &self.customer) && !self.keys.is_empty() {
                return Err(Fault::new(Code::FileDamaged).because("customers are not in order"));
            }
            self.keys.clear();
            customer.clone_into(&mut self.customer);
        }
        if self.keys.contains(&values) {
            return Err(self.fault());
        }
        self.keys.push(values);
        Ok(())
    }

    fn fault(&self) -> Fault {
        Fault::new(Code::ExportKey).with("key", self.names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[(&str, &str)]) -> Result<()> {
        let mut keys = KeyCheck::new(vec!["customer_id", "offer"]);
        rows.iter().try_for_each(|(customer, offer)| {
            keys.take(customer, vec![Some((*customer).to_owned()), Some((*offer).to_owned())])
        })
    }

    fn in_order(mut ids: Vec<&str>) -> Vec<&str> {
        ids.sort_by_key(|id| (bucket_of(id.as_bytes()), *id));
        ids
    }

    #[test]
    fn different_rows_pass() {
        let ids = in_order(vec!["C1", "C2", "C3"]);
        assert_eq!(check(&[(ids[0], "a"), (ids[0], "b"), (ids[1], "a"), (ids[2], "a")]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn repeated_and_absent_keys_are_refused() {
        assert_eq!(check(&[("C1", "a"), ("C1", "b"), ("C1", "a")]).unwrap_err().code(), Code::ExportKey);
        assert_eq!(check(&[("C1", "")]).unwrap_err().code(), Code::ExportKey);
        let mut keys = KeyCheck::new(vec!["key"]);
        assert_eq!(keys.take("C1", vec![None]).unwrap_err().code(), Code::ExportKey);
    }

    #[test]
    fn a_customer_that_comes_back_is_noticed() {
        let ids = in_order(vec!["C1", "C2"]);
        let fault = check(&[(ids[0], "a"), (ids[1], "a"), (ids[0], "a")]).unwrap_err();
        assert_eq!(fault.code(), Code::FileDamaged);
    }
}
