//! Who a row belongs to, and whether it may.

use itoa::Buffer;
use osusume_model::{Code, bucket_of};
use osusume_storage::Digest;
use xxhash_rust::xxh3::Xxh3;

use crate::block::{Block, BlockStart, Reject, RowPlace};
use crate::cells::{Cells, NO_CODE, NO_I64};
use crate::customers::Registry;
use crate::ingest::{SourceCount, may_add};
use crate::levels::Dictionary;
use crate::quarantine::OTHER_LINE;
use crate::spec::{Anonymous, Identity, Keep, SourceSpec};
use crate::store::{PARTITION_BUCKETS, Prepared, Store, by_partition};

/// A block whose customers have been looked up.
pub(crate) struct Resolved {
    block: Block,
    /// Provisional customer of each row; `NO_CODE` when not known (yet). Empty where customers are known by level.
    customers: Vec<u32>,
    /// The same by level of the customer column, where that alone decides, and whether a row that stays has the level.
    by_level: Option<Vec<(u32, bool)>>,
    partition: Vec<u8>,
    /// Of all values but the id, for sources that define customers.
    hashes: Vec<u64>,
    /// Rows that stay.
    kept: Vec<bool>,
    /// Rows to be kept but for their customer, of whom nothing is.
    suppressed: u64,
    /// Rows to be kept that had not arrived yet.
    late: Vec<u32>,
    /// All rejects that this block brought, in order.
    pub(crate) rejects: Vec<PlacedReject>,
}

/// A reject, the file of the source it belongs to, and the block start its place counts from.
pub(crate) struct PlacedReject {
    pub(crate) file: usize,
    pub(crate) start: BlockStart,
    pub(crate) reject: Reject,
}

/// Looks the customers of a block up. Pure, so that blocks can be resolved side by side.
pub(crate) fn resolve(mut block: Block, spec: &SourceSpec, registry: &Registry) -> Resolved {
    let n_rows = block.places.len();
    let mut kept = vec![true; n_rows];
    for keep in &spec.keep {
        keep_rows(&block, keep, &mut kept);
    }
    let suppressed = spec.customer.map_or(0, |customer| leave_out_suppressed(&block, customer, registry, &mut kept));
    let is_late = spec.cutoff.as_ref().map_or_else(Vec::new, |cutoff| cutoff.apply(&mut block));
    let late = (0..is_late.len() as u32).filter(|&row| is_late[row as usize] && kept[row as usize]).collect();
    let mut resolved = Resolved {
        customers: Vec::new(),
        by_level: None,
        partition: Vec::new(),
        hashes: Vec::new(),
        kept,
        suppressed,
        late,
        rejects: Vec::new(),
        block,
    };
    let Some(customer) = spec.customer else {
        resolved.partition = vec![0; n_rows];
        return resolved;
    };
    let place = |id: &[u8]| ((bucket_of(id) as usize / PARTITION_BUCKETS) as u8, registry.find(id).unwrap_or(NO_CODE));
    let column = &resolved.block.columns[customer];
    match &column.cells {
        Cells::Code(codes) => {
            let mut digits = Buffer::new();
            let levels: Vec<(u8, u32)> =
                (0..column.levels.len() as u32).map(|code| place(column.levels.text(code, &mut digits))).collect();
            resolved.partition = codes.iter().map(|&code| levels[code as usize].0).collect();
            if spec.identity == Identity::Defines || spec.interval.is_some() {
                resolved.customers = codes.iter().map(|&code| levels[code as usize].1).collect();
            } else {
                let is_used = resolved.levels_used(codes, levels.len());
                resolved.by_level = Some(levels.iter().zip(is_used).map(|(level, used)| (level.1, used)).collect());
            }
        }
        Cells::Text(ids) => {
            let mut last = (0, NO_CODE);
            let of_row = |row: usize| {
                let id = ids.get(row);
                // Rows come in runs of a customer.
                if row == 0 || ids.get(row - 1) != id {
                    last = place(id);
                }
                last
            };
            (resolved.partition, resolved.customers) = (0..n_rows).map(of_row).unzip();
        }
        _ => unreachable!("customer ids are texts or codes"),
    }
    if spec.identity == Identity::Defines {
        resolved.hashes = (0..n_rows).map(|row| row_hash(&resolved.block, customer, row)).collect();
    }
    resolved
}

