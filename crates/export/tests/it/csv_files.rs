use osusume_export::{Field, Injection, OfferRow, Profile, Unmappable, profile, profile_names, profiles_page};
use osusume_model::Code;
use osusume_storage::Digest;
use osusume_storage::sim::SimFs;
use osusume_text::Language;

use crate::golden;
use crate::shop::{deliver, in_order, names, read, row, rows};

#[test]
fn every_profile_writes_what_was_reviewed() {
    for name in profile_names().iter().filter(|name| *name != "parquet") {
        let fs = SimFs::new();
        let language = if name == "salesforce-bulk2" { Language::En } else { Language::Ja };
        let delivered = deliver(&fs, "out/offers.csv", &profile(name).unwrap(), language, &rows()).unwrap();
        golden::check(&format!("{name}.csv"), &read(&fs, "out/offers.csv"));
        golden::check(&format!("{name}.manifest.json"), &read(&fs, "out/offers.csv.manifest.json"));
        assert_eq!(delivered.counts.rows + delivered.counts.not_selected, 5, "{name}");
        assert_eq!(names(&fs, "out"), ["offers.csv", "offers.csv.manifest.json"], "{name}: nothing temporary is left");
    }
}

#[test]
fn every_row_reads_back_with_as_many_cells_as_headers() {
    let fs = SimFs::new();
    deliver(&fs, "offers.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    let bytes = read(&fs, "offers.csv");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    // Only a profile of one's own has the expected quantity: not every offer table does.
    let n_columns = Field::ALL.len() - 1;
    assert_eq!(reader.headers().unwrap().len(), n_columns);
    assert_eq!(reader.records().map(|record| record.unwrap().len()).collect::<Vec<_>>(), [n_columns; 5]);
}

#[test]
fn an_empty_table_is_a_header() {
    let fs = SimFs::new();
    let delivered = deliver(&fs, "offers.csv", &profile("csv").unwrap(), Language::En, &[]).unwrap();
    assert_eq!((delivered.counts.rows, delivered.parts.len()), (0, 1));
    assert_eq!(read(&fs, "offers.csv").split(|&byte| byte == b'\n').count(), 2);
}

#[test]
fn limits_split_the_file_and_every_part_has_the_header() {
    let fs = SimFs::new();
    let split = Profile { max_rows: 2, ..profile("csv").unwrap() };
    let delivered = deliver(&fs, "out/offers.csv", &split, Language::En, &rows()).unwrap();
    assert_eq!(delivered.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [2, 2, 1]);
    let header = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').next().unwrap().to_vec();
    let first = read(&fs, "out/offers.part-001.csv");
    for part in &delivered.parts {
        let bytes = read(&fs, &format!("out/{}", part.name));
        assert_eq!(header(&bytes), header(&first));
        assert_eq!((bytes.len() as u64, Digest::of(&bytes)), (part.bytes, part.sha256));
    }
}

#[test]
fn no_part_is_longer_than_its_limit() {
    let fs = SimFs::new();
    let unlimited = deliver(&fs, "a.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    for max_bytes in [unlimited.parts[0].bytes - 1, unlimited.parts[0].bytes, 1_200] {
        let limited = Profile { max_bytes, ..profile("csv").unwrap() };
        let delivered = deliver(&fs, "b.csv", &limited, Language::En, &rows()).unwrap();
        assert!(delivered.parts.iter().all(|part| part.bytes <= max_bytes));
        assert_eq!(delivered.parts.iter().map(|part| part.rows).sum::<u64>(), 5);
        assert_eq!(delivered.parts.len() == 1, max_bytes == unlimited.parts[0].bytes);
    }
    let tiny = Profile { max_bytes: 400, ..profile("csv").unwrap() };
    let fault = deliver(&fs, "c.csv", &tiny, Language::En, &rows()).unwrap_err();
    assert_eq!(fault.code(), Code::RecordTooLarge);
}

#[test]
fn parts_of_the_delivery_before_do_not_stay() {
    let fs = SimFs::new();
    let split = Profile { max_rows: 1, ..profile("csv").unwrap() };
    deliver(&fs, "out/offers.csv", &split, Language::En, &rows()).unwrap();
    assert_eq!(names(&fs, "out").len(), 6);
    deliver(&fs, "out/offers.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    assert_eq!(names(&fs, "out"), ["offers.csv", "offers.csv.manifest.json"]);
    deliver(&fs, "out/offers.csv", &split, Language::En, &rows()[..2]).unwrap();
    assert_eq!(names(&fs, "out"), ["offers.csv.manifest.json", "offers.part-001.csv", "offers.part-002.csv"]);
}

#[test]
fn keys_that_do_not_identify_a_row_are_refused() {
    let refused = |profile: &Profile, rows: Vec<OfferRow<'static>>| {
        let fs = SimFs::new();
        let fault = deliver(&fs, "offers.csv", profile, Language::En, &in_order(rows)).unwrap_err();
        assert_eq!(fault.code(), Code::ExportKey);
        assert_eq!(names(&fs, ""), Vec::<String>::new(), "nothing is left");
    };
    let plain = profile("csv").unwrap();
    refused(&plain, vec![row("C1", 1, "tv"), row("C1", 2, "tv")]);
    refused(&plain, vec![row("", 1, "tv")]);
    refused(&profile("salesforce-bulk2").unwrap(), vec![row("", 1, "tv")]);
    let by_customer = Profile { key: vec![Field::Customer], ..plain };
    refused(&by_customer, vec![row("C1", 1, "tv"), row("C1", 2, "wifi")]);
}

#[test]
fn characters_the_encoding_lacks_are_never_replaced_silently() {
    let with_rare = || in_order(vec![row("C1", 1, "tv"), row("𠮷田", 1, "tv"), row("C2", 1, "10〜20")]);
    let profile_with = |unmappable| Profile { unmappable, ..profile("csv-cp932").unwrap() };

    let fs = SimFs::new();
    let fault = deliver(&fs, "o.csv", &profile_with(Unmappable::Fail), Language::Ja, &with_rare()).unwrap_err();
    assert_eq!(fault.code(), Code::ExportUnmappable);
    assert!(fault.args().contains(&("rows", 2_u64.into())), "every row is looked at");
    assert_eq!(names(&fs, ""), Vec::<String>::new());

    let delivered = deliver(&fs, "o.csv", &profile_with(Unmappable::LeaveOut), Language::Ja, &with_rare()).unwrap();
    assert_eq!((delivered.counts.rows, delivered.counts.left_out), (1, 2));

    let alike = in_order(vec![row("C2", 1, "10〜20")]);
    let delivered = deliver(&fs, "o.csv", &profile_with(Unmappable::Transliterate), Language::Ja, &alike).unwrap();
    assert_eq!((delivered.counts.rows, delivered.counts.transliterated), (1, 1));
}

#[test]
fn formulas_are_counted_and_a_spreadsheet_gets_none() {
    let fs = SimFs::new();
    let delivered = deliver(&fs, "o.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    // The customer, its delivery key, and the channel and three texts of another; negative amounts are numbers.
    assert_eq!(delivered.counts.risky_cells, 6);
    let excel = profile("excel-ja").unwrap();
    assert_eq!(excel.injection, Injection::Apostrophe);
    deliver(&fs, "e.csv", &excel, Language::Ja, &rows()).unwrap();
    let bytes = read(&fs, "e.csv");
    let mut reader = csv::Reader::from_reader(&bytes[3..]);
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '@']) && (!cell.starts_with('-') || cell.parse::<f64>().is_ok()),
                "{cell}"
            );
        }
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (a, b) = (SimFs::new(), SimFs::new());
    b.set_max_write(7);
    for fs in [&a, &b] {
        deliver(fs, "o.csv", &profile("kintone").unwrap(), Language::Ja, &rows()).unwrap();
    }
    assert_eq!(read(&a, "o.csv"), read(&b, "o.csv"));
    assert_eq!(read(&a, "o.csv.manifest.json"), read(&b, "o.csv.manifest.json"));
}

