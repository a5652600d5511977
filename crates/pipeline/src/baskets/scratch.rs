//! A directory for work files that nobody else uses.

use std::path::{Path, PathBuf};

use osusume_model::Result;
use osusume_storage::{Fs, RealFs};

/// Names tried before giving up: so many directories were left behind by processes that were killed.
const MAX_TRIES: u32 = 1_000;

/// A new directory, removed with everything in it when this is dropped.
///
/// It is this one's because creating a directory fails where something has its name: process numbers do not tell processes apart that
/// share a directory but not a machine.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Creates a directory in `above` whose name starts with `name`.
    ///
    /// # Errors
    /// `CannotWrite` when none can be created.
    pub(super) fn create(above: &Path, name: &str) -> Result<Self> {
        let mut tried = 0;
        loop {
            let path = above.join(format!("{name}-{}-{tried}", std::process::id()));
            match RealFs.create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(fault) => {
                    tried += 1;
                    if tried == MAX_TRIES || RealFs.metadata(&path)?.is_none() {
                        return Err(fault);
                    }
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What was done matters more than a leftover.
        let _ = RealFs.remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_is_nobodys_scratch() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join(format!("work-{}-0", std::process::id()));
        std::fs::create_dir(&theirs).unwrap();
        std::fs::write(theirs.join("kept"), "").unwrap();
        let (first, second) =
            (Scratch::create(dir.path(), "work").unwrap(), Scratch::create(dir.path(), "work").unwrap());
        assert!(first.path() != second.path() && first.path() != theirs);
        std::fs::write(first.path().join("gone"), "").unwrap();
        drop((first, second));
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, std::slice::from_ref(&theirs));
        assert!(theirs.join("kept").exists());
        assert!(Scratch::create(&dir.path().join("absent"), "work").is_err());
    }
}