/// Drops the rows of customers of whom nothing is taken, and says how many there were.
fn leave_out_suppressed(block: &Block, customer: usize, registry: &Registry, kept: &mut [bool]) -> u64 {
    if registry.suppressed.is_empty() {
        return 0;
    }
    let is_listed = |id: &[u8]| std::str::from_utf8(id).is_ok_and(|id| registry.suppressed.has(id));
    let column = &block.columns[customer];
    let mut drop = |row: usize, is_listed: bool| u64::from(is_listed && std::mem::replace(&mut kept[row], false));
    match &column.cells {
        Cells::Code(codes) => {
            let mut digits = Buffer::new();
            let levels: Vec<bool> =
                (0..column.levels.len() as u32).map(|code| is_listed(column.levels.text(code, &mut digits))).collect();
            codes.iter().enumerate().map(|(row, &code)| drop(row, levels[code as usize])).sum()
        }
        Cells::Text(ids) => {
            let mut last = false;
            let mut of_row = |row: usize| {
                // Rows come in runs of a customer.
                if row == 0 || ids.get(row - 1) != ids.get(row) {
                    last = is_listed(ids.get(row));
                }
                drop(row, last)
            };
            (0..block.places.len()).map(&mut of_row).sum()
        }
        _ => unreachable!("customer ids are texts or codes"),
    }
}

/// Drops the rows whose value is none of those to keep.
fn keep_rows(block: &Block, keep: &Keep, kept: &mut [bool]) {
    let column = &block.columns[keep.column];
    let Cells::Code(codes) = &column.cells else { unreachable!("the specification was checked") };
    let mut digits = Buffer::new();
    let mut is_wanted = |code| {
        let level = column.levels.text(code, &mut digits);
        keep.values.iter().any(|value| value.as_bytes() == level)
    };
    let wanted: Vec<bool> = (0..column.levels.len() as u32).map(&mut is_wanted).collect();
    for (kept, &code) in kept.iter_mut().zip(codes) {
        *kept &= code != NO_CODE && wanted[code as usize];
    }
}

/// A hash of a row's values besides the id; categories by their text.
fn row_hash(block: &Block, customer: usize, row: usize) -> u64 {
    let mut hasher = Xxh3::new();
    let text = |bytes: &[u8], hasher: &mut Xxh3| {
        hasher.update(&bytes.len().to_le_bytes());
        hasher.update(bytes);
    };
    for (i, column) in block.columns.iter().enumerate() {
        match &column.cells {
            _ if i == customer => {}
            Cells::I64(v) => hasher.update(&v[row].to_le_bytes()),
            Cells::F64(v) => hasher.update(&v[row].to_bits().to_le_bytes()),
            Cells::Code(v) if v[row] == NO_CODE => text(b"", &mut hasher),
            Cells::Code(v) => text(column.levels.text(v[row], &mut Buffer::new()), &mut hasher),
            Cells::Text(v) => text(v.get(row), &mut hasher),
        }
    }
    hasher.digest()
}

impl Resolved {
    /// Whether each level of a column has a row that stays.
    fn levels_used(&self, codes: &[u32], n_levels: usize) -> Vec<bool> {
        let is_whole = self.block.rejects.is_empty() && self.late.is_empty() && self.kept.iter().all(|kept| *kept);
        let mut used = vec![is_whole; n_levels];
        if !is_whole {
            let mut stays = self.kept.clone();
            self.late.iter().for_each(|&row| stays[row as usize] = false);
            codes.iter().zip(stays).filter(|(_, stays)| *stays).for_each(|(&code, _)| used[code as usize] = true);
        }
        used
    }

    /// Says of each row who its customer is, where only the levels said so.
    fn spread(&mut self, customer: usize) {
        if let (Some(levels), Cells::Code(codes)) = (self.by_level.take(), &self.block.columns[customer].cells) {
            self.customers = codes.iter().map(|&code| levels[code as usize].0).collect();
        }
    }

    /// Makes the levels of one of the block's columns known to the store; returns store codes by block code.
    pub(crate) fn intern_levels(&self, column: usize, dictionary: &mut Dictionary) -> Vec<u32> {
        let column = &self.block.columns[column];
        let Cells::Code(codes) = &column.cells else { return Vec::new() };
        if self.rejects.is_empty() && self.kept.iter().all(|kept| *kept) {
            return dictionary.intern(&column.levels, None);
        }
        // A level that only rejected rows hold is no level.
        let mut used = vec![false; column.levels.len()];
        for (&code, _) in codes.iter().zip(&self.kept).filter(|(code, kept)| **kept && **code != NO_CODE) {
            used[code as usize] = true;
        }
        dictionary.intern(&column.levels, Some(&used))
    }

