//! Features computed from other features: `features.derived` of the pipeline file, row by row after everything else.

use osusume_model::{Code, Family, Fault, FeatureKind, FeatureSpec, NullMeaning, Result, suggest};
use osusume_windows::Cell;
use rayon::prelude::*;

use super::cells::Cells;
use crate::config::DerivedFeature;
use crate::expression::{Bound, Wrong, bind, parse};

/// What the dictionary calls the source of derived features; no source of tables can have this name.
pub(super) const SOURCE: &str = "features.derived";
/// Names a message lists.
const NAMES_SHOWN: usize = 20;

/// Holds expressions against the dictionary, to which they are added one by one, so that a later one may read an earlier one.
///
/// # Errors
/// Names that are not there or are there already, and parts that do not go together.
pub(super) fn draw(derived: &[DerivedFeature], specs: &mut Vec<FeatureSpec>) -> Result<Vec<Bound>> {
    let mut all = Vec::with_capacity(derived.len());
    for (position, feature) in derived.iter().enumerate() {
        if specs.iter().any(|spec| spec.name == feature.name) {
            let key = format!("features.derived[{position}].name");
            let fault = Fault::new(Code::ConfigNotAllowed).named(&key).with("key", key.as_str());
            return Err(fault.with("got", feature.name.as_str()).with("allowed", format!("≠ {}", feature.name)));
        }
        let bound = parse(&feature.expression).and_then(|syntax| bind(&syntax, specs));
        let bound =
            bound.map_err(|wrong| expression_fault(&format!("features.derived[{position}].expression"), wrong))?;
        specs.push(FeatureSpec {
            name: feature.name.clone(),
            family: Family::Own,
            source: SOURCE.to_owned(),
            window: None,
            unit: bound.unit,
            null: NullMeaning::Unknown,
            kind: FeatureKind::Numeric,
            text_key: "derived",
            subject: format!("{} ({})", feature.name, feature.expression),
        });
        all.push(bound);
    }
    Ok(all)
}

/// What is wrong with the expression under `key`.
pub(crate) fn expression_fault(key: &str, wrong: Wrong) -> Fault {
    let allowed = wrong.allowed;
    if !wrong.is_name {
        let fault = Fault::new(Code::ConfigExpression).named(key).with("key", key).with("position", wrong.at as i64);
        return fault.with("got", wrong.got).with("allowed", allowed);
    }
    let near = suggest(&wrong.got, allowed.iter().map(String::as_str)).map(str::to_owned);
    let shown: Vec<String> = allowed.into_iter().take(NAMES_SHOWN).collect();
    let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key);
    let fault = fault.with("got", wrong.got).with("allowed", shown);
    near.into_iter().fold(fault, |fault, near| fault.with("suggestion", near))
}

/// The values of `derived` in every row, out of the groups computed before. Expressions see values as models do, in single precision.
pub(super) fn values<C: Cell + Sync>(derived: &[Bound], before: &[Cells<C>], n_rows: usize) -> Vec<C> {
    let places: Vec<(&Cells<C>, usize)> =
        before.iter().flat_map(|group| (0..group.width).map(move |column| (group, column))).collect();
    let mut out = vec![C::from_f64(f64::NAN); n_rows * derived.len()];
    out.par_chunks_mut(derived.len().max(1)).enumerate().for_each(|(row, out)| {
        for (at, bound) in derived.iter().enumerate() {
            let (earlier, rest) = out.split_at_mut(at);
            let value = |column: usize| {
                let cell = match places.get(column) {
                    Some((group, place)) => group.values[row * group.width + place],
                    None => earlier[column - places.len()],
                };
                f64::from(cell.to_f64() as f32)
            };
            rest[0] = C::from_f64(bound.value(&value));
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use osusume_model::Unit;

    use super::*;

    fn spec(name: &str, unit: Unit) -> FeatureSpec {
        let (kind, null) = (FeatureKind::Numeric, NullMeaning::Unknown);
        let (source, subject) = ("s".to_owned(), String::new());
        FeatureSpec {
            name: name.to_owned(),
            family: Family::Money,
            source,
            window: None,
            unit,
            null,
            kind,
            text_key: "",
            subject,
        }
    }

    fn derived(entries: &[(&str, &str)]) -> Vec<DerivedFeature> {
        let feature = |(name, expression): &(&str, &str)| DerivedFeature {
            name: (*name).to_owned(),
            expression: (*expression).to_owned(),
        };
        entries.iter().map(feature).collect()
    }

    #[test]
    fn later_ones_read_earlier_ones_and_every_group_before() {
        let mut specs = vec![spec("a", Unit::Minor), spec("b", Unit::Count), spec("c", Unit::Days)];
        let drawn = draw(&derived(&[("ratio", "a / b"), ("high", "ratio > 2 and c < 5")]), &mut specs).unwrap();
        let entry = &specs[3];
        assert_eq!((entry.name.as_str(), entry.unit, entry.subject.as_str()), ("ratio", Unit::Ratio, "ratio (a / b)"));
        assert_eq!(specs[4].unit, Unit::Flag);
        let before = [
            Cells { width: 2, values: vec![6.0_f32, 2.0, 5.0, 0.0, f32::NAN, 1.0] },
            Cells { width: 1, values: vec![4.0_f32, 4.0, 9.0] },
        ];
        let got: Vec<Option<f32>> =
            values(&drawn, &before, 3).into_iter().map(|x| Some(x).filter(|x| !x.is_nan())).collect();
        // Unknown and false is false.
        assert_eq!(got, [Some(3.0), Some(1.0), None, None, None, Some(0.0)]);
        let wide = [Cells { width: 2, values: vec![0.1_f64, 3.0] }, Cells { width: 1, values: vec![4.0_f64] }];
        let narrow = [Cells { width: 2, values: vec![0.1_f32, 3.0] }, Cells { width: 1, values: vec![4.0_f32] }];
        let (wide, narrow) = (values(&drawn, &wide, 1), values(&drawn, &narrow, 1));
        assert_eq!((wide[0] as f32).to_bits(), narrow[0].to_bits(), "the same as a run's");
    }

    #[test]
    fn faults_name_the_key_and_what_was_meant() {
        let fails = |entries: &[(&str, &str)]| {
            draw(&derived(entries), &mut vec![spec("amount", Unit::Minor), spec("days", Unit::Days)]).unwrap_err()
        };
        let unknown = fails(&[("x", "amont / 2")]);
        assert_eq!(unknown.code(), Code::ConfigUnknownName);
        assert!(format!("{unknown:?}").contains("suggestion\", Name(\"amount\")"), "{unknown:?}");
        assert_eq!(fails(&[("x", "amount + days")]).code(), Code::ConfigExpression);
        assert_eq!(fails(&[("x", "y"), ("y", "amount")]).code(), Code::ConfigUnknownName, "not before it is there");
        assert_eq!(fails(&[("days", "amount")]).code(), Code::ConfigNotAllowed);
    }
}
