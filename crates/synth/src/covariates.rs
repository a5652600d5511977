//! Real customers in the place of drawn ones: what a table the user gives says of attributes, levels of use, tenure and holdings.
//!
//! Everything that happens to these customers is still drawn, so the truth stays known; only who they are is not.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_model::{Code, Control, Fault, Result};
use osusume_storage::Fs;
use osusume_tables::{PlainCells, PlainFile, PlainKind, parse_number};

use crate::plan::{Plan, invalid};
use crate::rng::{Purpose, Stream};
use crate::schema::{AttributeKind, Covariates as Asked, Sum, WorldFile};

/// More real customers than this are a slip.
const MOST_ROWS: usize = 10_000_000;

/// What is known of every real customer; a customer of the world with a larger number begins anew with the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covariates {
    rows: usize,
    joined_months: Option<Vec<f64>>,
    /// By attribute, where the table tells it: positions, numbers, 0 or 1; NaN where it does not.
    attributes: Vec<Option<Vec<f64>>>,
    /// By metric, where the table tells it: standard normal levels in the order of the column.
    levels: Vec<Option<Vec<f64>>>,
    /// By family, where the table tells it.
    held: Vec<Option<Vec<Option<usize>>>>,
}

/// What the table says a customer holds of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// It does not say.
    Drawn,
    /// This product, or none.
    Held(Option<usize>),
}

/// One customer of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    of: &'a Covariates,
    row: usize,
}

impl Row<'_> {
    pub(crate) fn joined_months(self) -> Option<f64> {
        self.of.joined_months.as_ref().map(|column| column[self.row]).filter(|months| !months.is_nan())
    }

    pub(crate) fn attribute(self, attribute: usize) -> Option<f64> {
        self.of.attributes[attribute].as_ref().map(|column| column[self.row]).filter(|value| !value.is_nan())
    }

    pub(crate) fn level(self, metric: usize) -> Option<f64> {
        self.of.levels[metric].as_ref().map(|column| column[self.row]).filter(|level| !level.is_nan())
    }

    pub(crate) fn held(self, family: usize) -> Given {
        self.of.held[family].as_ref().map_or(Given::Drawn, |column| Given::Held(column[self.row]))
    }
}

impl Covariates {
    /// The real customer in the place of the customer with this number.
    pub(crate) fn row(&self, number: u64) -> Row<'_> {
        Row { of: self, row: (number % self.rows as u64) as usize }
    }

    /// Reads the table, and those beside it that are summed.
    pub(crate) fn read(
        file: &WorldFile,
        plan: &Plan,
        asked: &Asked,
        path: &Path,
        fs: &dyn Fs,
        control: &dyn Control,
    ) -> Result<Self> {
        let mut names: Vec<&str> = vec![];
        names.extend(asked.key.as_deref());
        names.extend(asked.joined_months.as_deref());
        let is_summed = |name: &str| asked.sum.iter().any(|sum| sum.name == name);
        names.extend(asked.attributes.values().chain(asked.metrics.values()).map(String::as_str));
        names.extend(asked.holds.iter().map(|holds| holds.column.as_str()));
        names.retain(|name| !is_summed(name));
        let mut table = read_columns(path, &names, fs, control)?;
        for sum in &asked.sum {
            let column = read_sum(asked, sum, path, &table, fs, control)?;
            table.insert(sum.name.clone(), column);
        }
        let rows = table.values().next().map_or(0, Vec::len);
        if rows == 0 || rows > MOST_ROWS {
            return Err(
                invalid("covariates", format_args!("the table has {rows} rows")).in_file(path.display().to_string())
            );
        }
        Ok(Self {
            rows,
            joined_months: asked.joined_months.as_ref().map(|name| numbers(&table[name])),
            attributes: attributes(file, asked, &table),
            levels: file
                .metric
                .iter()
                .map(|m| asked.metrics.get(&m.name).map(|name| levels(&numbers(&table[name]))))
                .collect(),
            held: held(file, plan, asked, &table, rows),
        })
    }
}

