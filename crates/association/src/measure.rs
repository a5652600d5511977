//! Every standard measure of a rule, from its four counts.
//!
//! P(A), P(C) and P(AC) below are shares of transactions with the antecedent, the consequent and both; Ā and C̄ without.
//! Formulas follow the sources named; Tan, Kumar and Srivastava, "Selecting the right objective measure for association analysis",
//! Information Systems 29 (2004), and Geng and Hamilton, "Interestingness measures for data mining", ACM Computing Surveys 38 (2006)
//! compare most of them.

use osusume_numeric::elementary::ln;

use crate::Contingency;

/// A measure: its name in tables, what it is, where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Name of the column.
    pub name: &'static str,
    /// Its formula in plain text.
    pub formula: &'static str,
    /// Smallest and largest value.
    pub range: &'static str,
    /// Who proposed it.
    pub source: &'static str,
    /// Computes it. NaN where it is not defined.
    pub value: fn(&Contingency) -> f64,
}

/// Every measure, those most used first.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "support",
        formula: "P(AC)",
        range: "[0, 1]",
        source: "Agrawal, Imielinski and Swami 1993",
        value: |t| t.support(),
    },
    Measure {
        name: "confidence",
        formula: "P(C|A)",
        range: "[0, 1]",
        source: "Agrawal, Imielinski and Swami 1993",
        value: |t| t.confidence(),
    },
    Measure {
        name: "rule_lift",
        formula: "P(AC) / (P(A) P(C))",
        range: "[0, inf)",
        source: "Brin, Motwani, Ullman and Tsur 1997",
        value: |t| t.lift(),
    },
    Measure {
        name: "leverage",
        formula: "P(AC) - P(A) P(C)",
        range: "[-1/4, 1/4]",
        source: "Piatetsky-Shapiro 1991",
        value: |t| t.leverage(),
    },
    Measure {
        name: "conviction",
        formula: "P(A) P(not C) / P(A not C)",
        range: "[0, inf]",
        source: "Brin, Motwani, Ullman and Tsur 1997",
        value: |t| t.conviction(),
    },
    Measure { name: "coverage", formula: "P(A)", range: "[0, 1]", source: "Geng and Hamilton 2006", value: |t| p(t).a },
    Measure {
        name: "prevalence",
        formula: "P(C)",
        range: "[0, 1]",
        source: "Geng and Hamilton 2006",
        value: |t| p(t).c,
    },
    Measure {
        name: "added_value",
        formula: "P(C|A) - P(C)",
        range: "[-1, 1]",
        source: "Sahar and Mansour 1999",
        value: |t| t.confidence() - p(t).c,
    },
    Measure {
        name: "all_confidence",
        formula: "P(AC) / max(P(A), P(C))",
        range: "[0, 1]",
        source: "Omiecinski 2003",
        value: |t| p(t).ac / p(t).a.max(p(t).c),
    },
    Measure {
        name: "max_confidence",
        formula: "max(P(C|A), P(A|C))",
        range: "[0, 1]",
        source: "Wu, Chen and Han 2010",
        value: |t| t.confidence().max(recall(t)),
    },
    Measure {
        name: "recall",
        formula: "P(A|C)",
        range: "[0, 1]",
        source: "Lavrac, Flach and Zupan 1999",
        value: recall,
    },
    Measure {
        name: "jaccard",
        formula: "P(AC) / (P(A) + P(C) - P(AC))",
        range: "[0, 1]",
        source: "Jaccard 1912",
        value: |t| p(t).ac / (p(t).a + p(t).c - p(t).ac),
    },
    Measure {
        name: "cosine",
        formula: "P(AC) / sqrt(P(A) P(C))",
        range: "[0, 1]",
        source: "Tan and Kumar 2000",
        value: |t| p(t).ac / (p(t).a * p(t).c).sqrt(),
    },
    Measure {
        name: "kulczynski",
        formula: "(P(C|A) + P(A|C)) / 2",
        range: "[0, 1]",
        source: "Kulczynski 1927",
        value: |t| 0.5 * (t.confidence() + recall(t)),
    },
    Measure {
        name: "imbalance_ratio",
        formula: "|P(A) - P(C)| / (P(A) + P(C) - P(AC))",
        range: "[0, 1]",
        source: "Wu, Chen and Han 2010",
        value: |t| (p(t).a - p(t).c).abs() / (p(t).a + p(t).c - p(t).ac),
    },
    Measure {
        name: "zhang",
        formula: "(P(AC) - P(A) P(C)) / max(P(AC) P(not A), P(A) (P(C) - P(AC)))",
        range: "[-1, 1]",
        source: "Zhang 2000",
        value: zhang,
    },
    Measure {
        name: "odds_ratio",
        formula: "P(AC) P(not A not C) / (P(A not C) P(not A C))",
        range: "[0, inf]",
        source: "Tan, Kumar and Srivastava 2004",
        value: |t| {
            let [both, a, c, none] = t.cells();
            both * none / (a * c)
        },
    },
    Measure {
        name: "yule_q",
        formula: "(odds ratio - 1) / (odds ratio + 1)",
        range: "[-1, 1]",
        source: "Yule 1900",
        value: |t| {
            let (x, y) = diagonals(t);
            (x - y) / (x + y)
        },
    },
    Measure {
        name: "yule_y",
        formula: "(sqrt(odds ratio) - 1) / (sqrt(odds ratio) + 1)",
        range: "[-1, 1]",
        source: "Yule 1912",
        value: |t| {
            let (x, y) = diagonals(t);
            (x.sqrt() - y.sqrt()) / (x.sqrt() + y.sqrt())
        },
    },
    Measure {
        name: "phi",
        formula: "(P(AC) - P(A) P(C)) / sqrt(P(A) P(C) P(not A) P(not C))",
        range: "[-1, 1]",
        source: "Pearson 1896",
        value: phi,
    },
    Measure {
        name: "chi_squared",
        formula: "n phi^2",
        range: "[0, n]",
        source: "Pearson 1900",
        value: |t| t.n as f64 * phi(t) * phi(t),
    },
    Measure {
        name: "log_likelihood_ratio",
        formula: "2 n times the mutual information in nats",
        range: "[0, inf)",
        source: "Dunning 1993",
        value: |t| 2.0 * t.n as f64 * information(t),
    },
    Measure {
        name: "mutual_information",
        formula: "sum over the four cells of P(cell) ln(P(cell) / (product of its margins)), divided by min(H(A), H(C))",
        range: "[0, 1]",
        source: "Tan, Kumar and Srivastava 2004",
        value: mutual_information,
    },
    Measure {
        name: "j_measure",
        formula: "P(AC) ln(P(C|A) / P(C)) + P(A not C) ln(P(not C|A) / P(not C))",
        range: "[0, inf)",
        source: "Smyth and Goodman 1991",
        value: j_measure,
    },
    Measure {
        name: "gini",
        formula: "P(A) (P(C|A)^2 + P(not C|A)^2) + P(not A) (P(C|not A)^2 + P(not C|not A)^2) - P(C)^2 - P(not C)^2",
        range: "[0, 1/2]",
        source: "Tan, Kumar and Srivastava 2004",
        value: gini,
    },
    Measure {
        name: "kappa",
        formula: "(P(AC) + P(not A not C) - P(A) P(C) - P(not A) P(not C)) / (1 - P(A) P(C) - P(not A) P(not C))",
        range: "[-1, 1]",
        source: "Cohen 1960",
        value: kappa,
    },
    Measure {
        name: "certainty",
        formula: "(P(C|A) - P(C)) / (1 - P(C)) if positive, / P(C) otherwise",
        range: "[-1, 1]",
        source: "Shortliffe and Buchanan 1975",
        value: certainty,
    },
    Measure {
        name: "collective_strength",
        formula: "(P(AC) + P(not A not C)) / (P(A) P(C) + P(not A) P(not C)) times (1 - P(A) P(C) - P(not A) P(not C)) / (1 - P(AC) - P(not A not C))",
        range: "[0, inf]",
        source: "Aggarwal and Yu 1998",
        value: collective_strength,
    },
    Measure {
        name: "laplace",
        formula: "(n P(AC) + 1) / (n P(A) + 2)",
        range: "[0, 1]",
        source: "Clark and Boswell 1991",
        value: |t| (t.n_both as f64 + 1.0) / (t.n_antecedent as f64 + 2.0),
    },
    Measure {
        name: "sebag_schoenauer",
        formula: "P(AC) / P(A not C)",
        range: "[0, inf]",
        source: "Sebag and Schoenauer 1988",
        value: |t| {
            let [both, a, _, _] = t.cells();
            both / a
        },
    },
    Measure {
        name: "least_contradiction",
        formula: "(P(AC) - P(A not C)) / P(C)",
        range: "(-inf, 1]",
        source: "Aze and Kodratoff 2002",
        value: |t| {
            let [both, a, _, _] = t.cells();
            (both - a) / t.n_consequent as f64
        },
    },
    Measure {
        name: "counterexample_rate",
        formula: "(P(AC) - P(A not C)) / P(AC)",
        range: "(-inf, 1]",
        source: "Vaillant, Lenca and Lallich 2004",
        value: |t| {
            let [both, a, _, _] = t.cells();
            (both - a) / both
        },
    },
    Measure {
        name: "difference_of_confidence",
        formula: "P(C|A) - P(C|not A)",
        range: "[-1, 1]",
        source: "Hofmann and Wilhelm 2001",
        value: |t| t.confidence() - without(t),
    },
    Measure {
        name: "relative_risk",
        formula: "P(C|A) / P(C|not A)",
        range: "[0, inf]",
        source: "Sistrom and Garvan 2004",
        value: |t| t.confidence() / without(t),
    },
    Measure {
        name: "rule_power_factor",
        formula: "P(AC) P(C|A)",
        range: "[0, 1]",
        source: "Ochin, Kumar and Joshi 2016",
        value: |t| t.support() * t.confidence(),
    },
    Measure {
        name: "klosgen",
        formula: "sqrt(P(AC)) (P(C|A) - P(C))",
        range: "[-1, 1]",
        source: "Klosgen 1992",
        value: |t| t.support().sqrt() * (t.confidence() - p(t).c),
    },
    Measure {
        name: "implication_index",
        formula: "sqrt(n) (P(A not C) - P(A) P(not C)) / sqrt(P(A) P(not C))",
        range: "(-inf, inf)",
        source: "Gras 1996",
        value: implication_index,
    },
    Measure {
        name: "lerman",
        formula: "sqrt(n) (P(AC) - P(A) P(C)) / sqrt(P(A) P(C))",
        range: "(-inf, inf)",
        source: "Lerman 1981",
        value: |t| (t.n as f64).sqrt() * t.leverage() / (p(t).a * p(t).c).sqrt(),
    },
    Measure {
        name: "goodman_kruskal_lambda",
        formula: "(sum of row and column maxima - the larger margins) / (2 - the larger margins)",
        range: "[0, 1]",
        source: "Goodman and Kruskal 1954",
        value: lambda,
    },
    Measure {
        name: "standardized_lift",
        formula: "(lift - its least) / (its most - its least), both given P(A) and P(C)",
        range: "[0, 1]",
        source: "McNicholas, Murphy and O'Regan 2008",
        value: standardized_lift,
    },
    Measure {
        name: "varying_liaison",
        formula: "lift - 1",
        range: "[-1, inf)",
        source: "Bernard and Charron 1996",
        value: |t| t.lift() - 1.0,
    },
    Measure {
        name: "confirmed_confidence",
        formula: "P(C|A) - P(not C|A)",
        range: "[-1, 1]",
        source: "Kodratoff 2001",
        value: |t| 2.0 * t.confidence() - 1.0,
    },
    Measure {
        name: "casual_support",
        formula: "P(AC) + P(not A not C)",
        range: "[0, 1]",
        source: "Kodratoff 2001",
        value: |t| {
            let [both, _, _, none] = t.cells();
            (both + none) / t.n as f64
        },
    },
    Measure {
        name: "casual_confidence",
        formula: "(P(C|A) + P(not A|not C)) / 2",
        range: "[0, 1]",
        source: "Kodratoff 2001",
        value: |t| {
            let [_, _, _, none] = t.cells();
            0.5 * (t.confidence() + none / (t.n - t.n_consequent) as f64)
        },
    },
];

