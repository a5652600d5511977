//! The profiles that come with osusume, from what each destination documents.

use osusume_model::Result;

use crate::profile::{Bom, Column, Encoding, Injection, Newline, Profile, Quoting, Selection, Unmappable, unknown};
use crate::{Field, PARQUET};

/// Rows of one spreadsheet sheet below its header.
const SHEET_ROWS: u64 = 1_048_575;
/// Destinations say "MB"; the smaller reading is the safe one.
const MB: u64 = 1_000_000;

/// The names of all profiles, the Parquet copy included.
pub fn profile_names() -> Vec<String> {
    let csv = shipped().into_iter().map(|profile| profile.name);
    std::iter::once(PARQUET.to_owned()).chain(csv).collect()
}

/// A CSV profile by name.
///
/// # Errors
/// `ConfigUnknownName` with the names there are.
pub fn profile(name: &str) -> Result<Profile> {
    let found = shipped().into_iter().find(|profile| profile.name == name);
    found.ok_or_else(|| {
        let names = profile_names();
        unknown("export.profile", name, names.iter().map(String::as_str))
    })
}

fn shipped() -> [Profile; 6] {
    [plain(), csv_cp932(), excel_ja(), salesforce_bulk2(), hubspot_import(), kintone()]
}

/// The page of delivery profiles: the keys of a profile file, and every shipped profile as one.
pub fn profiles_page() -> String {
    let mut page = include_str!("profiles.in.md").to_owned();
    for shipped in shipped() {
        page = page + "\n## " + &shipped.name + "\n\n```toml\n" + &shipped.to_toml() + "```\n";
    }
    page
}

/// UTF-8, LF, RFC 4180, every column that every offer table has under its own name.
fn plain() -> Profile {
    Profile {
        name: "csv".to_owned(),
        encoding: Encoding::Utf8,
        bom: Bom::Without,
        newline: Newline::Lf,
        delimiter: ',',
        quoting: Quoting::Necessary,
        null_token: String::new(),
        columns: Field::ALL
            .into_iter()
            .filter(|field| *field != Field::ExpectedQuantity)
            .map(|field| Column { field, header: field.id().to_owned() })
            .collect(),
        key: vec![Field::Customer, Field::Offer, Field::AsOf],
        selection: Selection::Every,
        max_rows: u64::MAX,
        max_bytes: u64::MAX,
        unmappable: Unmappable::Fail,
        injection: Injection::Count,
    }
}

/// For systems in Japan that read only Shift-JIS.
fn csv_cp932() -> Profile {
    Profile { name: "csv-cp932".to_owned(), encoding: Encoding::Cp932, newline: Newline::CrLf, ..plain() }
}

/// Opens by double click in Japanese Excel: byte order mark, CRLF, Japanese headers, no cell that runs as a formula.
fn excel_ja() -> Profile {
    let columns = [
        (Field::Customer, "顧客ID"),
        (Field::AsOf, "基準日"),
        (Field::Rank, "優先順位"),
        (Field::Offer, "オファー"),
        (Field::Kind, "種別"),
        (Field::Family, "商品ファミリー"),
        (Field::Step, "案内の段階"),
        (Field::Channel, "チャネル"),
        (Field::Propensity, "成約確率"),
        (Field::Margin, "粗利"),
        (Field::ExpectedValue, "期待価値"),
        (Field::ReasonText(0), "理由1"),
        (Field::ReasonText(1), "理由2"),
        (Field::ReasonText(2), "理由3"),
        (Field::BenefitJa, "案内文"),
        (Field::ExpiresOn, "有効期限"),
        (Field::RunId, "実行ID"),
        (Field::Pipeline, "パイプライン"),
        (Field::Model, "モデル"),
        (Field::SchemaVersion, "スキーマ版"),
        (Field::Key, "キー"),
    ];
    Profile {
        name: "excel-ja".to_owned(),
        bom: Bom::With,
        newline: Newline::CrLf,
        quoting: Quoting::Text,
        columns: columns.map(named).into(),
        max_rows: SHEET_ROWS,
        injection: Injection::Apostrophe,
        ..plain()
    }
}

/// Salesforce Bulk API 2.0 upsert: API names, the delivery key as external id, `#N/A` to clear a field, at most 100 MB a job.
fn salesforce_bulk2() -> Profile {
    let columns = [
        (Field::Key, "OsusumeKey__c"),
        (Field::Customer, "CustomerId__c"),
        (Field::AsOf, "AsOf__c"),
        (Field::Rank, "Rank__c"),
        (Field::Offer, "Offer__c"),
        (Field::Kind, "Kind__c"),
        (Field::Family, "Family__c"),
        (Field::Step, "Step__c"),
        (Field::Channel, "Channel__c"),
        (Field::Propensity, "Propensity__c"),
        (Field::Margin, "Margin__c"),
        (Field::ExpectedValue, "ExpectedValue__c"),
        (Field::ReasonText(0), "Reason1__c"),
        (Field::ReasonText(1), "Reason2__c"),
        (Field::ReasonText(2), "Reason3__c"),
        (Field::Benefit, "Benefit__c"),
        (Field::ExpiresOn, "ExpiresOn__c"),
        (Field::RunId, "RunId__c"),
        (Field::Pipeline, "Pipeline__c"),
        (Field::Model, "Model__c"),
        (Field::SchemaVersion, "SchemaVersion__c"),
    ];
    Profile {
        name: "salesforce-bulk2".to_owned(),
        null_token: "#N/A".to_owned(),
        columns: columns.map(named).into(),
        key: vec![Field::Key],
        max_bytes: 100 * MB,
        ..plain()
    }
}

