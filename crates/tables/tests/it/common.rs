use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{NoControl, Result};
use osusume_storage::RealFs;
use osusume_tables::{
    Anonymous, ColumnKind, ColumnSpec, CsvDialect, DateFormat, Format, Identity, Ingest, OnError, RejectLimits,
    SourceCount, SourceSpec, Tables, Target, Ties,
};

pub(crate) fn column(name: &str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec { name: name.into(), header: name.into(), kind, required: false }
}

pub(crate) fn tolerant() -> RejectLimits {
    RejectLimits { max_rejects: 1_000_000, max_reject_rate: 1.0, on_error: OnError::Quarantine }
}

/// `id,day,kind,amount` with everything tolerated.
pub(crate) fn events(paths: &[PathBuf]) -> SourceSpec {
    SourceSpec {
        name: "events".into(),
        paths: paths.to_vec(),
        format: Format::Csv(CsvDialect::default()),
        zone: "Asia/Tokyo".into(),
        columns: vec![
            column("id", ColumnKind::Customer),
            column("day", ColumnKind::Timestamp),
            column("kind", ColumnKind::Category),
            column("amount", ColumnKind::Decimal),
        ],
        customer: Some(0),
        order_by: Some(1),
        interval: None,
        dates: DateFormat::default(),
        limits: tolerant(),
        identity: Identity::Extends,
        anonymous: Anonymous::Reject,
        keep: Vec::new(),
        ties: Ties::Content,
        cutoff: None,
    }
}

pub(crate) fn target(dir: &Path) -> Target<'static> {
    Target::Dir { fs: Arc::new(RealFs), dir: dir.to_owned() }
}

/// Reads the sources into `dir` with a large budget.
pub(crate) fn run(dir: &Path, specs: &[SourceSpec]) -> Result<(Tables, Vec<SourceCount>)> {
    run_within(dir, specs, 1 << 30)
}

pub(crate) fn run_within(dir: &Path, specs: &[SourceSpec], budget: u64) -> Result<(Tables, Vec<SourceCount>)> {
    let mut ingest = Ingest::new(target(dir), budget, &NoControl)?;
    let counts = specs.iter().map(|spec| ingest.read(spec)).collect::<Result<Vec<_>>>()?;
    Ok((ingest.finish()?, counts))
}

/// A small generator for tests: the numbers matter less than that they are always the same.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// The folder of shared data, or `None` with a line that says so.
pub(crate) fn shared_data() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests find their data by the environment")]
    let named = std::env::var("OSUSUME_DATA").ok().map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/tables lies two below the root");
    let dir = named.unwrap_or_else(|| root.join("../shared/data"));
    if dir.is_dir() {
        return Some(dir);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: no shared data at {}", dir.display());
    }
    None
}