/// Every name in the section that the world does not have.
pub(crate) fn check(file: &WorldFile, faults: &mut Vec<Fault>) {
    let Some(asked) = &file.covariates else { return };
    let mut unknown = |key: &str, name: &str| faults.push(invalid(key, format_args!("the world has no `{name}`")));
    asked
        .attributes
        .keys()
        .filter(|name| !file.attribute.iter().any(|a| a.name == **name))
        .for_each(|name| unknown("covariates.attributes", name));
    asked
        .metrics
        .keys()
        .filter(|name| !file.metric.iter().any(|m| m.name == **name))
        .for_each(|name| unknown("covariates.metrics", name));
    asked
        .holds
        .iter()
        .filter(|h| !file.product.iter().any(|p| p.id == h.product))
        .for_each(|h| unknown("covariates.holds", &h.product));
    if !asked.sum.is_empty() && asked.key.is_none() {
        faults.push(invalid("covariates.key", "sums need the column that names the customer"));
    }
}

/// Cells as texts; a number is written the shortest way that gives it back.
fn read_columns(
    path: &Path,
    names: &[&str],
    fs: &dyn Fs,
    control: &dyn Control,
) -> Result<BTreeMap<String, Vec<String>>> {
    let (file, at) = open(path, names, fs)?;
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    file.read(fs, &at, control, &mut |block| {
        for (column, cells) in columns.iter_mut().zip(&block.columns) {
            match cells {
                PlainCells::Text(texts) => {
                    column.extend((0..texts.len()).map(|row| String::from_utf8_lossy(texts.get(row)).into_owned()));
                }
                PlainCells::Number(numbers) => column.extend(
                    numbers.iter().map(|number| if number.is_nan() { String::new() } else { number.to_string() }),
                ),
                PlainCells::Instant(instants) => column.extend(instants.iter().map(ToString::to_string)),
            }
        }
        Ok(())
    })?;
    Ok(names.iter().map(|name| (*name).to_owned()).zip(columns).collect())
}

fn open(path: &Path, names: &[&str], fs: &dyn Fs) -> Result<(PlainFile, Vec<usize>)> {
    let file = PlainFile::open(fs, path, None, None)?;
    let position = |name: &&str| {
        let found =
            file.columns().iter().position(|column| column.name == **name && column.kind != PlainKind::Unsupported);
        found.ok_or_else(|| file.missing(name))
    };
    let at = names.iter().map(position).collect::<Result<Vec<usize>>>()?;
    Ok((file, at))
}

/// For every customer the sum over their rows of a table beside the first one.
fn read_sum(
    asked: &Asked,
    sum: &Sum,
    path: &Path,
    table: &BTreeMap<String, Vec<String>>,
    fs: &dyn Fs,
    control: &dyn Control,
) -> Result<Vec<String>> {
    let beside = path.with_file_name(&sum.file);
    let names: Vec<&str> = std::iter::once(sum.key.as_str()).chain(sum.value.as_deref()).collect();
    let (file, at) = open(&beside, &names, fs)?;
    let keys = &table[asked.key.as_deref().unwrap_or_default()];
    let place: BTreeMap<&str, usize> = keys.iter().enumerate().map(|(row, key)| (key.as_str(), row)).collect();
    let mut sums = vec![0.0; keys.len()];
    file.read(fs, &at, control, &mut |block| {
        for row in 0..block.n_rows {
            let key = text(&block.columns[0], row);
            if let Some(place) = place.get(key.as_str()) {
                sums[*place] += block.columns.get(1).map_or(1.0, |cells| number(cells, row).unwrap_or(0.0));
            }
        }
        Ok(())
    })?;
    Ok(sums.iter().map(ToString::to_string).collect())
}

fn text(cells: &PlainCells, row: usize) -> String {
    match cells {
        PlainCells::Text(texts) => String::from_utf8_lossy(texts.get(row)).into_owned(),
        PlainCells::Number(numbers) => numbers[row].to_string(),
        PlainCells::Instant(instants) => instants[row].to_string(),
    }
}