/// `HubSpot` import of contacts: one row a contact, an empty cell clears the property, at most 1,048,576 rows and 512 MB a file.
fn hubspot_import() -> Profile {
    let columns = [
        (Field::Customer, "customer_id"),
        (Field::AsOf, "osusume_as_of"),
        (Field::Offer, "osusume_offer"),
        (Field::Kind, "osusume_kind"),
        (Field::Family, "osusume_family"),
        (Field::Step, "osusume_step"),
        (Field::Channel, "osusume_channel"),
        (Field::Propensity, "osusume_propensity"),
        (Field::ExpectedValue, "osusume_expected_value"),
        (Field::ReasonText(0), "osusume_reason_1"),
        (Field::ReasonText(1), "osusume_reason_2"),
        (Field::ReasonText(2), "osusume_reason_3"),
        (Field::Benefit, "osusume_benefit"),
        (Field::ExpiresOn, "osusume_expires_on"),
        (Field::RunId, "osusume_run_id"),
        (Field::Pipeline, "osusume_pipeline"),
        (Field::Model, "osusume_model"),
        (Field::SchemaVersion, "osusume_schema_version"),
    ];
    Profile {
        name: "hubspot-import".to_owned(),
        columns: columns.map(named).into(),
        key: vec![Field::Customer],
        selection: Selection::Best,
        max_rows: SHEET_ROWS,
        max_bytes: 512 * MB,
        ..plain()
    }
}

/// kintone file import with the delivery key as bulk update key: at most 100,000 rows and 100 MB a file.
fn kintone() -> Profile {
    let left_out = [
        Field::PropensityContacted,
        Field::PropensityAlone,
        Field::Uplift,
        Field::UpliftLower,
        Field::UpliftUpper,
        Field::MarginMinor,
        Field::ExpectedValueMinor,
        Field::Evidence,
        Field::Basis,
        Field::Trigger,
        Field::ContactFrom,
        Field::ContactUntil,
        Field::BenefitEn,
        Field::BenefitJa,
        Field::ActionProbability,
    ];
    let mut columns = plain().columns;
    columns.retain(|column| !left_out.contains(&column.field) && !matches!(column.field, Field::ReasonCode(_)));
    Profile {
        name: "kintone".to_owned(),
        newline: Newline::CrLf,
        columns,
        key: vec![Field::Key],
        // The documented 100,000 may count the header.
        max_rows: 99_999,
        max_bytes: 100 * MB,
        ..plain()
    }
}

fn named((field, header): (Field, &str)) -> Column {
    Column { field, header: header.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use osusume_model::Code;

    use super::*;

    #[test]
    fn shipped_profiles_hold_together() {
        for profile in shipped() {
            assert_eq!(profile.check(), Ok(()), "{}", profile.name);
            for field in &profile.key {
                assert!(
                    profile.columns.iter().any(|column| column.field == *field),
                    "{}: key is delivered",
                    profile.name
                );
            }
            for lineage in [Field::RunId, Field::Pipeline, Field::Model, Field::SchemaVersion] {
                assert!(profile.columns.iter().any(|column| column.field == lineage), "{}", profile.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let fault = profile("excel").unwrap_err();
        assert_eq!(fault.code(), Code::ConfigUnknownName);
        assert_eq!(profile_names()[0], "parquet");
    }

    #[test]
    fn headers_can_be_replaced() {
        let headers = |id: &str, header: &str| BTreeMap::from([(id.to_owned(), header.to_owned())]);
        let profile = kintone().with_headers(&headers("offer", "オファー")).unwrap();
        assert!(profile.columns.iter().any(|column| column.header == "オファー"));
        assert_eq!(kintone().with_headers(&headers("ofer", "x")).unwrap_err().code(), Code::ConfigUnknownName);
        assert_eq!(kintone().with_headers(&headers("offer", "rank")).unwrap_err().code(), Code::ConfigNotAllowed);
        assert_eq!(kintone().with_headers(&headers("offer", "")).unwrap_err().code(), Code::ConfigNotAllowed);
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |profile: Profile| assert_eq!(profile.check().unwrap_err().code(), Code::ConfigNotAllowed);
        refused(Profile { delimiter: '|', ..csv_cp932() });
        refused(Profile { bom: Bom::With, ..csv_cp932() });
        refused(Profile { delimiter: '"', ..plain() });
        refused(Profile { key: vec![Field::Offer], ..plain() });
        refused(Profile { max_rows: 0, ..plain() });
        refused(Profile { columns: vec![], ..plain() });
    }
}