/// The measure of that name.
pub fn measure(name: &str) -> Option<&'static Measure> {
    MEASURES.iter().find(|measure| measure.name == name)
}

struct Shares {
    a: f64,
    c: f64,
    ac: f64,
}

fn p(t: &Contingency) -> Shares {
    let n = t.n as f64;
    Shares { a: t.n_antecedent as f64 / n, c: t.n_consequent as f64 / n, ac: t.n_both as f64 / n }
}

fn recall(t: &Contingency) -> f64 {
    t.n_both as f64 / t.n_consequent as f64
}

/// P(C | not A).
fn without(t: &Contingency) -> f64 {
    (t.n_consequent - t.n_both) as f64 / (t.n - t.n_antecedent) as f64
}

/// Products of the two diagonals.
fn diagonals(t: &Contingency) -> (f64, f64) {
    let [both, a, c, none] = t.cells();
    (both * none, a * c)
}

fn zhang(t: &Contingency) -> f64 {
    let Shares { a, c, ac } = p(t);
    t.leverage() / (ac * (1.0 - a)).max(a * (c - ac))
}

fn phi(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    t.leverage() / (a * c * (1.0 - a) * (1.0 - c)).sqrt()
}

/// x ln(x / y), 0 for x = 0.
fn x_ln_ratio(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * ln(x / y) } else { 0.0 }
}

