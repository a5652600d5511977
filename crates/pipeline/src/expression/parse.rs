//! Tokens to a tree, by recursive descent: one function a line of the grammar.

use super::tokens::{Placed, Token, tokens};
use super::{MAX_DEPTH, Wrong};

/// A part of an expression and where it begins, in characters from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Syntax {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

impl Syntax {
    /// The features it names, in the order they are written; one twice where it stands twice.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) => Vec::new(),
            Kind::Feature(name) => vec![name],
            Kind::Negation(inner) | Kind::Not(inner) => inner.names(),
            Kind::Binary(_, parts) => parts.iter().flat_map(Self::names).collect(),
            Kind::Call(_, arguments) => arguments.iter().flat_map(Self::names).collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    /// A level of a category.
    Text(String),
    Feature(String),
    Negation(Box<Syntax>),
    Not(Box<Syntax>),
    Binary(Binary, Box<[Syntax; 2]>),
    Call(Function, Vec<Syntax>),
}

/// An operator between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    And,
    Or,
}

impl Binary {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

/// A function by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    If,
    Min,
    Max,
    Abs,
    Log1p,
    Coalesce,
    IsAbsent,
}

impl Function {
    const ALL: [Self; 7] = [Self::If, Self::Min, Self::Max, Self::Abs, Self::Log1p, Self::Coalesce, Self::IsAbsent];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Min => "min",
            Self::Max => "max",
            Self::Abs => "abs",
            Self::Log1p => "log1p",
            Self::Coalesce => "coalesce",
            Self::IsAbsent => "is_absent",
        }
    }

    /// How it is called, and the fewest and most arguments.
    fn shape(self) -> (&'static str, usize, usize) {
        match self {
            Self::If => ("if(a > b, c, d)", 3, 3),
            Self::Min => ("min(a, b)", 2, usize::MAX),
            Self::Max => ("max(a, b)", 2, usize::MAX),
            Self::Abs => ("abs(a)", 1, 1),
            Self::Log1p => ("log1p(a)", 1, 1),
            Self::Coalesce => ("coalesce(a, b)", 2, usize::MAX),
            Self::IsAbsent => ("is_absent(a)", 1, 1),
        }
    }
}

/// What may begin a part.
const BEGINNINGS: &[&str] = &["a", "1", "(", "-", "not"];

/// What may follow a whole part.
const CONTINUATIONS: &[&str] = &["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "and", "or", ")", ","];

/// Reads an expression.
///
/// # Errors
/// The first thing that cannot stand where it stands; too long a text, too many brackets within each other.
pub(crate) fn parse(text: &str) -> Result<Syntax, Wrong> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let whole = parser.or()?;
    match parser.peek() {
        Placed { token: Token::End, .. } => Ok(whole),
        other => Err(Wrong::new(other.at, other.token.text(), CONTINUATIONS)),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser {
    /// The next token; behind the last one there is always the end.
    fn peek(&self) -> &Placed {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Placed {
        let taken = self.peek().clone();
        self.next += 1;
        taken
    }

    /// Takes the next token if it is one of these operators.
    fn operator(&mut self, operators: &[Binary]) -> Option<Binary> {
        let found = operators.iter().copied().find(|operator| self.is_next(operator.sign()))?;
        self.next += 1;
        Some(found)
    }

    fn is_next(&self, text: &str) -> bool {
        match &self.peek().token {
            Token::Word(word) => word == text,
            Token::Sign(sign) => *sign == text,
            Token::Number(_) | Token::Text(_) | Token::End => false,
        }
    }

    fn expect(&mut self, sign: &'static str, allowed: &[&str]) -> Result<(), Wrong> {
        let placed = self.take();
        if placed.token == Token::Sign(sign) {
            return Ok(());
        }
        Err(Wrong::new(placed.at, placed.token.text(), allowed))
    }

    /// One level further in.
    fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth == MAX_DEPTH {
            let next = self.peek();
            return Err(Wrong::new(next.at, next.token.text(), &[&format!("( … ) ≤ {MAX_DEPTH}")]));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Parts with operators of one rank between them, from left to right.
    fn chain(
        &mut self,
        operators: &[Binary],
        part: impl Fn(&mut Self) -> Result<Syntax, Wrong>,
    ) -> Result<Syntax, Wrong> {
        let mut left = part(self)?;
        while let Some(operator) = self.operator(operators) {
            let right = part(self)?;
            left = binary(operator, left, right);
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Syntax, Wrong> {
        self.chain(&[Binary::Or], Self::and)
    }

    fn and(&mut self) -> Result<Syntax, Wrong> {
        self.chain(&[Binary::And], Self::not)
    }

    fn not(&mut self) -> Result<Syntax, Wrong> {
        if !self.is_next("not") {
            return self.comparison();
        }
        let at = self.take().at;
        let inner = self.within(Self::not)?;
        Ok(Syntax { at, kind: Kind::Not(Box::new(inner)) })
    }

    fn comparison(&mut self) -> Result<Syntax, Wrong> {
        use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Unequal};
        let left = self.sum()?;
        match self.operator(&[LessOrEqual, GreaterOrEqual, Equal, Unequal, Less, Greater]) {
            Some(operator) => Ok(binary(operator, left, self.sum()?)),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Syntax, Wrong> {
        self.chain(&[Binary::Add, Binary::Subtract], Self::product)
    }

    fn product(&mut self) -> Result<Syntax, Wrong> {
        self.chain(&[Binary::Multiply, Binary::Divide], Self::negation)
    }

    fn negation(&mut self) -> Result<Syntax, Wrong> {
        if !self.is_next("-") {
            return self.primary();
        }
        let at = self.take().at;
        let inner = self.within(Self::negation)?;
        Ok(Syntax { at, kind: Kind::Negation(Box::new(inner)) })
    }

    fn primary(&mut self) -> Result<Syntax, Wrong> {
        let Placed { token, at } = self.take();
        match token {
            Token::Number(number) => Ok(Syntax { at, kind: Kind::Number(number) }),
            Token::Text(text) => Ok(Syntax { at, kind: Kind::Text(text) }),
            Token::Sign("(") => {
                let inner = self.within(Self::or)?;
                self.expect(")", CONTINUATIONS)?;
                Ok(inner)
            }
            Token::Word(word) if self.is_next("(") => self.call(at, &word),
            Token::Word(word) if !["and", "or", "not"].contains(&word.as_str()) => {
                Ok(Syntax { at, kind: Kind::Feature(word) })
            }
            other => Err(Wrong::new(at, other.text(), BEGINNINGS)),
        }
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Syntax, Wrong> {
        let Some(function) = Function::ALL.into_iter().find(|function| function.name() == name) else {
            let known = Function::ALL.map(Function::name);
            return Err(Wrong { is_name: true, ..Wrong::new(at, name, &known) });
        };
        self.take();
        let arguments = self.within(|parser| {
            let mut arguments = vec![parser.or()?];
            while parser.is_next(",") {
                parser.take();
                arguments.push(parser.or()?);
            }
            Ok(arguments)
        })?;
        self.expect(")", CONTINUATIONS)?;
        let (sample, fewest, most) = function.shape();
        if (fewest..=most).contains(&arguments.len()) {
            return Ok(Syntax { at, kind: Kind::Call(function, arguments) });
        }
        Err(Wrong::new(at, format!("{name}({})", vec!["…"; arguments.len()].join(", ")), &[sample]))
    }
}

fn binary(operator: Binary, left: Syntax, right: Syntax) -> Syntax {
    Syntax { at: left.at, kind: Kind::Binary(operator, Box::new([left, right])) }
}