fn number(cells: &PlainCells, row: usize) -> Option<f64> {
    match cells {
        PlainCells::Text(texts) => parse_number(texts.get(row)),
        PlainCells::Number(numbers) => Some(numbers[row]).filter(|number| !number.is_nan()),
        PlainCells::Instant(_) => None,
    }
}

fn numbers(column: &[String]) -> Vec<f64> {
    column.iter().map(|text| parse_number(text.as_bytes()).unwrap_or(f64::NAN)).collect()
}

fn attributes(file: &WorldFile, asked: &Asked, table: &BTreeMap<String, Vec<String>>) -> Vec<Option<Vec<f64>>> {
    let of = |attribute: &crate::schema::Attribute| {
        let column = &table[asked.attributes.get(&attribute.name)?];
        Some(match attribute.kind {
            AttributeKind::Number => {
                numbers(column).iter().map(|value| value.clamp(attribute.low, attribute.high)).collect()
            }
            AttributeKind::Flag => column.iter().map(|text| flag(text)).collect(),
            AttributeKind::Category | AttributeKind::After => {
                let position = |text: &String| {
                    attribute.values.iter().position(|value| value == text).map_or(f64::NAN, |i| i as f64)
                };
                column.iter().map(position).collect()
            }
        })
    };
    file.attribute.iter().map(of).collect()
}

fn flag(text: &str) -> f64 {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "1" | "true" => 1.0,
        "no" | "0" | "false" => 0.0,
        _ => f64::NAN,
    }
}

/// Standard normals in the order of the numbers, drawn once for the table: a level keeps its rank, whatever the unit was.
fn levels(column: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..column.len()).filter(|row| !column[*row].is_nan()).collect();
    order.sort_by(|a, b| column[*a].total_cmp(&column[*b]).then(a.cmp(b)));
    let mut stream = Stream::new(0, Purpose::Covariates, 0);
    let mut normals: Vec<f64> = order.iter().map(|_| stream.normal()).collect();
    normals.sort_unstable_by(f64::total_cmp);
    let mut levels = vec![f64::NAN; column.len()];
    for (row, normal) in order.into_iter().zip(normals) {
        levels[row] = normal;
    }
    levels
}

/// Of several products of a family that the table names, the one listed last.
fn held(
    file: &WorldFile,
    plan: &Plan,
    asked: &Asked,
    table: &BTreeMap<String, Vec<String>>,
    rows: usize,
) -> Vec<Option<Vec<Option<usize>>>> {
    let mut held: Vec<Option<Vec<Option<usize>>>> = vec![None; file.family.len()];
    for holds in &asked.holds {
        let Some(product) = file.product.iter().position(|known| known.id == holds.product) else { continue };
        let of_family = held[plan.products[product].family].get_or_insert_with(|| vec![None; rows]);
        for (place, text) in of_family.iter_mut().zip(&table[&holds.column]) {
            if *text == holds.value {
                *place = Some(product);
            }
        }
    }
    held
}

/// The fault of a world that cannot be played without its table.
pub(crate) fn lacking() -> Fault {
    Fault::new(Code::WorldInvalid)
        .with("key", "covariates")
        .because("this world wants a table of real customers: --covariates FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_the_order_and_are_standard() {
        let numbers: Vec<i32> = (0..5_000).map(|i| i * 7_919 % 5_000).collect();
        let column: Vec<f64> = numbers.iter().map(|number| f64::from(*number)).collect();
        let levels = levels(&column);
        let mean = levels.iter().sum::<f64>() / 5_000.0;
        let variance = levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / 5_000.0;
        // Five standard errors.
        assert!(mean.abs() < 0.071 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
        let place = |value: i32| levels[numbers.iter().position(|x| *x == value).unwrap()];
        assert!(place(10) < place(11) && place(4_000) < place(4_001));
    }

    #[test]
    fn flags_are_read_in_the_spellings_tables_have() {
        assert!(flag("Yes") > 0.5 && flag("TRUE") > 0.5 && flag("0") < 0.5);
        assert!(flag("").is_nan() && flag("No internet service").is_nan());
    }
}
