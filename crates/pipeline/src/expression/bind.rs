//! Trees held against the dictionary: names become columns, and what does not go together is refused.

use std::collections::BTreeSet;

use osusume_model::{FeatureKind, FeatureSpec, Unit};

use super::Wrong;
use super::eval::Node;
use super::parse::{Binary, Function, Kind, Syntax};

/// An expression that every row has a value of, if maybe an absent one.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    node: Node,
    /// What its values count.
    pub(crate) unit: Unit,
}

impl Bound {
    /// The value of a row whose features are `value(column)`, NaN where absent; never infinite, and within single precision.
    pub(crate) fn value(&self, value: &impl Fn(usize) -> f64) -> f64 {
        self.node.value(value)
    }

    /// Whether a condition is true; what is unknown is not.
    pub(crate) fn holds(&self, value: &impl Fn(usize) -> f64) -> bool {
        self.node.value(value) > 0.0
    }

    /// Adds the columns it reads.
    pub(crate) fn reads(&self, columns: &mut BTreeSet<usize>) {
        self.node.reads(columns);
    }
}

/// What a part of an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// A number without a unit of its own, which goes with any other.
    Bare,
    /// Minor units of the currency.
    Money,
    /// Days.
    Days,
    /// A count, a share, or a number in the unit of its source.
    Plain,
    /// True or false.
    Condition,
    /// A level of a category: no number.
    Level,
}

impl Sort {
    fn of(spec: &FeatureSpec) -> Self {
        match (&spec.kind, spec.unit) {
            (FeatureKind::Category(_), _) => Self::Level,
            (_, Unit::Minor) => Self::Money,
            (_, Unit::Days) => Self::Days,
            (_, Unit::Ratio) => Self::Bare,
            _ => Self::Plain,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Money => Unit::Minor,
            Self::Days => Unit::Days,
            Self::Condition => Unit::Flag,
            Self::Bare | Self::Plain | Self::Level => Unit::Ratio,
        }
    }

    /// A sample of an expression of this sort, for messages.
    fn sample(self) -> &'static str {
        match self {
            Self::Bare => "1",
            Self::Money => "minor",
            Self::Days => "days",
            Self::Plain => "count",
            Self::Condition => "a > b",
            Self::Level => "category",
        }
    }
}

/// Holds `syntax` against the dictionary.
///
/// # Errors
/// An unknown feature, a condition where a number must stand or the other way round, and sums of different units.
pub(crate) fn bind(syntax: &Syntax, specs: &[FeatureSpec]) -> Result<Bound, Wrong> {
    let (node, sort) = Binder { specs }.part(syntax)?;
    if sort == Sort::Level {
        return Err(Wrong::new(syntax.at, sort.sample(), OF_LEVELS));
    }
    Ok(Bound { node, unit: sort.unit() })
}

/// The same where only a condition will do.
///
/// # Errors
/// As of [`bind`]; a number.
pub(crate) fn bind_condition(syntax: &Syntax, specs: &[FeatureSpec]) -> Result<Bound, Wrong> {
    Ok(Bound { node: Binder { specs }.condition(syntax)?, unit: Unit::Flag })
}

/// The same where only a number will do.
///
/// # Errors
/// As of [`bind`]; a condition.
pub(crate) fn bind_number(syntax: &Syntax, specs: &[FeatureSpec]) -> Result<Bound, Wrong> {
    let (node, sort) = Binder { specs }.number(syntax)?;
    Ok(Bound { node, unit: sort.unit() })
}

/// What may be done with a category.
const OF_LEVELS: &[&str] = &["a == 'level'", "is_absent(a)"];

struct Binder<'a> {
    specs: &'a [FeatureSpec],
}

