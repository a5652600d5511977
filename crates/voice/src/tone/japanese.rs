//! Japanese: expressions by their stems, denied by what stands behind them.

use super::{Hit, Meant};
use crate::goes_on;
use crate::lexicon::{Lexicon, Sense, TONE};

/// Characters behind an expression that are searched for a denial.
const REACH: usize = 18;
/// What denies.
const DENIALS: [&str; 12] =
    ["ません", "なかった", "ない", "なく", "なし", "無かった", "無い", "無く", "無し", "ずに", "ねえ", "ねぇ"];
/// Behind these a denial denies nothing: there is nothing but that, or not only that.
const AFFIRMED: [&str; 9] =
    ["しか", "しかあり", "だけで", "だけでは", "だけじゃ", "ばかりで", "ばかりでは", "のみで", "だけでも"];
/// What turns a denial into a question or a request.
const ASKED: [&str; 8] = ["か", "ですか", "でしょうか", "んか", "んですか", "だろうか", "でしょう?", "かな"];
/// What an expression is joined by to a verb that carries the denial.
const JOINTS: [&str; 15] =
    ["", "な", "して", "が", "は", "も", "を", "に", "と", "とは", "には", "く", "くは", "なところは", "な点は"];
/// Where these stand between, the sentence went on to something else.
const TURNS: [&str; 9] = ["ので", "のに", "けど", "けれど", "から", "ですが", "ますが", "ましたが", "でしたが"];
/// What is wrong and does not go away is still wrong.
const GOES_AWAY: [&str; 10] = ["消え", "直", "治", "減", "収ま", "解決", "改善", "解消", "なくなら", "無くなら"];

/// Shows every expression of the lexicon.
pub(super) fn hits(lexicon: &Lexicon, chars: &[char], see: &mut impl FnMut(Hit)) {
    let mut at = 0;
    while at < chars.len() {
        let Some((length, entry)) = (!chars[at].is_ascii()).then(|| lexicon.japanese(chars, at)).flatten() else {
            at += 1;
            continue;
        };
        at += length;
        let meant = if entry.can_be_denied { meant(chars, at, entry.sense) } else { Meant::So };
        see(Hit { entry, meant });
    }
}

/// How an expression that ends at `at` is meant.
fn meant(chars: &[char], at: usize, sense: Sense) -> Meant {
    let end = at + chars[at..].iter().take(REACH).take_while(|&&c| !ends_clause(c)).count();
    let (mut position, mut n_denials, mut is_asked) = (at, 0, false);
    while position < end {
        let between: String = chars[at..position].iter().collect();
        if TURNS.iter().any(|turn| between.ends_with(turn)) {
            break;
        }
        if let Some(length) = denial(chars, position, &between) {
            n_denials += 1;
            position += length;
            is_asked |= ASKED.iter().any(|asked| goes_on(chars, position, asked));
            continue;
        }
        if let Some(length) = verb(chars, position, &between).filter(|_| n_denials == 0) {
            if sense == Sense::Complaint && GOES_AWAY.iter().any(|verb| goes_on(chars, position, verb)) {
                break;
            }
            position += length;
            continue;
        }
        let is_other = position > at && n_denials == 0 && TONE.japanese(chars, position).is_some();
        if !is_kana(chars[position]) || is_other {
            break;
        }
        position += 1;
    }
    match n_denials % 2 {
        0 => Meant::So,
        _ if is_asked => Meant::Asked,
        _ => Meant::Not,
    }
}

/// The length of a denial at `at`, `between` being what stands before it.
fn denial(chars: &[char], at: usize, between: &str) -> Option<usize> {
    let word = DENIALS.iter().find(|word| goes_on(chars, at, word))?;
    let is_affirmed = AFFIRMED.iter().any(|words| between.ends_with(words));
    (!is_affirmed).then(|| word.chars().count())
}

/// The length of the root of a verb that is joined to the expression.
fn verb(chars: &[char], at: usize, between: &str) -> Option<usize> {
    if !JOINTS.contains(&between) || is_kana(chars[at]) {
        return None;
    }
    let length = chars[at..].iter().take(3).take_while(|&&c| c.is_alphabetic() && !is_kana(c) && !c.is_ascii()).count();
    // Directly behind an expression another word of three signs is its compound, not its verb.
    (1..=2).contains(&length).then_some(length)
}

fn is_kana(c: char) -> bool {
    ('\u{3041}'..='\u{309f}').contains(&c) || c == 'ー'
}

fn ends_clause(c: char) -> bool {
    matches!(c, '。' | '、' | '!' | '?' | ',' | '.' | '\n' | '「' | '」' | '(' | ')' | ';' | ':' | '…')
}
