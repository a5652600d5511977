//! SHA-256 digests of bytes, of files while they are written, and of files on disk.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use osusume_model::{Code, Control, Fault, Result, check_stop};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fs::{Fs, ReadFile, shown};

/// Bytes read at once when a file is hashed; stop and progress are asked once a block.
const BLOCK_BYTES: u64 = 1 << 20;

/// A SHA-256 digest; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of parts that cannot be confused: each is preceded by its length.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseDigestError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(ParseDigestError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> std::result::Result<u8, ParseDigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestError),
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> std::result::Result<Self, ParseDigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Length and digest of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub bytes: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// A writer that counts and hashes what passes through it.
pub struct HashingFile<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> HashingFile<W> {
    /// Hashes everything written to `inner` from now on.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// Bytes that have passed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The writer below.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The writer below, and what it took.
    pub fn finish(self) -> (W, Content) {
        (self.inner, Content { bytes: self.bytes, sha256: Digest(self.hasher.finalize().into()) })
    }
}

impl<W: Write> Write for HashingFile<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n_written]);
        self.bytes += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes an open file by blocks; progress is in bytes.
pub fn hash_open(file: &dyn ReadFile, control: &dyn Control) -> Result<Content> {
    let total = file.len();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; total.min(BLOCK_BYTES) as usize];
    let mut done = 0;
    while done < total {
        check_stop(control)?;
        let block = &mut buffer[..(total - done).min(BLOCK_BYTES) as usize];
        file.read_at(done, block)?;
        hasher.update(&*block);
        done += block.len() as u64;
        control.progress(done, total);
    }
    Ok(Content { bytes: total, sha256: Digest(hasher.finalize().into()) })
}

/// Hashes a file of ours by blocks; progress is in bytes.
pub fn hash_file(fs: &dyn Fs, path: &Path, control: &dyn Control) -> Result<Content> {
    hash_open(&*fs.open(path)?, control)
}

/// Hashes an input file by blocks; `FileChanged` when length, time or inode differ afterwards.
pub fn hash_input(fs: &dyn Fs, path: &Path, control: &dyn Control) -> Result<Content> {
    let file = fs.open_input(path)?;
    let before = file.metadata()?;
    let content = hash_open(&*file, control)?;
    if file.metadata()? != before || fs.open_input(path)?.metadata()? != before {
        return Err(Fault::new(Code::FileChanged).in_file(shown(path)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_the_published_vectors_and_round_trip() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
        assert_eq!(abc.parse(), Ok(Digest::of(b"abc")));
        for wrong in ["", &abc[1..], &abc.to_uppercase(), &abc.replace('b', "g")] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError));
        }
    }

    #[test]
    fn parts_are_not_their_concatenation() {
        let parts = |parts: &[&str]| Digest::of_parts(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(parts(&["ab", "c"]), parts(&["a", "bc"]));
        assert_ne!(parts(&["abc"]), parts(&["abc", ""]));
    }

    #[test]
    fn a_hashing_file_counts_what_was_taken_not_what_was_offered() {
        let mut short = [0_u8; 4];
        let mut file = HashingFile::new(&mut short[..]);
        assert_eq!(file.write(b"abcdef").unwrap(), 4);
        let (_, content) = file.finish();
        assert_eq!(content, Content { bytes: 4, sha256: Digest::of(b"abcd") });
    }
}