    /// The rows that stay, with the store's codes.
    ///
    /// `maps`: by stored column, then by block: store codes by block code; this is block number `number`.
    pub(crate) fn prepare(self, store: &Store, maps: &[Vec<Vec<u32>>], number: usize) -> Prepared {
        let Self { block, customers, by_level, partition, kept, .. } = self;
        let (rows, starts) = by_partition(&partition, &kept, store.n_partitions());
        // Rows of one partition that all stay are in order already.
        let is_ordered = store.n_partitions() == 1 && rows.len() == kept.len();
        let at = |cells: &Cells| if is_ordered { cells.clone() } else { cells.at(&rows) };
        let mut columns = Vec::with_capacity(store.data.len() + 1);
        if let Some(customer) = store.spec.customer {
            columns.push(match (by_level, &block.columns[customer].cells) {
                (Some(levels), Cells::Code(codes)) => {
                    Cells::Code(rows.iter().map(|&row| levels[codes[row as usize] as usize].0).collect())
                }
                _ => at(&Cells::Code(customers)),
            });
        }
        for (c, &i) in store.data.iter().enumerate() {
            columns.push(match &block.columns[i].cells {
                Cells::Code(codes) if store.is_category(c) => {
                    let map = &maps[c][number];
                    let code = |code: u32| if code == NO_CODE { NO_CODE } else { map[code as usize] };
                    Cells::Code(rows.iter().map(|&row| code(codes[row as usize])).collect())
                }
                cells => at(cells),
            });
        }
        Prepared { columns, starts }
    }
}

impl Resolved {
    /// The id of a row's customer; `digits` is room for one that is a number.
    fn id<'a>(&'a self, customer: usize, row: usize, digits: &'a mut Buffer) -> &'a [u8] {
        let column = &self.block.columns[customer];
        match &column.cells {
            Cells::Text(ids) => ids.get(row),
            Cells::Code(codes) => column.levels.text(codes[row], digits),
            _ => unreachable!("customer ids are texts or codes"),
        }
    }

    /// The end's position when a row's interval, given as positions of start and end, ends before it starts.
    fn ends_early(&self, row: usize, (start, end): (usize, usize)) -> Option<usize> {
        let time = |column: usize| match &self.block.columns[column].cells {
            Cells::I64(values) => values[row],
            _ => unreachable!("the specification was checked: both are times"),
        };
        (time(end) != NO_I64 && time(start) != NO_I64 && time(end) < time(start)).then_some(end)
    }

    /// Drops the rows that had not arrived yet, and says how many; whoever they would have made a customer is awaited.
    fn leave_out_late(&mut self, spec: &SourceSpec, registry: &mut Registry) -> u64 {
        for &row in &self.late {
            self.kept[row as usize] = false;
            if let Some(customer) = spec.customer.filter(|_| may_add(spec.identity)) {
                registry.expect(self.id(customer, row as usize, &mut Buffer::new()));
            }
        }
        self.late.len() as u64
    }

    fn reject(&self, row: usize, code: Code, column: usize, field: usize) -> Reject {
        let place = self.block.places.get(row);
        let text = self.block.text.get(place.byte as usize..(place.byte + place.bytes) as usize);
        let raw = text.filter(|text| !text.is_empty()).map(Digest::of);
        Reject { raw, ..reject(place, code, column, field) }
    }
}

/// Decides block by block, in order, which rows may stay.
pub(crate) struct Admission {
    /// Customers from this number on were first met in this source.
    first_new: u32,
    /// By provisional customer: the row that defined it.
    defined: Vec<Option<Defined>>,
    /// Starts of the blocks met, with their file.
    starts: Vec<(usize, BlockStart)>,
    /// Customers defined in contradicting ways.
    conflicting: Vec<u32>,
}

/// Where and how a customer was defined.
#[derive(Clone, Copy)]
struct Defined {
    hash: u64,
    block: u32,
    place: RowPlace,
    is_conflicting: bool,
}

