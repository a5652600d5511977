//! Mail addresses, accounts and links.

use super::Masked;
use crate::goes_on;

/// Characters taken back before an `@` that follows a word of another script.
const OTHER_LOCAL: usize = 64;
/// Characters looked at for a host's name.
const MAX_HOST: usize = 256;

/// The end of a mail address or account whose `@` stands at `at`; takes back the name before it.
pub(super) fn mail(chars: &[char], at: usize, out: &mut Masked) -> Option<usize> {
    let after = sign(chars, at)?;
    let spaces = chars[after..].iter().take(3).take_while(|&&c| c == ' ').count();
    let (start, length) = (after + spaces, host(chars, after + spaces));
    let is_host = chars[start..start + length].contains(&'.');
    if length == 0 || (spaces > 0 && !is_host) {
        return None;
    }
    if is_host && out.text.trim_end_matches(' ').chars().next_back().is_some_and(is_local) {
        out.take_back(3, |c| c == ' ');
    }
    if out.take_back(usize::MAX, is_local) == 0 {
        out.take_back(OTHER_LOCAL, char::is_alphanumeric);
    }
    Some(start + length)
}

/// The end of what stands for `@` at `at`.
fn sign(chars: &[char], at: usize) -> Option<usize> {
    let spelled = ["@", "(at)", "[at]", "(a)", "<at>"];
    spelled.iter().find(|word| goes_on(chars, at, word)).map(|word| at + word.chars().count())
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._%+-'~⟨⟩".contains(c)
}

/// Length of a host's name, without dots and hyphens at its end.
fn host(chars: &[char], at: usize) -> usize {
    let is_part = |c: &&char| c.is_ascii_alphanumeric() || "._-".contains(**c);
    let run = chars[at..].iter().take(MAX_HOST).take_while(is_part).count();
    let rest = chars[at..at + run].iter().rev().take_while(|c| !c.is_ascii_alphanumeric()).count();
    run - rest
}

/// The end of a link that begins at `at`.
pub(super) fn url(chars: &[char], at: usize) -> Option<usize> {
    let schemes = ["http://", "https://", "ftp://", "www."];
    let known = schemes.iter().find(|scheme| goes_on(chars, at, scheme)).map(|scheme| at + scheme.len());
    let start = known.or_else(|| bare(chars, at))?;
    let is_part = |c: &&char| c.is_ascii_graphic() && !"<>\"'`".contains(**c);
    let run = chars[start..].iter().take_while(is_part).count();
    let rest = chars[start..start + run].iter().rev().take_while(|c| ".,;:!?)]}".contains(**c)).count();
    (run > rest).then_some(start + run - rest)
}

/// The end of `host.name/` at `at`.
fn bare(chars: &[char], at: usize) -> Option<usize> {
    let length = host(chars, at);
    let name = &chars[at..at + length];
    let top = name.iter().rev().take_while(|c| c.is_ascii_alphabetic()).count();
    let is_host = top >= 2 && top < length && name[length - top - 1] == '.';
    (is_host && chars.get(at + length) == Some(&'/')).then_some(at + length)
}