/// Mutual information of the two indicators, in nats.
fn information(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    let margins = [a * c, a * (1.0 - c), (1.0 - a) * c, (1.0 - a) * (1.0 - c)];
    t.cells().iter().zip(margins).map(|(cell, margin)| x_ln_ratio(cell / t.n as f64, margin)).sum::<f64>().max(0.0)
}

fn mutual_information(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    let entropy = |x: f64| -x_ln_ratio(x, 1.0) - x_ln_ratio(1.0 - x, 1.0);
    let least = entropy(a).min(entropy(c));
    if least > 0.0 { information(t) / least } else { f64::NAN }
}

fn j_measure(t: &Contingency) -> f64 {
    let Shares { a, c, ac } = p(t);
    x_ln_ratio(ac, a * c) + x_ln_ratio(a - ac, a * (1.0 - c))
}

fn gini(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    let purity = |x: f64| x * x + (1.0 - x) * (1.0 - x);
    a * purity(t.confidence()) + (1.0 - a) * purity(without(t)) - purity(c)
}

fn kappa(t: &Contingency) -> f64 {
    let Shares { a, c, ac } = p(t);
    let by_chance = a * c + (1.0 - a) * (1.0 - c);
    (ac + (1.0 - a - c + ac) - by_chance) / (1.0 - by_chance)
}

