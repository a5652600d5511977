//! One file, written whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use osusume_model::{Arg, Result};
use osusume_storage::{Fs, RealFs, WriteFile, check_destination, create_dirs, write_fault};

/// A file that takes its name when it is complete; a file of that name is replaced then, in one step.
pub(super) struct Whole {
    file: Option<BufWriter<Box<dyn WriteFile>>>,
    part: PathBuf,
    path: PathBuf,
}

impl Whole {
    /// Starts `path`, under another name.
    pub(super) fn create(path: &Path) -> Result<Self> {
        check_destination(&RealFs, path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // Two processes that write one file must not write into one another's.
        let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
        create_dirs(&RealFs, directory(path))?;
        if RealFs.metadata(&part)?.is_some() {
            RealFs.remove_file(&part)?;
        }
        let file = BufWriter::with_capacity(1 << 18, RealFs.create(&part)?);
        Ok(Self { file: Some(file), part, path: path.to_owned() })
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_mut().expect("nothing is written after the end");
        file.write_all(bytes).map_err(|error| write_fault(&self.path, &error))
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let mut file = self.file.take().expect("a file is finished once");
        file.flush().map_err(|error| write_fault(&self.path, &error))?;
        file.get_mut().sync()?;
        drop(file);
        RealFs.rename(&self.part, &self.path)?;
        RealFs.sync_dir(directory(&self.path))
    }
}

/// What was not finished leaves nothing behind.
impl Drop for Whole {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The fault that brought us here is the one to report.
            let _ = RealFs.remove_file(&self.part);
        }
    }
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = Whole::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// Refuses to write over what is read, and what [`check_destination`] refuses.
pub(crate) fn check_other(out: &Path, input: &Path) -> Result<()> {
    check_destination(&RealFs, out)?;
    let same = |a: &Path, b: &Path| Some((RealFs.metadata(a).ok()??, RealFs.metadata(b).ok()??));
    let is_same = out == input || same(out, input).is_some_and(|(a, b)| a.inode == b.inode && a.len == b.len);
    if is_same {
        let allowed = Arg::Names(vec!["a file other than the one that is read".to_owned()]);
        return Err(super::not_allowed("--out", &out.display().to_string(), allowed));
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/model.json");
        let mut begun = Whole::create(&path).unwrap();
        begun.write(b"half").unwrap();
        drop(begun);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_another_process_writes_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join(".model.json.part");
        std::fs::write(&theirs, "half").unwrap();
        write(&dir.path().join("model.json"), b"whole").unwrap();
        assert_eq!(std::fs::read(&theirs).unwrap(), b"half");
    }

    #[test]
    fn what_is_read_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (data, other) = (dir.path().join("data.csv"), dir.path().join("model.json"));
        std::fs::write(&data, "x").unwrap();
        assert!(check_other(&other, &data).is_ok());
        assert!(check_other(&data, &data).is_err());
        std::fs::hard_link(&data, &other).unwrap();
        assert!(check_other(&other, &data).is_err());
    }
}
