//! Customers whose rows are never taken: a list of ids, and how an id is looked for in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use osusume_model::{Code, Fault, Result};
use osusume_storage::{Digest, Fs};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::block::InputFile;
use crate::cells::Cells;
use crate::ingest::{open, zone_of};
use crate::quarantine::reject_fault;
use crate::spec::SourceSpec;

/// Ids of customers, in one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppressed {
    ids: BTreeSet<String>,
}

impl Suppressed {
    /// Whether the customer is on the list, by the id as it is written or in another spelling: of another case or width, or with blanks
    /// around it. Two customers whose ids differ by these alone are both left out, which is the error that harms nobody.
    pub fn has(&self, id: &str) -> bool {
        !self.ids.is_empty() && self.ids.contains(&*spelling(id))
    }

    /// How many customers are on the list.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// A digest of the list itself, whatever its files' order and spelling.
    pub fn digest(&self) -> Digest {
        let mut text = String::new();
        for id in &self.ids {
            // Lengths, so that no two lists have one text.
            let _ = writeln!(text, "{}:{id}", id.len());
        }
        Digest::of(text.as_bytes())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Suppressed {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Self {
        Self { ids: ids.into_iter().map(|id| spelling(id.as_ref()).into_owned()).collect() }
    }
}

/// The one spelling of an id: NFKC, small letters, no blanks around it, nothing that cannot be seen.
fn spelling(id: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || matches!(b, b'-' | b'_' | b'.');
    if id.bytes().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let is_seen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}');
    let seen: String = id.chars().filter(is_seen).collect();
    let composed = match is_nfkc_quick(seen.chars()) {
        IsNormalized::Yes => seen,
        IsNormalized::No | IsNormalized::Maybe => seen.nfkc().collect(),
    };
    // Small letters of composed ones may have to be composed again.
    Cow::Owned(composed.trim().to_lowercase().nfkc().collect())
}

/// Reads every row of a list: the first column of `spec` holds the ids. Whoever cannot be read might be anybody, so a single row that is
/// rejected faults the list.
///
/// # Errors
/// What faults a file, and the first rejected row.
pub fn read_suppressed(fs: &dyn Fs, spec: &SourceSpec) -> Result<(Suppressed, Vec<InputFile>)> {
    spec.check()?;
    let zone = zone_of(spec)?;
    let (mut list, mut files) = (Suppressed::default(), Vec::new());
    let mut paths: Vec<&Path> = spec.paths.iter().map(AsRef::as_ref).collect();
    paths.sort_unstable();
    for path in paths {
        let mut source = open(fs, path, spec, &zone, true)?;
        loop {
            let blocks = source.next_blocks()?;
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                if let Some(reject) = block.rejects.first() {
                    return Err(reject_fault(path, spec, block.start, reject));
                }
                let Some(column) = block.columns.first() else { continue };
                let mut digits = itoa::Buffer::new();
                match &column.cells {
                    Cells::Text(ids) => list.ids.extend((0..block.places.len()).map(|row| id_of(ids.get(row)))),
                    Cells::Code(_) => {
                        for code in 0..column.levels.len() as u32 {
                            list.ids.insert(id_of(column.levels.text(code, &mut digits)));
                        }
                    }
                    _ => return Err(Fault::new(Code::ColumnType).in_file(path.display().to_string())),
                }
            }
        }
        files.push(source.finish()?);
    }
    Ok((list, files))
}

fn id_of(bytes: &[u8]) -> String {
    spelling(&String::from_utf8_lossy(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_any_spelling() {
        let list: Suppressed = ["C00017", " k-9 ", "Ａ１２", "カ\u{3099}1"].into_iter().collect();
        for id in ["C00017", "c00017", " C00017", "Ｃ０００１７", "\u{200b}C00017", "K-9", "a12", "A12", "ガ1", "ｶﾞ1"]
        {
            assert!(list.has(id), "{id}");
        }
        for id in ["C0017", "17", "", "C00017x", "カ1"] {
            assert!(!list.has(id), "{id}");
        }
        assert!(!Suppressed::default().has("C00017"));
    }

    #[test]
    fn the_digest_is_of_the_list() {
        let of = |ids: &[&str]| ids.iter().collect::<Suppressed>().digest();
        assert_eq!(of(&["b", "A", "a"]), of(&["a", "B"]));
        assert_ne!(of(&["ab"]), of(&["a", "b"]));
    }
}
