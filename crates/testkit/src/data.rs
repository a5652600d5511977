//! Where the real tables lie, when they are there.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("testkit lies two folders below the root")
        .to_path_buf()
}

/// The folder `name` of the real data: below `$OSUSUME_DATA`, else beside the repository in `../shared/data`.
///
/// `None` when it is absent; then one line says which test is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub fn data_dir(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("OSUSUME_DATA").map_or_else(|| repository_root().join("../shared/data"), PathBuf::from);
    let folder = base.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no {name} in {} (set OSUSUME_DATA; data/README.md says how to get it)", base.display());
    None
}
