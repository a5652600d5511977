//! The files of one delivery: written under temporary names, split below the limits, and put in place together.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use osusume_model::{Code, Fault, Result};
use osusume_storage::{Digest, Fs, HashingFile, WriteFile, check_destination, create_dirs, write_fault};

/// Bytes handed to the file system at once.
const BUFFER_BYTES: usize = 1 << 18;

/// Digits of [`Destination::token`].
const TOKEN: usize = 12;

/// A finished file of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, in the directory of the destination.
    pub name: String,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the bytes.
    pub sha256: Digest,
}

/// Where a delivery goes, and how it keeps clear of others.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The destination file.
    pub path: &'a Path,
    /// Part of the names files have while they are written: twelve hexadecimal digits that no other process uses, so that two deliveries
    /// to one place never write into one file.
    pub token: &'a str,
    /// Asked when everything is written and nothing is visible yet; a fault of it ends the delivery.
    pub may_show: &'a dyn Fn() -> Result<()>,
}

/// A directory, the name of the file, and what tells the temporary names of this delivery from another's.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    token: String,
}

impl Place {
    /// The place of a path; `CommandLine` when it names no file.
    pub(crate) fn of(path: &Path, token: &str) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| {
            Fault::new(Code::CommandLine).in_file(path.display().to_string()).because("not the name of a file")
        })?;
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { dir, name, token: token.to_owned() })
    }

    /// The name of part `i` of `n`: the name itself, or with the number before the ending.
    fn part_name(&self, i: usize, n: usize) -> String {
        if n == 1 {
            return self.name.clone();
        }
        let (stem, ending) = match self.name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (self.name.as_str(), String::new()),
        };
        format!("{stem}.part-{:03}{ending}", i + 1)
    }

    pub(crate) fn manifest_name(&self) -> String {
        format!("{}.manifest.json", self.name)
    }

    /// A temporary path, see [`Place::temporary_name`].
    pub(crate) fn temporary(&self, what: &str) -> PathBuf {
        self.dir.join(self.temporary_name(what))
    }

    /// A temporary name: hidden, so that nobody who lists the directory for files takes it.
    pub(crate) fn temporary_name(&self, what: &str) -> String {
        format!(".{}.{}.{what}.tmp", self.name, self.token)
    }

    /// Whether a name is a temporary one of a delivery to this place, by whomever.
    fn is_temporary(&self, name: &str) -> bool {
        let rest = name.strip_prefix('.').and_then(|name| name.strip_prefix(self.name.as_str()));
        let rest = rest.and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".tmp"));
        rest.and_then(|rest| rest.split_once('.')).is_some_and(|(token, what)| {
            token.len() == TOKEN && token.bytes().all(|byte| byte.is_ascii_hexdigit()) && !what.contains('.')
        })
    }

    /// Creates the directories above the place, and removes what deliveries that were killed left there.
    ///
    /// A delivery of another pipeline to the same file, still at work, loses its files as well: it then fails before it shows anything.
    pub(crate) fn prepare(&self, fs: &dyn Fs) -> Result<()> {
        create_dirs(fs, &self.dir)?;
        // What cannot be listed or removed only takes room: nothing is ever written into it.
        for entry in fs.list_dir(self.dir_or_here()).unwrap_or_default() {
            if self.is_temporary(&entry.name) {
                let _ = fs.remove_file(&self.dir.join(entry.name));
            }
        }
        Ok(())
    }

    /// The directory as the file system wants it named.
    fn dir_or_here(&self) -> &Path {
        if self.dir.as_os_str().is_empty() { Path::new(".") } else { &self.dir }
    }
}

/// What limits a file, and what every file starts with.
pub(crate) struct Frame {
    pub(crate) header: Vec<u8>,
    pub(crate) max_rows: u64,
    pub(crate) max_bytes: u64,
}

/// Writes records into parts.
pub(crate) struct PartWriter<'a> {
    fs: &'a dyn Fs,
    place: &'a Place,
    frame: Frame,
    open: OpenPart,
    done: Vec<(u64, u64, Digest)>,
    temporary: Vec<PathBuf>,
}