impl Binder<'_> {
    fn part(&self, syntax: &Syntax) -> Result<(Node, Sort), Wrong> {
        match &syntax.kind {
            Kind::Number(number) => Ok((Node::Number(*number), Sort::Bare)),
            Kind::Text(text) => Err(Wrong::new(syntax.at, format!("'{text}'"), &["a == 'level'"])),
            Kind::Feature(name) => self.feature(syntax.at, name),
            Kind::Negation(inner) => {
                let (node, sort) = self.number(inner)?;
                Ok((Node::Negation(Box::new(node)), sort))
            }
            Kind::Not(inner) => Ok((Node::Not(Box::new(self.condition(inner)?)), Sort::Condition)),
            Kind::Binary(operator, parts) => self.binary(*operator, parts),
            Kind::Call(function, arguments) => self.call(*function, arguments),
        }
    }

    fn feature(&self, at: usize, name: &str) -> Result<(Node, Sort), Wrong> {
        let Some(column) = self.specs.iter().position(|spec| spec.name == name) else {
            let known: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(Wrong { is_name: true, ..Wrong::new(at, name, &known) });
        };
        Ok((Node::Column(column), Sort::of(&self.specs[column])))
    }

    fn number(&self, syntax: &Syntax) -> Result<(Node, Sort), Wrong> {
        match self.part(syntax)? {
            (_, sort @ Sort::Condition) => Err(Wrong::new(syntax.at, sort.sample(), &["a", "1", "if(a > b, 1, 0)"])),
            (_, sort @ Sort::Level) => Err(Wrong::new(syntax.at, sort.sample(), OF_LEVELS)),
            number => Ok(number),
        }
    }

    fn condition(&self, syntax: &Syntax) -> Result<Node, Wrong> {
        match self.part(syntax)? {
            (node, Sort::Condition) => Ok(node),
            (_, sort) => Err(Wrong::new(syntax.at, sort.sample(), &["a > b", "is_absent(a)"])),
        }
    }

    fn binary(&self, operator: Binary, parts: &[Syntax; 2]) -> Result<(Node, Sort), Wrong> {
        let [left, right] = parts;
        if let Binary::And | Binary::Or = operator {
            let node = Node::binary(operator, self.condition(left)?, self.condition(right)?);
            return Ok((node, Sort::Condition));
        }
        if let Some((category, place, level)) = with_level(left, right) {
            return Ok((self.level(operator, category, (place, level))?, Sort::Condition));
        }
        let ((left, a), (right, b)) = (self.number(left)?, self.number(right)?);
        let sort = match operator {
            Binary::Multiply | Binary::Divide => scaled(operator, (&left, a), (&right, b)),
            Binary::Add | Binary::Subtract => same(parts[1].at, operator.sign(), a, b)?,
            _ => {
                same(parts[1].at, operator.sign(), a, b)?;
                Sort::Condition
            }
        };
        Ok((Node::binary(operator, left, right), sort))
    }

    /// A category held against one of its levels.
    fn level(&self, operator: Binary, category: &Syntax, (place, level): (usize, &str)) -> Result<Node, Wrong> {
        if !matches!(operator, Binary::Equal | Binary::Unequal) {
            let allowed = ["a == 'level'", "a != 'level'"];
            return Err(Wrong::new(place, format!("{} '{level}'", operator.sign()), &allowed));
        }
        let (node, sort) = self.part(category)?;
        let Node::Column(column) = node else { return Err(Wrong::new(category.at, sort.sample(), &["category"])) };
        let FeatureKind::Category(levels) = &self.specs[column].kind else {
            return Err(Wrong::new(category.at, sort.sample(), &["category"]));
        };
        let Some(code) = levels.iter().position(|known| known == level) else {
            let known: Vec<&str> = levels.iter().map(String::as_str).collect();
            return Err(Wrong { is_name: true, ..Wrong::new(place, level, &known) });
        };
        Ok(Node::binary(operator, node, Node::Number(code as f64)))
    }

    fn call(&self, function: Function, arguments: &[Syntax]) -> Result<(Node, Sort), Wrong> {
        match function {
            Function::If => {
                let condition = self.condition(&arguments[0])?;
                let (then, a) = self.part(&arguments[1])?;
                let (otherwise, b) = self.part(&arguments[2])?;
                let sort = alike(arguments[2].at, "if", a, b)?;
                Ok((Node::If(Box::new([condition, then, otherwise])), sort))
            }
            Function::IsAbsent => {
                let (node, _) = self.part(&arguments[0])?;
                Ok((Node::IsAbsent(Box::new(node)), Sort::Condition))
            }
            Function::Abs | Function::Log1p => {
                let (node, sort) = self.number(&arguments[0])?;
                let sort = if function == Function::Abs { sort } else { Sort::Bare };
                Ok((Node::Call(function, vec![node]), sort))
            }
            Function::Min | Function::Max | Function::Coalesce => self.several(function, arguments),
        }
    }

    /// Arguments that must go together.
    fn several(&self, function: Function, arguments: &[Syntax]) -> Result<(Node, Sort), Wrong> {
        let (first, mut sort) = self.part(&arguments[0])?;
        let mut nodes = vec![first];
        for argument in &arguments[1..] {
            let (node, other) = self.part(argument)?;
            sort = alike(argument.at, function.name(), sort, other)?;
            nodes.push(node);
        }
        if sort == Sort::Condition && function != Function::Coalesce {
            return Err(Wrong::new(arguments[0].at, sort.sample(), &["a", "1", "if(a > b, 1, 0)"]));
        }
        Ok((Node::Call(function, nodes), sort))
    }
}

/// The two sides of a comparison with a level, and where the level stands.
fn with_level<'a>(left: &'a Syntax, right: &'a Syntax) -> Option<(&'a Syntax, usize, &'a str)> {
    match (&left.kind, &right.kind) {
        (_, Kind::Text(level)) => Some((left, right.at, level)),
        (Kind::Text(level), _) => Some((right, left.at, level)),
        _ => None,
    }
}

/// The sort of a sum or of what is compared.
fn same(at: usize, sign: &str, a: Sort, b: Sort) -> Result<Sort, Wrong> {
    match (a, b) {
        (Sort::Bare, other) | (other, Sort::Bare) => Ok(other),
        _ if a == b => Ok(a),
        _ => {
            let together = |one: Sort| format!("{0} {sign} {0}", one.sample());
            let got = format!("{} {sign} {}", a.sample(), b.sample());
            Err(Wrong::new(at, got, &[&together(a), &together(b)]))
        }
    }
}

/// Two values of which one becomes the result: conditions, or numbers that go together.
fn alike(at: usize, function: &str, a: Sort, b: Sort) -> Result<Sort, Wrong> {
    let is_number = |sort| !matches!(sort, Sort::Condition | Sort::Level);
    match (a, b) {
        (Sort::Condition, Sort::Condition) => Ok(a),
        (Sort::Bare, other) | (other, Sort::Bare) if is_number(other) => Ok(other),
        _ if a == b && is_number(a) => Ok(a),
        _ => {
            let call = |a: Sort, b: Sort| format!("{function}(… {}, {})", a.sample(), b.sample());
            let allowed = if is_number(a) { call(a, a) } else { call(Sort::Condition, Sort::Condition) };
            Err(Wrong::new(at, call(a, b), &[&allowed]))
        }
    }
}

/// Times or by a written number, the unit stays; what two features make has none.
fn scaled(operator: Binary, (left, a): (&Node, Sort), (right, b): (&Node, Sort)) -> Sort {
    match (left, right) {
        (_, Node::Number(_)) => a,
        (Node::Number(_), _) if operator == Binary::Multiply => b,
        _ => Sort::Bare,
    }
}
