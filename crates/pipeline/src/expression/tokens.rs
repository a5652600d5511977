//! Characters to tokens.

use super::{MAX_LENGTH, Wrong};

/// A sign, word or number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// A feature, function or operator in letters.
    Word(String),
    /// What stands between two quotes.
    Text(String),
    /// An operator, bracket or comma.
    Sign(&'static str),
    /// Behind the last one.
    End,
}

/// A token and where it begins, counted in characters from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

impl Token {
    /// As it was written, or nearly.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::End => "…".to_owned(),
        }
    }
}

/// Longer signs before those they begin with.
const SIGNS: [&str; 13] = ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ","];

/// Cuts `text` into tokens, an end last.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Wrong> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > MAX_LENGTH {
        return Err(Wrong::new(MAX_LENGTH + 1, "…", &[&format!("≤ {MAX_LENGTH}")]));
    }
    let (mut found, mut next) = (Vec::new(), 0);
    while next < chars.len() {
        if chars[next].is_whitespace() {
            next += 1;
            continue;
        }
        let (token, end) = token(&chars, next)?;
        found.push(Placed { token, at: next + 1 });
        next = end;
    }
    found.push(Placed { token: Token::End, at: chars.len() + 1 });
    Ok(found)
}

/// The token that begins at `start`, and where it ends.
fn token(chars: &[char], start: usize) -> Result<(Token, usize), Wrong> {
    let starts_with = |sign: &&&str| sign.chars().enumerate().all(|(i, c)| chars.get(start + i) == Some(&c));
    if let Some(sign) = SIGNS.iter().find(starts_with) {
        return Ok((Token::Sign(sign), start + sign.len()));
    }
    if let quote @ ('\'' | '"') = chars[start] {
        let text: String = chars[start + 1..].iter().take_while(|c| **c != quote).collect();
        let end = start + 1 + text.chars().count();
        let unclosed = || Wrong::new(start + 1, format!("{quote}{text}"), &["'…'", "\"…\""]);
        return if end < chars.len() { Ok((Token::Text(text), end + 1)) } else { Err(unclosed()) };
    }
    let is_part = |c: &&char| c.is_alphanumeric() || **c == '_' || **c == '.';
    let word: String = chars[start..].iter().take_while(is_part).collect();
    let end = start + word.chars().count();
    let is_number = word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || c == '.')
        && !word.ends_with('.');
    match word.parse() {
        Ok(number) if is_number => Ok((Token::Number(number), end)),
        _ if word.is_empty() => Err(Wrong::new(start + 1, chars[start], &SIGNS)),
        _ if word.contains('.') => Err(Wrong::new(start + 1, word, &["0.5", "a_b"])),
        _ => Ok((Token::Word(word), end)),
    }
}
