//! The operating system's file system.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use osusume_model::{Code, Fault, Result};
use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::fs::{Entry, Fs, LockAttempt, Metadata, ReadFile, WriteFile, carry, shown};

/// A lock file is a few hundred bytes; more is not ours.
const LOCK_LIMIT: u64 = 64 * 1024;

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

struct RealWrite {
    file: File,
    path: PathBuf,
    is_lost: bool,
}

struct RealRead {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Write for RealWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| match error.kind() {
            // The standard library repeats the call when it sees this kind.
            io::ErrorKind::Interrupted => error,
            _ => carry(fault(Code::CannotWrite, &self.path, &error, Some(bytes.len() as u64))),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for RealWrite {
    fn sync(&mut self) -> Result<()> {
        if self.is_lost {
            // A second fsync may report success for pages the kernel has already dropped.
            return Err(Fault::new(Code::SyncFailed).in_file(shown(&self.path)).because("an earlier sync failed"));
        }
        self.file.sync_all().map_err(|error| {
            self.is_lost = true;
            fault(Code::SyncFailed, &self.path, &error, None)
        })
    }
}

impl ReadFile for RealRead {
    fn len(&self) -> u64 {
        self.len
    }

    fn metadata(&self) -> Result<Metadata> {
        self.file.metadata().map(|found| metadata_of(&found)).map_err(|error| unreadable(&self.path, &error))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.len) {
            return Err(unreadable(&self.path, &"range after the end").at_byte(offset));
        }
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::new(Code::FileChanged).in_file(shown(&self.path)),
            _ => unreadable(&self.path, &error).at_byte(offset),
        })
    }
}

impl RealFs {
    fn open_regular(path: &Path, flags: OFlags) -> Result<Box<dyn ReadFile>> {
        // NONBLOCK: opening a pipe must not wait for a writer; it has no effect on regular files.
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = || -> io::Result<RealRead> {
            let file = OpenOptions::new().read(true).custom_flags(flag_bits(flags)).open(path)?;
            let found = file.metadata()?;
            if !found.is_file() {
                return Err(io::Error::other("not a regular file"));
            }
            Ok(RealRead { file, path: path.to_owned(), len: found.len() })
        };
        open().map(|file| Box::new(file) as Box<dyn ReadFile>).map_err(|error| unreadable(path, &error))
    }
}

impl Fs for RealFs {
    fn create(&self, path: &Path) -> Result<Box<dyn WriteFile>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(flag_bits(OFlags::NOFOLLOW | OFlags::CLOEXEC))
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
        Ok(Box::new(RealWrite { file, path: path.to_owned(), is_lost: false }))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        Self::open_regular(path, OFlags::NOFOLLOW)
    }

    fn open_input(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        Self::open_regular(path, OFlags::empty())
    }

    fn sync_dir(&self, path: &Path) -> Result<()> {
        let flags = flag_bits(OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC);
        let directory = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let synced = directory.and_then(|directory| directory.sync_all());
        synced.map_err(|error| fault(Code::SyncFailed, path, &error, None))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to).map_err(|error| cannot_write(to, &error))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        let renamed = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // NFS knows no such flag. A directory never replaces one that is not empty, and ours hold a manifest.
            Err(Errno::INVAL | Errno::NOSYS) if from.is_dir() && !to.exists() => std::fs::rename(from, to),
            other => other.map_err(io::Error::from),
        };
        renamed.map_err(|error| cannot_write(to, &error))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::hard_link(from, to).map_err(|error| cannot_write(to, &error))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        std::fs::remove_file(path).map_err(|error| cannot_write(path, &error))
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        std::fs::remove_dir_all(path).map_err(|error| cannot_write(path, &error))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        DirBuilder::new().mode(0o700).create(path).map_err(|error| cannot_write(path, &error))
    }

    fn list_dir(&self, path: &Path) -> Result<Vec<Entry>> {
        let list = || -> io::Result<Vec<Entry>> { std::fs::read_dir(path)?.map(|entry| entry_of(&entry?)).collect() };
        let mut entries = list().map_err(|error| unreadable(path, &error))?;
        entries.sort();
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(Some(metadata_of(&found))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    fn free_space(&self, path: &Path) -> Result<u64> {
        let found = rustix::fs::statvfs(path).map_err(|error| unreadable(path, &error))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn network_kind(&self, path: &Path) -> Result<Option<&'static str>> {
        let found = rustix::fs::statfs(path).map_err(|error| unreadable(path, &error))?;
        // The magic numbers have 32 bits; sign extension on the way here differs between platforms.
        Ok(network_name(found.f_type as u32))
    }

    fn try_lock(&self, path: &Path, content: &[u8]) -> Result<LockAttempt> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flag_bits(OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK))
            .open(path)
            .map_err(|error| cannot_write(path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return read_holder(path, &file),
            Err(TryLockError::Error(error)) => return Err(cannot_write(path, &error)),
        }
        let written = file.set_len(0).and_then(|()| file.write_all(content));
        written.map_err(|error| cannot_write(path, &error))?;
        Ok(LockAttempt::Held(Box::new(file)))
    }
}

fn read_holder(path: &Path, file: &File) -> Result<LockAttempt> {
    let mut content = Vec::new();
    file.take(LOCK_LIMIT).read_to_end(&mut content).map_err(|error| unreadable(path, &error))?;
    Ok(LockAttempt::Taken(content))
}

fn entry_of(entry: &std::fs::DirEntry) -> io::Result<Entry> {
    let kind = entry.file_type()?;
    let name = entry.file_name().to_string_lossy().into_owned();
    Ok(Entry { name, is_file: kind.is_file(), is_dir: kind.is_dir() })
}

fn metadata_of(found: &std::fs::Metadata) -> Metadata {
    Metadata {
        len: found.len(),
        mtime_ns: found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()),
        inode: found.ino(),
        is_file: found.is_file(),
        is_dir: found.is_dir(),
        writable_by_others: found.mode() & 0o022 != 0,
    }
}

/// File systems on which locks and atomic renames are promises of a server, by the magic number of `statfs(2)`.
fn network_name(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "nfs",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "cifs",
        0x6573_5546 => "fuse",
        0x0102_1997 => "9p",
        0x00C3_6400 => "ceph",
        0x0BD0_0BD0 => "lustre",
        0x4750_4653 => "gpfs",
        0x5346_414F | 0x6B41_4653 => "afs",
        0x0116_1970 => "gfs2",
        0x7461_636F => "ocfs2",
        _ => return None,
    })
}

fn flag_bits(flags: OFlags) -> i32 {
    flags.bits() as i32
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::FileUnreadable).in_file(shown(path)).because(error)
}

fn cannot_write(path: &Path, error: &io::Error) -> Fault {
    fault(Code::CannotWrite, path, error, None)
}

/// `DiskFull` with the numbers known for ENOSPC and EDQUOT, else `code`.
fn fault(code: Code, path: &Path, error: &io::Error, needed: Option<u64>) -> Fault {
    if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return Fault::new(code).in_file(shown(path)).because(error);
    }
    let mut full = Fault::new(Code::DiskFull).in_file(shown(path));
    if let Some(needed) = needed {
        full = full.with("needed", needed);
    }
    match RealFs.free_space(path.parent().unwrap_or(path)) {
        Ok(free) => full.with("free", free).because(error),
        Err(_) => full.because(error),
    }
}