/// A destination of one's own: the bytes are what its file says, down to the line ends.
#[test]
fn a_profile_file_decides_every_byte() {
    let text = "name = \"crm\"\nencoding = \"cp932\"\nnewline = \"crlf\"\ndelimiter = \";\"\nquoting = \"text\"\n\
                null_token = \"-\"\nkey = [\"customer_id\"]\nselection = \"best\"\nmax_rows = 1\n\
                columns = [{ field = \"customer_id\", header = \"顧客\" }, { field = \"offer\", header = \"商品\" }, \"channel\"]\n";
    let crm = profile("csv").unwrap().with_file("crm.toml", text).unwrap();
    let fs = SimFs::new();
    let delivered = deliver(&fs, "out/a.csv", &crm, Language::Ja, &rows()[..3]).unwrap();
    let header: &[u8] = b"\"\x8c\xda\x8bq\";\"\x8f\xa4\x95i\";\"channel\"\r\n";
    let parts: Vec<Vec<u8>> = delivered.parts.iter().map(|part| read(&fs, &format!("out/{}", part.name))).collect();
    assert_eq!(
        parts,
        [
            [header, b"\"C000017\";\"line_1g\";\"mail\"\r\n"].concat(),
            [header, b"\"0000123\";\"storage\";-\r\n"].concat(),
        ]
    );
    assert_eq!((delivered.counts.rows, delivered.counts.not_selected), (2, 1));
}

#[test]
fn a_value_spelled_like_the_null_token_is_counted() {
    let fs = SimFs::new();
    let alike = profile("csv").unwrap().with_file("x.toml", "null_token = \"line_1g\"\n").unwrap();
    let delivered = deliver(&fs, "a.csv", &alike, Language::En, &rows()[..1]).unwrap();
    assert_eq!(delivered.counts.null_like_cells, 1);
    assert!(String::from_utf8(read(&fs, "a.csv.manifest.json")).unwrap().contains("\"cells_like_null_token\": 1"));
}

#[test]
fn the_page_of_profiles_is_generated() {
    golden::check("../../../../docs/delivery-profiles.md", profiles_page().as_bytes());
}
