//! Where tables are written: into a run being staged, or plainly below a directory.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::Result;
use osusume_storage::{Digest, Fs, HashingFile, StagedFile, Staging, WriteFile, create_dirs, write_fault};

/// Bytes handed to the file system at once.
const BUFFER_BYTES: usize = 1 << 18;

/// A place for files; paths below are relative to it.
#[derive(Clone)]
pub enum Target<'a> {
    /// A run being staged; finished files are recorded in its manifest.
    Staging(&'a Staging),
    /// A directory, for files that belong to no run.
    Dir {
        /// The file system it is on.
        fs: Arc<dyn Fs>,
        /// The directory.
        dir: PathBuf,
    },
}

/// A finished table file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Rows of the table.
    pub rows: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the bytes.
    pub sha256: Digest,
}

impl Target<'_> {
    /// The file system.
    pub fn fs(&self) -> &Arc<dyn Fs> {
        match self {
            Self::Staging(staging) => staging.fs(),
            Self::Dir { fs, .. } => fs,
        }
    }

    /// The run the files belong to; empty for files that belong to none.
    pub fn run_id(&self) -> String {
        match self {
            Self::Staging(staging) => staging.run_id().to_string(),
            Self::Dir { .. } => String::new(),
        }
    }

    /// The full path of a relative one.
    pub fn path(&self, relative: &str) -> PathBuf {
        match self {
            Self::Staging(staging) => staging.dir().join(relative),
            Self::Dir { dir, .. } => dir.join(relative),
        }
    }

    /// Starts a file that must not exist yet; directories above it are created.
    pub fn create_file(&self, relative: &str) -> Result<OutputFile> {
        match self {
            Self::Staging(staging) => Ok(OutputFile(Inner::Staged(staging.create_file(relative)?))),
            Self::Dir { fs, .. } => {
                let path = self.path(relative);
                create_dirs(&**fs, path.parent().unwrap_or(Path::new("")))?;
                let file = HashingFile::new(BufWriter::with_capacity(BUFFER_BYTES, fs.create(&path)?));
                Ok(OutputFile(Inner::Plain { file: Box::new(file), path }))
            }
        }
    }
}

/// A file being written; only [`OutputFile::finish`] makes it whole.
pub struct OutputFile(Inner);

enum Inner {
    Staged(StagedFile),
    Plain { file: Box<HashingFile<BufWriter<Box<dyn WriteFile>>>>, path: PathBuf },
}

impl OutputFile {
    /// The full path.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Inner::Staged(file) => file.path(),
            Inner::Plain { path, .. } => path,
        }
    }

    /// Forces the file to the disk.
    pub fn finish(self, rows: u64) -> Result<FileFacts> {
        match self.0 {
            Inner::Staged(file) => {
                let entry = file.finish(Some(rows))?;
                Ok(FileFacts { rows, bytes: entry.bytes, sha256: entry.sha256 })
            }
            Inner::Plain { mut file, path } => {
                file.flush().map_err(|error| write_fault(&path, &error))?;
                file.get_mut().get_mut().sync()?;
                let (_, content) = file.finish();
                Ok(FileFacts { rows, bytes: content.bytes, sha256: content.sha256 })
            }
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Staged(file) => file.write(bytes),
            Inner::Plain { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Staged(file) => file.flush(),
            Inner::Plain { file, .. } => file.flush(),
        }
    }
}