fn certainty(t: &Contingency) -> f64 {
    let c = p(t).c;
    let gain = t.confidence() - c;
    if gain > 0.0 { gain / (1.0 - c) } else { gain / c }
}

fn collective_strength(t: &Contingency) -> f64 {
    let Shares { a, c, ac } = p(t);
    let by_chance = a * c + (1.0 - a) * (1.0 - c);
    let agreement = ac + (1.0 - a - c + ac);
    agreement / by_chance * (1.0 - by_chance) / (1.0 - agreement)
}

fn implication_index(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    -(t.n as f64).sqrt() * t.leverage() / (a * (1.0 - c)).sqrt()
}

fn lambda(t: &Contingency) -> f64 {
    let n = t.n as f64;
    let [both, a, c, none] = t.cells();
    let cells = both.max(a) + c.max(none) + both.max(c) + a.max(none);
    let (n_a, n_c) = (t.n_antecedent as f64, t.n_consequent as f64);
    let margins = n_a.max(n - n_a) + n_c.max(n - n_c);
    (cells - margins) / (2.0 * n - margins)
}

fn standardized_lift(t: &Contingency) -> f64 {
    let Shares { a, c, .. } = p(t);
    let least = (a + c - 1.0).max(0.0) / (a * c);
    let most = 1.0 / a.max(c);
    (t.lift() - least) / (most - least)
}

#[cfg(test)]
mod tests;