impl Admission {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self { first_new: registry.ids.len() as u32, defined: Vec::new(), starts: Vec::new(), conflicting: Vec::new() }
    }

    /// Settles a block: new customers get a number, rows that may not stay are rejected or excluded and counted.
    pub(crate) fn admit(
        &mut self,
        resolved: &mut Resolved,
        spec: &SourceSpec,
        registry: &mut Registry,
        counts: &mut [SourceCount],
    ) {
        let file = counts.len() - 1;
        self.starts.push((file, resolved.block.start));
        let start = resolved.block.start;
        let mut rejects = std::mem::take(&mut resolved.block.rejects);
        let before = counts[file].excluded;
        let not_kept = resolved.kept.iter().filter(|kept| !**kept).count() as u64 - resolved.suppressed;
        counts[file].suppressed += resolved.suppressed;
        let anonymous = leave_out_anonymous(&mut rejects, spec);
        let late = resolved.leave_out_late(spec, registry);
        counts[file].excluded += not_kept + anonymous + late;
        counts[file].not_kept += not_kept;
        counts[file].not_yet_known += late;
        counts[file].anonymous += anonymous;
        let mut earlier = Vec::new();
        let is_settled = resolved.by_level.is_some() && admit_levels(resolved, spec, registry);
        let field = spec.customer.map_or(0, |customer| resolved.block.fields[customer]);
        if let Some(customer) = spec.customer.filter(|_| !is_settled) {
            resolved.spread(customer);
            for row in 0..resolved.kept.len() {
                if !resolved.kept[row] {
                    continue;
                }
                match self.admit_row(resolved, row, customer, spec, registry) {
                    Verdict::Stays => continue,
                    Verdict::Repeats => counts[file].excluded += 1,
                    Verdict::Awaited => {
                        counts[file].excluded += 1;
                        counts[file].not_yet_known += 1;
                    }
                    Verdict::Rejected(code) => rejects.push(resolved.reject(row, code, customer, field)),
                    Verdict::EndsEarly(end) => {
                        let field = resolved.block.fields[end];
                        rejects.push(resolved.reject(row, Code::EndBeforeStart, end, field));
                    }
                    Verdict::Conflicts(first) => {
                        let (first_file, first_start) = self.starts[first.block as usize];
                        let place = resolved.block.places.get(row);
                        let other = (first_file == file).then(|| line_of(first_start, first.place));
                        let reject = resolved.reject(row, Code::ConflictingRows, customer, field);
                        rejects.push(contradicted(reject, other));
                        let other = (first_file == file).then(|| line_of(start, place));
                        counts[first_file].accepted -= u64::from(first.block as usize + 1 != self.starts.len());
                        earlier.push((first_file, first_start, first, other));
                    }
                }
                resolved.kept[row] = false;
            }
        }
        // A first row of this very block has not been counted as accepted yet: it just does not stay.
        let excluded = counts[file].excluded - before;
        let here =
            earlier.iter().filter(|(_, _, first, _)| first.block as usize + 1 == self.starts.len()).count() as u64;
        counts[file].read += resolved.block.read;
        counts[file].accepted += resolved.block.read - excluded - resolved.suppressed - rejects.len() as u64 - here;
        counts[file].rejected += rejects.len() as u64;
        rejects.sort_by_key(|reject| reject.place.record);
        resolved.rejects = rejects.into_iter().map(|reject| PlacedReject { file, start, reject }).collect();
        for (file, start, first, other) in earlier {
            counts[file].rejected += 1;
            let reject = reject(first.place, Code::ConflictingRows, spec.customer.unwrap_or_default(), field);
            let reject = contradicted(reject, other);
            resolved.rejects.push(PlacedReject { file, start, reject });
        }
    }

    fn admit_row(
        &mut self,
        resolved: &mut Resolved,
        row: usize,
        customer: usize,
        spec: &SourceSpec,
        registry: &mut Registry,
    ) -> Verdict {
        if let Some(end) = spec.interval.and_then(|interval| resolved.ends_early(row, interval)) {
            return Verdict::EndsEarly(end);
        }
        let mut number = resolved.customers[row];
        if number == NO_CODE {
            if !may_add(spec.identity) {
                return Verdict::Rejected(Code::UnknownCustomer);
            }
            number = registry.ids.intern(resolved.id(customer, row, &mut Buffer::new()));
            if registry.is_removed(number) {
                return Verdict::Rejected(Code::UnknownCustomer);
            }
            resolved.customers[row] = number;
        }
        if may_add(spec.identity) {
            registry.meet(number);
        } else if registry.is_awaited(number) {
            return Verdict::Awaited;
        }
        if spec.identity == Identity::Defines {
            let place = resolved.block.places.get(row);
            return self.define(number, resolved.hashes[row], place);
        }
        Verdict::Stays
    }

    fn define(&mut self, number: u32, hash: u64, place: RowPlace) -> Verdict {
        if self.defined.len() <= number as usize {
            self.defined.resize(number as usize + 1, None);
        }
        let block = self.starts.len() as u32 - 1;
        match &mut self.defined[number as usize] {
            empty @ None => {
                *empty = Some(Defined { hash, block, place, is_conflicting: false });
                Verdict::Stays
            }
            Some(first) if first.is_conflicting => Verdict::Rejected(Code::ConflictingRows),
            Some(first) if first.hash == hash => Verdict::Repeats,
            Some(first) => {
                first.is_conflicting = true;
                self.conflicting.push(number);
                Verdict::Conflicts(*first)
            }
        }
    }

    /// Ends the source: contradicting customers vanish. Returns whose rows of this source are dropped, ascending.
    pub(crate) fn finish(mut self, registry: &mut Registry) -> Vec<u32> {
        self.conflicting.sort_unstable();
        let new: Vec<u32> = self.conflicting.iter().copied().filter(|&number| number >= self.first_new).collect();
        registry.remove(&new);
        self.conflicting
    }
}

