//! The offer table as a CSV file of a profile.

use std::collections::BTreeMap;
use std::path::PathBuf;

use osusume_model::{Code, Date, Fault, FeatureSpec, Result};
use osusume_storage::Fs;
use osusume_tables::Suppressed;
use osusume_text::Language;
use serde_json::json;

use crate::cell::{NoSuchCharacter, Notes, write_cell};
use crate::field::{Field, OfferRow};
use crate::key::KeyCheck;
use crate::manifest;
use crate::parts::{Destination, Frame, Part, PartWriter, Place, put_in_place};
use crate::profile::{Bom, Newline, Profile, Selection, Unmappable};

/// Where the rows come from, and in which words they are delivered.
#[derive(Clone, Copy, Debug)]
pub struct Lineage<'a> {
    /// The run.
    pub run_id: &'a str,
    /// The pipeline.
    pub pipeline: &'a str,
    /// The as-of date.
    pub as_of: Date,
    /// Model ids by offer key; offers without a model are absent.
    pub models: &'a BTreeMap<String, String>,
    /// The feature dictionary, for the sentences of reasons.
    pub dictionary: &'a [FeatureSpec],
    /// Language of those sentences.
    pub language: Language,
    /// The pipeline's currency (ISO 4217).
    pub currency: &'a str,
    /// Customers of whom nothing is delivered, where there is a list.
    pub without: Option<&'a Suppressed>,
}

impl Lineage<'_> {
    /// Whether nothing of the customer may be delivered.
    pub(crate) fn is_suppressed(&self, customer: &str) -> bool {
        self.without.is_some_and(|list| list.has(customer))
    }
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows written.
    pub rows: u64,
    /// Rows of further offers, where the profile takes only the best one.
    pub not_selected: u64,
    /// Rows left out because the encoding lacks a character.
    pub left_out: u64,
    /// Rows left out because their customer is on the suppression list.
    pub suppressed: u64,
    /// Rows written with look-alikes.
    pub transliterated: u64,
    /// Text cells a spreadsheet would run as formulas.
    pub risky_cells: u64,
    /// Values spelled like the token that stands for an absent one: the destination will take them for absent.
    pub null_like_cells: u64,
}

/// A finished delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What became of the rows.
    pub counts: Counts,
    /// The files in order; one, unless a limit of the profile split them.
    pub parts: Vec<Part>,
    /// The manifest's path.
    pub manifest: PathBuf,
}

