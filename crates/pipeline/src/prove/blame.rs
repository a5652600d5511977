//! Which source, and which column of it, makes a difference: each is disturbed alone.

use osusume_model::Result;

use super::perturb::{Disturbance, Wish};
use super::{Outcome, Prover};
use crate::stages::ingest;

/// Who makes a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Blamed {
    /// Sources that make it alone.
    pub(super) sources: Vec<String>,
    /// Columns of them that do, as `source.header`.
    pub(super) columns: Vec<String>,
}

impl Prover<'_> {
    /// Disturbs one source at a time, and of those that make a difference one column at a time.
    ///
    /// # Errors
    /// Faults of reading and building, and a stop asked for.
    pub(super) fn blame(&self, wish: &Wish<'_>, outcome: &Outcome) -> Result<Blamed> {
        let mut blamed = Blamed::default();
        for (source, _) in outcome.rows.iter().filter(|(_, rows)| *rows > 0) {
            if self.outcome(&Wish { source: Some(source), ..*wish })?.differences.is_empty() {
                continue;
            }
            blamed.sources.push(source.clone());
            if !matches!(wish.disturbance, Disturbance::Copied | Disturbance::Shuffled) {
                blamed.columns.extend(self.columns_of(wish, source)?);
            }
        }
        Ok(blamed)
    }

    /// The columns of a source whose values alone make a difference.
    fn columns_of(&self, wish: &Wish<'_>, name: &str) -> Result<Vec<String>> {
        let source = &self.config.sources[name];
        let spec = ingest::source_spec(self.config, source, Some(wish.as_of))?;
        let mut columns = Vec::new();
        for column in &spec.columns {
            let alone =
                Wish { disturbance: Disturbance::Changed, source: Some(name), column: Some(&column.name), ..*wish };
            if !self.outcome(&alone)?.differences.is_empty() {
                columns.push(format!("{name}.{}", column.header));
            }
        }
        Ok(columns)
    }
}
