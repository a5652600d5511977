//! The lock of one pipeline's runs: one process publishes at a time, and the kernel releases it when that process dies.

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Arg, Code, Fault, Result};
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::fs::{Fs, LockAttempt, create_dirs, shown};

/// Name of the lock file, beside CURRENT. It is never removed: removing it would let two processes lock two files.
pub const LOCK_NAME: &str = "LOCK";

/// Who holds the lock. Information for people only: whether it is held is known by the kernel alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// Process id.
    pub pid: u32,
    /// Name of the host.
    pub host: String,
    /// Identity of the host's boot, which tells a process id from the same number after a restart.
    pub boot_id: String,
    /// When the process started, as text.
    pub start: String,
    /// The command, without secrets.
    pub cmd: String,
}

impl LockInfo {
    /// Twelve hexadecimal digits that no other process has: for names of files nobody else writes.
    pub fn token(&self) -> String {
        let mut token = Digest::of(&self.bytes()).to_string();
        token.truncate(12);
        token
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and numbers always become JSON")
    }
}

/// What makes the lock or the files less safe than they look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootWarnings {
    /// The root is on a network file system of this kind, where locks are often not to be trusted.
    pub network: Option<&'static str>,
    /// Group or world may write into the root.
    pub is_writable_by_others: bool,
}

/// The right to write below a root; held until dropped. Staging, publishing and cleaning ask for it.
pub struct Lock {
    fs: Arc<dyn Fs>,
    root: PathBuf,
    warnings: RootWarnings,
    token: String,
    _held: Box<dyn Any + Send + Sync>,
}

impl Lock {
    /// Takes the lock of `root` (`runs/<pipeline>`) without waiting; the directory is created when absent.
    ///
    /// The root is synced: a run killed right after CURRENT moved is published for good once another has seen it so.
    ///
    /// # Errors
    /// `LockHeld` with the holder's `pid`, `host` and `since` as far as the file tells them; writing faults.
    pub fn acquire(fs: Arc<dyn Fs>, root: &Path, info: &LockInfo) -> Result<Self> {
        let path = root.join(LOCK_NAME);
        if fs.metadata(&path)?.is_none() {
            // The file is created last, so where it is the directories are durable.
            create_dirs(&*fs, root)?;
        }
        let warnings = RootWarnings {
            network: fs.network_kind(root)?,
            is_writable_by_others: fs.metadata(root)?.is_some_and(|found| found.writable_by_others),
        };
        match fs.try_lock(&path, &info.bytes())? {
            LockAttempt::Held(held) => {
                fs.sync_dir(root)?;
                Ok(Self { fs, root: root.to_owned(), warnings, token: info.token(), _held: held })
            }
            LockAttempt::Taken(content) => Err(held_fault(&path, &content)),
        }
    }

    /// The directory the lock is for.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file system it is on.
    pub fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    /// [`LockInfo::token`] of the holder.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the user should be told about the place.
    pub fn warnings(&self) -> RootWarnings {
        self.warnings
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("root", &self.root).finish_non_exhaustive()
    }
}

fn held_fault(path: &Path, content: &[u8]) -> Fault {
    let fault = Fault::new(Code::LockHeld).in_file(shown(path));
    match serde_json::from_slice::<LockInfo>(content) {
        Ok(holder) => {
            fault.with("pid", Arg::Int(i64::from(holder.pid))).with("host", holder.host).with("since", holder.start)
        }
        // The holder has the lock but has not written its name yet.
        Err(_) => fault.with("pid", "?").with("host", "?").with("since", "?"),
    }
}