/// Takes the rows of a table one after another.
pub type Sink<'a> = &'a mut dyn FnMut(&OfferRow<'_>) -> Result<()>;

/// Writes the rows `source` feeds, in customer order, to their destination as the profile wants them.
///
/// Until the last rename nothing at the destination changes; after a fault only what stood there before is visible.
///
/// # Errors
/// `ExportKey`, `ExportUnmappable` (with the number of rows, all of them looked at), `RecordTooLarge`, writing faults as
/// `ExportFailed` or `DiskFull`, and whatever `source` and `to.may_show` report.
pub fn deliver_csv(
    fs: &dyn Fs,
    to: &Destination<'_>,
    profile: &Profile,
    lineage: &Lineage<'_>,
    source: &mut dyn FnMut(Sink<'_>) -> Result<()>,
) -> Result<Delivered> {
    profile.check()?;
    let place = Place::of(to.path, to.token)?;
    let mut writer = Writer::create(fs, &place, profile, lineage).map_err(destination_fault)?;
    let fed = source(&mut |row| writer.take(row)).and_then(|()| writer.check_unmappable());
    let (temporary, counts) = (writer.parts.temporary(), writer.counts);
    let delivered = fed.and_then(|()| {
        let parts = writer.parts.finish().map_err(destination_fault)?;
        publish(fs, to, &place, profile, lineage, counts, &parts).map_err(destination_fault)
    });
    if delivered.is_err() {
        for path in temporary {
            // The fault that brought us here is the one to report; a leftover is removed by the next delivery.
            let _ = fs.remove_file(&path);
        }
    }
    delivered
}

fn publish(
    fs: &dyn Fs,
    to: &Destination<'_>,
    place: &Place,
    profile: &Profile,
    lineage: &Lineage<'_>,
    counts: Counts,
    finished: &[(PathBuf, Part)],
) -> Result<Delivered> {
    let before = manifest::parts_before(fs, place)?;
    let parts: Vec<Part> = finished.iter().map(|(_, part)| part.clone()).collect();
    let format = json!({
        "profile": profile.name,
        "profile_sha256": profile.digest().to_string(),
        "kind": "csv",
        "encoding": profile.encoding.id(),
        "bom": profile.bom == Bom::With,
        "newline": if profile.newline == Newline::CrLf { "crlf" } else { "lf" },
        "delimiter": profile.delimiter.to_string(),
        "null_token": profile.null_token,
        "columns": profile.columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>(),
    });
    let key: Vec<&str> = profile.key.iter().map(|field| field.id()).collect();
    let bytes = manifest::bytes(&format, &key, lineage, &counts, &parts);
    put_in_place(fs, place, finished, &bytes, &before, to.may_show)?;
    Ok(Delivered { counts, parts, manifest: place.dir.join(place.manifest_name()) })
}

struct Writer<'a> {
    profile: &'a Profile,
    lineage: &'a Lineage<'a>,
    parts: PartWriter<'a>,
    keys: KeyCheck,
    counts: Counts,
    /// Rows that could not be written although the profile leaves none out.
    unmappable: u64,
    record: Vec<u8>,
    /// Sentences by reason code: there are few codes and many rows.
    sentences: BTreeMap<String, String>,
}

impl<'a> Writer<'a> {
    fn create(fs: &'a dyn Fs, place: &'a Place, profile: &'a Profile, lineage: &'a Lineage<'a>) -> Result<Self> {
        let frame = Frame { header: header(profile)?, max_rows: profile.max_rows, max_bytes: profile.max_bytes };
        Ok(Self {
            profile,
            lineage,
            parts: PartWriter::create(fs, place, frame)?,
            keys: KeyCheck::new(profile.key.iter().map(|field| field.id()).collect()),
            counts: Counts::default(),
            unmappable: 0,
            record: Vec::new(),
            sentences: BTreeMap::new(),
        })
    }

    fn take(&mut self, row: &OfferRow<'_>) -> Result<()> {
        if self.lineage.is_suppressed(row.customer) {
            self.counts.suppressed += 1;
            return Ok(());
        }
        if self.profile.selection == Selection::Best && row.rank != 1 {
            self.counts.not_selected += 1;
            return Ok(());
        }
        let key: Result<Vec<_>> = self.profile.key.iter().map(|field| field.value(row, self.lineage)).collect();
        self.keys.take(row.customer, key?)?;
        match self.fill_record(row)? {
            Ok(notes) => {
                self.counts.rows += 1;
                self.counts.transliterated += u64::from(notes.is_transliterated);
                self.parts.push(&self.record).map_err(destination_fault)
            }
            Err(NoSuchCharacter) if self.profile.unmappable == Unmappable::LeaveOut => {
                self.counts.left_out += 1;
                Ok(())
            }
            Err(NoSuchCharacter) => {
                self.unmappable += 1;
                Ok(())
            }
        }
    }

    /// The row as a record, or that the encoding lacks a character of it.
    fn fill_record(&mut self, row: &OfferRow<'_>) -> Result<std::result::Result<Notes, NoSuchCharacter>> {
        self.record.clear();
        let mut notes = Notes::default();
        let (mut risky_cells, mut null_like_cells) = (0, 0);
        for (i, column) in self.profile.columns.iter().enumerate() {
            if i > 0 {
                self.record.push(self.profile.delimiter as u8);
            }
            let Some(value) = value(column.field, row, self.lineage, &mut self.sentences)? else {
                self.record.extend_from_slice(self.profile.null_token.as_bytes());
                continue;
            };
            null_like_cells += u64::from(!value.is_empty() && value == self.profile.null_token);
            match write_cell(&mut self.record, &value, column.field.is_text(), self.profile) {
                Ok(cell) => {
                    notes.is_transliterated |= cell.is_transliterated;
                    risky_cells += u64::from(cell.is_risky);
                }
                Err(lacking) => return Ok(Err(lacking)),
            }
        }
        self.counts.risky_cells += risky_cells;
        self.counts.null_like_cells += null_like_cells;
        self.record.extend_from_slice(newline(self.profile));
        Ok(Ok(notes))
    }

    fn check_unmappable(&self) -> Result<()> {
        if self.unmappable == 0 {
            return Ok(());
        }
        let fault = Fault::new(Code::ExportUnmappable).with("encoding", self.profile.encoding.id());
        Err(fault.with("rows", self.unmappable))
    }
}

/// The value of a field, the sentences of reasons from the memory.
fn value(
    field: Field,
    row: &OfferRow<'_>,
    lineage: &Lineage<'_>,
    sentences: &mut BTreeMap<String, String>,
) -> Result<Option<String>> {
    let Field::ReasonText(place) = field else { return field.value(row, lineage) };
    let Some(code) = row.reasons[usize::from(place.min(2))] else { return Ok(None) };
    if let Some(sentence) = sentences.get(code) {
        return Ok(Some(sentence.clone()));
    }
    let sentence = field.value(row, lineage)?;
    sentences.insert(code.to_owned(), sentence.clone().unwrap_or_default());
    Ok(sentence)
}

fn header(profile: &Profile) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if profile.bom == Bom::With {
        bytes.extend_from_slice("\u{feff}".as_bytes());
    }
    for (i, column) in profile.columns.iter().enumerate() {
        if i > 0 {
            bytes.push(profile.delimiter as u8);
        }
        write_cell(&mut bytes, &column.header, true, profile).map_err(|NoSuchCharacter| {
            let fault = Fault::new(Code::ExportUnmappable).with("encoding", profile.encoding.id());
            fault.with("rows", 1_u64).named(column.header.clone())
        })?;
    }
    bytes.extend_from_slice(newline(profile));
    Ok(bytes)
}

fn newline(profile: &Profile) -> &'static [u8] {
    match profile.newline {
        Newline::Lf => b"\n",
        Newline::CrLf => b"\r\n",
    }
}

/// A writing fault as the destination's: the run is safe, only its delivery failed.
pub(crate) fn destination_fault(fault: Fault) -> Fault {
    if !matches!(fault.code(), Code::CannotWrite | Code::SyncFailed) {
        return fault;
    }
    let mut mapped = Fault::new(Code::ExportFailed);
    if let Some(file) = &fault.place().file {
        mapped = mapped.in_file(file.clone());
    }
    match fault.args().iter().find(|(name, _)| *name == "detail") {
        Some((name, detail)) => mapped.with(name, detail.clone()),
        None => mapped,
    }
}
