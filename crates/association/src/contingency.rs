//! The 2×2 table of a rule, and what follows from it alone.

/// Counts of a rule antecedent ⇒ consequent; the only input of every measure.
///
/// With a = antecedent, c = consequent: `n_both` ≤ min(`n_antecedent`, `n_consequent`) and `n_antecedent` + `n_consequent` −
/// `n_both` ≤ `n`. The measures with names of their own are here; [`crate::Measure`] lists them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contingency {
    /// All transactions.
    pub n: u64,
    /// Transactions with the antecedent.
    pub n_antecedent: u64,
    /// Transactions with the consequent.
    pub n_consequent: u64,
    /// Transactions with both.
    pub n_both: u64,
}

impl Contingency {
    /// `n_both` / n.
    pub fn support(self) -> f64 {
        self.n_both as f64 / self.n as f64
    }

    /// `n_both` / `n_antecedent`: the share of transactions with the antecedent that hold the consequent too.
    pub fn confidence(self) -> f64 {
        self.n_both as f64 / self.n_antecedent as f64
    }

    /// n · `n_both` / (`n_antecedent` · `n_consequent`); 1 is independence.
    pub fn lift(self) -> f64 {
        self.n as f64 * self.n_both as f64 / (self.n_antecedent as f64 * self.n_consequent as f64)
    }

    /// `n_both` / n − `n_antecedent` · `n_consequent` / n²; in [−¼, ¼].
    pub fn leverage(self) -> f64 {
        let n = self.n as f64;
        self.n_both as f64 / n - (self.n_antecedent as f64 / n) * (self.n_consequent as f64 / n)
    }

    /// (1 − `n_consequent` / n) / (1 − confidence); ∞ when the rule never fails, NaN when the consequent is in every transaction.
    pub fn conviction(self) -> f64 {
        let failures = (self.n_antecedent - self.n_both) as f64;
        (self.n - self.n_consequent) as f64 * self.n_antecedent as f64 / (self.n as f64 * failures)
    }

    /// Transactions by cell: both, antecedent only, consequent only, neither.
    pub fn cells(self) -> [f64; 4] {
        [
            self.n_both as f64,
            (self.n_antecedent - self.n_both) as f64,
            (self.n_consequent - self.n_both) as f64,
            (self.n + self.n_both - self.n_antecedent - self.n_consequent) as f64,
        ]
    }
}