struct OpenPart {
    file: HashingFile<Box<dyn WriteFile>>,
    path: PathBuf,
    buffer: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl<'a> PartWriter<'a> {
    /// Starts the first part in a directory that is made ready for it.
    pub(crate) fn create(fs: &'a dyn Fs, place: &'a Place, frame: Frame) -> Result<Self> {
        place.prepare(fs)?;
        let path = place.temporary("001");
        let open = OpenPart::create(fs, &path, &frame.header)?;
        Ok(Self { fs, place, frame, open, done: Vec::new(), temporary: vec![path] })
    }

    /// Appends a record, in a new part when this one is full.
    ///
    /// # Errors
    /// `RecordTooLarge` when the record alone is longer than a file may be; writing faults.
    pub(crate) fn push(&mut self, record: &[u8]) -> Result<()> {
        let len = record.len() as u64;
        if self.frame.header.len() as u64 + len > self.frame.max_bytes {
            let fault = Fault::new(Code::RecordTooLarge).with("bytes", len).with("limit", self.frame.max_bytes);
            return Err(fault.in_file(self.place.name.clone()));
        }
        if self.open.rows >= self.frame.max_rows || self.open.bytes + len > self.frame.max_bytes {
            let path = self.place.temporary(&format!("{:03}", self.temporary.len() + 1));
            let next = OpenPart::create(self.fs, &path, &self.frame.header)?;
            self.temporary.push(path);
            let full = std::mem::replace(&mut self.open, next);
            self.done.push(full.close()?);
        }
        self.open.write(record)?;
        self.open.rows += 1;
        Ok(())
    }

    /// Forces the last part to the disk; nothing is visible yet.
    pub(crate) fn finish(self) -> Result<Vec<(PathBuf, Part)>> {
        let Self { place, open, mut done, temporary, .. } = self;
        done.push(open.close()?);
        let n = done.len();
        let part = |(i, (rows, bytes, sha256))| Part { name: place.part_name(i, n), rows, bytes, sha256 };
        Ok(temporary.into_iter().zip(done.into_iter().enumerate().map(part)).collect())
    }

    /// The temporary files so far, for removal after a fault.
    pub(crate) fn temporary(&self) -> Vec<PathBuf> {
        self.temporary.clone()
    }
}

impl OpenPart {
    fn create(fs: &dyn Fs, path: &Path, header: &[u8]) -> Result<Self> {
        let file = HashingFile::new(fs.create(path)?);
        let mut part =
            Self { file, path: path.to_owned(), buffer: Vec::with_capacity(BUFFER_BYTES), rows: 0, bytes: 0 };
        part.write(header)?;
        Ok(part)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|error| write_fault(&self.path, &error))?;
        self.buffer.clear();
        Ok(())
    }

    /// Rows, bytes and digest of the file, forced to the disk.
    fn close(mut self) -> Result<(u64, u64, Digest)> {
        self.flush()?;
        self.file.get_mut().flush().map_err(|error| write_fault(&self.path, &error))?;
        self.file.get_mut().sync()?;
        let (_, content) = self.file.finish();
        Ok((self.rows, content.bytes, content.sha256))
    }
}

/// Puts finished parts and then the manifest in place, and removes parts of the delivery before that are in the way no longer.
///
/// The manifest comes last: until then the old one stands, whose digests tell that the parts are no longer its own.
pub(crate) fn put_in_place(
    fs: &dyn Fs,
    place: &Place,
    parts: &[(PathBuf, Part)],
    manifest: &[u8],
    before: &[String],
    may_show: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let names = parts.iter().map(|(_, part)| part.name.clone()).chain([place.manifest_name()]);
    for name in names {
        check_destination(fs, &place.dir.join(name))?;
    }
    let temporary = place.temporary("manifest");
    let shown = write_whole(fs, &temporary, manifest)
        .and_then(|()| may_show())
        .and_then(|()| show(fs, place, parts, &temporary));
    if shown.is_err() {
        // The fault that brought us here is the one to report; a leftover is removed by the next delivery.
        let _ = fs.remove_file(&temporary);
    }
    shown?;
    let kept: BTreeSet<&str> = parts.iter().map(|(_, part)| part.name.as_str()).collect();
    for name in before.iter().filter(|name| !kept.contains(name.as_str())) {
        let path = place.dir.join(name);
        if fs.metadata(&path)?.is_some_and(|found| found.is_file) {
            fs.remove_file(&path)?;
        }
    }
    fs.sync_dir(place.dir_or_here())
}

fn write_whole(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs.create(path)?;
    file.write_all(bytes).map_err(|error| write_fault(path, &error))?;
    file.sync()
}

fn show(fs: &dyn Fs, place: &Place, parts: &[(PathBuf, Part)], manifest: &Path) -> Result<()> {
    for (from, part) in parts {
        fs.rename(from, &place.dir.join(&part.name))?;
    }
    fs.sync_dir(place.dir_or_here())?;
    fs.rename(manifest, &place.dir.join(place.manifest_name()))?;
    fs.sync_dir(place.dir_or_here())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbered_before_the_ending() {
        let of = |path: &str| Place::of(Path::new(path), "0123456789ab");
        let place = of("out/isp-offers.csv").unwrap();
        assert_eq!(place.part_name(0, 1), "isp-offers.csv");
        assert_eq!(place.part_name(1, 3), "isp-offers.part-002.csv");
        assert_eq!(place.manifest_name(), "isp-offers.csv.manifest.json");
        assert_eq!(of("offers").unwrap().part_name(0, 2), "offers.part-001");
        assert_eq!(of(".offers").unwrap().part_name(0, 2), ".offers.part-001");
        assert_eq!(of("..").unwrap_err().code(), Code::CommandLine);
    }

    #[test]
    fn only_temporary_names_of_this_very_place_are_leftovers() {
        let place = Place::of(Path::new("out/offers"), "0123456789ab").unwrap();
        assert!(
            place.is_temporary(&place.temporary_name("001")) && place.is_temporary(".offers.fedcba987654.manifest.tmp")
        );
        let other = Place::of(Path::new("out/offers.csv"), "0123456789ab").unwrap();
        let theirs = other.temporary_name("001");
        for name in [&*theirs, "offers", ".offers.tmp", ".offers.notes.001.tmp", ".offers.0123456789ab.001", ".offers"]
        {
            assert!(!place.is_temporary(name), "{name}");
        }
    }
}
