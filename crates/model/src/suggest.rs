//! "Did you mean": the candidate nearest to what was typed.

/// The candidate nearest to `got`, or `None` when none is near enough to be a slip of the fingers.
///
/// Distance is Damerau–Levenshtein in its optimal-string-alignment form (insertion, deletion, substitution and the swap of
/// two neighbours count 1 each), without regard to case and to `-` against `_`.
/// Near enough is at most one third of the longer word's characters, and at least 1.
/// Among equally near candidates the first wins, so callers decide the order.
pub fn suggest<'a>(got: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let got = folded(got);
    let near = |candidate: &'a str| {
        let other = folded(candidate);
        let distance = distance(&got, &other);
        (distance <= (got.len().max(other.len()) / 3).max(1)).then_some((distance, candidate))
    };
    // min_by_key returns the first of equal minima.
    candidates.into_iter().filter_map(near).min_by_key(|&(distance, _)| distance).map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c }).collect()
}

/// Three rows of the usual table: the swap looks two rows back.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut two_back = vec![0; b.len() + 1];
    let mut one_back: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let substitution = one_back[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(one_back[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(two_back[j - 2] + 1);
            }
        }
        std::mem::swap(&mut two_back, &mut one_back);
        std::mem::swap(&mut one_back, &mut row);
    }
    one_back[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: usize) {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        assert_eq!(distance(&a, &b), expected);
        assert_eq!(distance(&b, &a), expected, "symmetric");
    }

    #[test]
    fn distances() {
        check("", "", 0);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("horizon_days", "horzion_days", 1);
        check("ca", "abc", 3); // optimal string alignment: no edit inside a swapped pair
        check("顧客", "客顧", 1);
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let keys = ["horizon_days", "gap_days", "kept_days", "upsell"];
        assert_eq!(suggest("horizn_days", keys), Some("horizon_days"));
        assert_eq!(suggest("Horizon-Days", keys), Some("horizon_days"));
        assert_eq!(suggest("upsel", keys), Some("upsell"));
        assert_eq!(suggest("calibration", keys), None);
        assert_eq!(suggest("x", ["ab"]), None);
        assert_eq!(suggest("", ["ab"]), None);
        assert_eq!(suggest("ab", []), None);
    }

    #[test]
    fn the_nearest_wins_and_the_first_among_equals() {
        assert_eq!(suggest("line_1", ["line_10", "line_1g"]), Some("line_10"));
        assert_eq!(suggest("line_1", ["line_10g", "line_1g"]), Some("line_1g"));
    }
}
