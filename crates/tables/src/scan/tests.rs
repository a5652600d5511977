use proptest::prelude::*;

use super::*;

/// Text handed over in pieces of a few bytes, so that every boundary falls somewhere.
struct Pieces<'a> {
    text: &'a [u8],
    size: usize,
}

impl ReadMore for Pieces<'_> {
    fn read_more(&mut self, out: &mut Vec<u8>) -> Result<usize> {
        let n = self.size.min(self.text.len());
        out.extend_from_slice(&self.text[..n]);
        self.text = &self.text[n..];
        Ok(n)
    }
}

fn dialect() -> CsvDialect {
    CsvDialect { max_record_bytes: 1 << 12, ..CsvDialect::default() }
}

/// All records as texts, without blank lines, read in blocks and pieces of the given sizes.
fn records(text: &[u8], block: usize, piece: usize) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut splitter = Splitter { block_bytes: block, ..Splitter::new(&dialect()) };
    let mut input = Pieces { text, size: piece };
    let (mut records, mut byte, mut line) = (Vec::new(), 0, 1);
    while let Some(raw) = splitter.next(&mut input)? {
        assert_eq!((raw.byte, raw.line), (byte, line));
        byte += raw.text.len() as u64;
        line += count_lines(&raw.text);
        let mut reader = RecordReader::new(&raw.text, &dialect());
        let mut lines = 0;
        while let Some(record) = reader.next() {
            lines += u64::from(record.lines);
            let is_blank = reader.fields.len() == 1 && reader.fields[0].end == record.start;
            if !is_blank {
                let field = |f: &Field| String::from_utf8_lossy(&raw.text[f.start..f.end]).replace("\"\"", "\"");
                records.push(reader.fields.iter().map(|f| field(f).into_bytes()).collect());
            }
        }
        assert_eq!(lines, count_lines(&raw.text), "records account for all lines");
    }
    Ok(records)
}

fn oracle(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut core = csv_core::Reader::new();
    let (mut out, mut ends) = (vec![0; text.len() + 16], vec![0; text.len() + 16]);
    let (mut records, mut rest) = (Vec::new(), text);
    loop {
        let (mut n_out, mut n_ends) = (0, 0);
        loop {
            let (result, read, written, ended) = core.read_record(rest, &mut out[n_out..], &mut ends[n_ends..]);
            rest = &rest[read..];
            n_out += written;
            n_ends += ended;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::Record => break,
                csv_core::ReadRecordResult::End => return records,
                other => panic!("{other:?}"),
            }
        }
        let starts = std::iter::once(0).chain(ends[..n_ends].iter().copied());
        records.push(starts.zip(&ends[..n_ends]).map(|(start, &end)| out[start..end].to_vec()).collect());
    }
}

/// Well-formed CSV: what must be quoted is, other fields are sometimes.
fn well_formed() -> impl Strategy<Value = String> {
    let field = ("[ab,\"\n\ré]{0,4}", any::<bool>()).prop_map(|(text, quote): (String, bool)| {
        let must = text.contains(['"', ',', '\n', '\r']);
        if must || quote { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    });
    let record = (prop::collection::vec(field, 1..4), prop::sample::select(vec!["\n", "\r\n"]));
    let records = prop::collection::vec(record, 0..6);
    (records, any::<bool>()).prop_map(|(records, ends)| {
        let mut text: String = records.iter().map(|(fields, end)| fields.join(",") + end).collect();
        // The last line end may be missing, unless that leaves nothing of a blank line.
        if !ends && text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn well_formed_text_reads_as_csv_core_reads_it(text in well_formed(), block in 1_usize..40, piece in 1_usize..20) {
        let found = records(text.as_bytes(), block, piece).unwrap();
        prop_assert_eq!(found, oracle(text.as_bytes()));
    }

    #[test]
    fn blocks_and_pieces_never_matter(text in "[a\",\r\n]{0,60}", block in 1_usize..40, piece in 1_usize..20) {
        prop_assert_eq!(records(text.as_bytes(), block, piece).ok(), records(text.as_bytes(), 1 << 20, 1 << 20).ok());
    }
}

#[test]
fn open_quotes_name_the_line_that_opened_them() {
    let text = b"a,b\n1,\"x\ny\"\n2,\"open\n3,4\n";
    for (block, piece) in [(1, 1), (5, 3), (1000, 1000)] {
        let fault = records(text, block, piece).unwrap_err();
        let place = fault.place();
        assert_eq!(
            (fault.code(), place.line, place.column, place.byte),
            (Code::UnterminatedQuote, Some(4), Some(3), Some(14))
        );
    }
}

#[test]
fn a_record_without_end_is_refused_in_bounded_memory() {
    let text = [b"a,b\n".to_vec(), vec![b'x'; 1 << 16]].concat();
    let fault = records(&text, 64, 64).unwrap_err();
    assert_eq!((fault.code(), fault.place().line, fault.place().byte), (Code::RecordTooLarge, Some(2), Some(4)));
}