/// Admits all rows of a block at once, customer by customer, where nothing but the customer decides and all of them may stay; says whether
/// that was so. Otherwise the rows are looked at one by one, which does the same for these again.
fn admit_levels(resolved: &mut Resolved, spec: &SourceSpec, registry: &mut Registry) -> bool {
    let Resolved { block, by_level: Some(by_level), .. } = resolved else { return false };
    let Some(levels) = spec.customer.map(|customer| &block.columns[customer].levels) else { return false };
    let mut digits = Buffer::new();
    for (code, (number, is_used)) in (0..).zip(by_level) {
        if !*is_used {
            continue;
        }
        if *number == NO_CODE && may_add(spec.identity) {
            *number = registry.ids.intern(levels.text(code, &mut digits));
        }
        if *number == NO_CODE || registry.is_removed(*number) {
            return false;
        }
        if may_add(spec.identity) {
            registry.meet(*number);
        } else if registry.is_awaited(*number) {
            return false;
        }
    }
    true
}

/// Takes out the rows without a customer id, where the source declares them to be in order, and says how many.
fn leave_out_anonymous(rejects: &mut Vec<Reject>, spec: &SourceSpec) -> u64 {
    if spec.anonymous == Anonymous::Reject || spec.customer.is_none() {
        return 0;
    }
    let before = rejects.len();
    rejects.retain(|reject| reject.code != Code::ValueMissing || reject.column != spec.customer);
    (before - rejects.len()) as u64
}

enum Verdict {
    Stays,
    /// The same row again.
    Repeats,
    /// Nobody knew its customer yet.
    Awaited,
    Rejected(Code),
    /// Its interval ends before it starts, says the column at this position.
    EndsEarly(usize),
    /// Contradicts the row that defined the customer, which is rejected with it.
    Conflicts(Defined),
}

/// The line of a row; the row's number where there are no lines.
fn line_of(start: BlockStart, place: RowPlace) -> u64 {
    match start.row_group {
        None => start.line + u64::from(place.line),
        Some(_) => start.record + u64::from(place.record) + 1,
    }
}

/// A reject that also says where the row is that contradicts it.
fn contradicted(reject: Reject, line: Option<u64>) -> Reject {
    let Some(line) = line else { return reject };
    Reject { expected: format!("{}{OTHER_LINE}{line}", reject.expected).into(), ..reject }
}

fn reject(place: RowPlace, code: Code, customer: usize, field: usize) -> Reject {
    let expected = match code {
        Code::UnknownCustomer => "a customer of the customers table",
        Code::EndBeforeStart => "an end at or after the start",
        _ => "one row a customer",
    };
    Reject { column: Some(customer), field: Some(field), ..Reject::of_row(place, code, expected) }
}
