//! Tables that can be read and mean something else than their owner thinks: told before anything rests on them.

use super::support::{AS_OF, BEFORE, Company, text};

/// What `osusume check` prints on both streams, and its exit code.
fn checked(company: &Company, further: &[&str]) -> (String, i32) {
    let date = if further.contains(&"--as-of") { vec![] } else { vec!["--as-of", AS_OF] };
    let check = [&["check", "pipelines/isp.toml", "--language", "en"][..], &date].concat();
    let output = company.osusume(&[&check[..], further].concat());
    (text(&output.stdout) + &text(&output.stderr), output.status.code().unwrap())
}

/// How often the code is told.
fn told(page: &str, code: &str) -> usize {
    page.matches(&format!("[{code}]: ")).count()
}

/// The table without the `share`-th part of its rows that hold `mark`.
fn without(csv: &str, mark: &str, is_lost: impl Fn(usize) -> bool) -> String {
    let mut met = 0;
    let stays = |line: &&str| {
        met += usize::from(line.contains(mark));
        !(line.contains(mark) && is_lost(met))
    };
    csv.split_inclusive('\n').filter(stays).collect()
}

#[test]
fn refusals_that_are_gone_end_the_run() {
    let company = Company::with_run();
    let published = company.published();
    let consents = std::fs::read_to_string(company.path("data/isp/consents.csv")).unwrap();
    let refusals = consents.matches(",no,").count();
    assert!(refusals > 20 && refusals * 2 < consents.lines().count(), "few rows are lost with them: {refusals}");
    company.edit("data/isp/consents.csv", |csv| without(csv, ",no,", |_| true));
    let (page, exit) = checked(&company, &[]);
    assert_eq!((told(&page, "E4027"), told(&page, "E4018"), exit), (1, 0, 12), "{page}");
    assert!(page.contains("`consents` has 0 refusals; run 2026-09-01"), "{page}");
    let run = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--language", "en"]);
    assert_eq!((told(&text(&run.stderr), "E4027"), run.status.code()), (1, Some(12)), "{}", text(&run.stderr));
    assert_eq!(company.published(), published);
    // They may have been taken back.
    let (page, exit) = checked(&company, &["--set", "quality.max_shrink=1"]);
    assert_eq!((told(&page, "E4027"), exit), (1, 0), "told all the same: {page}");
}

#[test]
fn a_fifth_of_the_refusals_gone_is_a_warning() {
    let company = Company::with_run();
    company.edit("data/isp/consents.csv", |csv| without(csv, ",no,", |nth| nth % 5 == 0));
    let (page, exit) = checked(&company, &[]);
    assert_eq!((told(&page, "E4027"), exit), (1, 0), "{page}");
    assert!(page.contains("warning[E4027]"), "{page}");
}

#[test]
fn words_of_contacts_channels_and_margins_that_mean_nothing_are_warned_of() {
    let company = Company::new();
    let (page, exit) = checked(&company, &[]);
    let codes = ["E4009", "E4028", "E4029", "E4033", "E4034"];
    assert_eq!((codes.map(|code| told(&page, code)), exit), ([0; 5], 0), "{page}");
    company.edit("data/isp/contacts.csv", |csv| csv.replace(",targeted,", ",対象,").replace(",wifi_mesh,", ",HY,"));
    company.edit("data/isp/products.csv", |csv| {
        csv.replacen(",700,", ",-700,", 1).replacen(",6600,2500,", ",6600,1000,", 1)
    });
    company.edit("pipelines/isp.toml", |toml| toml.replace("\"telephone\", \"mail\"", "\"telephone\", \"male\""));
    let (page, exit) = checked(&company, &[]);
    assert_eq!((codes.map(|code| told(&page, code)), exit), ([0, 2, 1, 1, 1], 0), "{page}");
    for said in ["contacts add: 対象 (", "contacts add: HY (", "names the channel `male`"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let run = company.osusume(&["run", "pipelines/isp.toml", "--as-of", BEFORE, "--no-export", "--language", "en"]);
    let page = text(&run.stderr);
    assert_eq!(codes.map(|code| told(&page, code)), [0, 2, 1, 1, 1], "{page}");
}

/// Contracts of the same product within each other, by whatever number, and probabilities in percent: both are read as documented, and said.
#[test]
fn holdings_within_each_other_and_impossible_probabilities_are_counted() {
    let company = Company::new();
    let codes = ["E4035", "E4036"];
    let (page, exit) = checked(&company, &[]);
    assert_eq!((codes.map(|code| told(&page, code)), exit), ([0; 2], 0), "{page}");
    company.edit("data/isp/holdings.csv", |csv| {
        let line = |(at, line): (usize, &str)| format!("{line}\n").repeat(1 + usize::from(at > 0 && at % 5 == 0));
        csv.lines().enumerate().map(line).collect()
    });
    company.edit("data/isp/contacts.csv", |csv| {
        let head = csv.lines().next().unwrap();
        let column = head.split(',').position(|name| name == "action_probability").unwrap();
        let line = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if cells[column] == "0.334250" {
                cells[column] = "33.425";
            }
            cells.join(",") + "\n"
        };
        csv.lines().map(line).collect()
    });
    let (page, exit) = checked(&company, &[]);
    assert_eq!((codes.map(|code| told(&page, code)), exit), ([1; 2], 0), "{page}");
    assert!(page.contains(" rows of `holdings` begin while the same customer"), "{page}");
    assert!(page.contains(" rows of `contacts`, `probability` is not above 0"), "{page}");
}

#[test]
fn tables_that_end_long_before_the_date_are_told_once() {
    let company = Company::new();
    let (page, exit) = checked(&company, &["--as-of", "2027-05-01"]);
    assert_eq!((told(&page, "E4009"), exit), (1, 0), "{page}");
    assert!(page.contains("warning[E4009]"), "{page}");
}

/// Where a text first stands, which must be somewhere.
fn place(page: &str, part: &str) -> usize {
    page.find(part).unwrap_or_else(|| panic!("{part}: {page}"))
}

#[test]
fn a_column_in_other_words_is_told_once_and_before_what_follows_from_it() {
    let company = Company::new();
    company.edit("data/isp/customers.csv", |csv| {
        let row =
            |(nth, line): (usize, &str)| if nth % 9 == 5 { line.replace("yes", "対象") } else { line.to_owned() };
        csv.lines().enumerate().map(row).map(|line| line + "\n").collect()
    });
    let (page, exit) = checked(&company, &[]);
    assert!(exit == 10 && page.starts_with("isp is not ready to run"), "{page}");
    assert!(place(&page, "expected `true` or `false`, got ") < place(&page, "E1025"), "{page}");
    assert_eq!(told(&page, "E1025"), 0, "only in the table: {page}");
    assert_eq!(
        told(&page, "E1030"),
        1,
        "tables that are over their limits because of it are no errors of their own: {page}"
    );
    assert!(page.contains("help: flags read yes/no") && !page.contains("times read"), "{page}");
    assert!((1..=3).contains(&told(&page, "E1022")), "once a column: {page}");
    assert!(page.contains(" of 400 rows)") && page.contains("correct `customers` first: "), "{page}");
    assert!(!page.contains("quality.on_error"), "it is set: {page}");
}

#[test]
fn nobody_left_is_told_after_its_cause() {
    let company = Company::new();
    company.edit("data/isp/customers.csv", |csv| csv.replace('-', "."));
    let (page, exit) = checked(&company, &["--set", "sources.customers.date_format=%d/%m/%Y"]);
    assert_eq!((exit, told(&page, "E4006")), (10, 1), "{page}");
    assert!(place(&page, "set aside") < place(&page, "[E1022]"), "the counts stand above: {page}");
    assert!(place(&page, "[E1022]") < place(&page, "[E4006]"), "{page}");
    assert!(page.contains("dates are read as `%d/%m/%Y`"), "{page}");
}

#[test]
fn a_product_that_is_set_aside_stands_above_the_offers_it_is_missing_from() {
    let company = Company::new();
    company.edit("data/isp/products.csv", |csv| csv.replacen(",700,", ",30%,", 1));
    let (page, exit) = checked(&company, &["--set", "quality.max_reject_rate=0.5"]);
    assert_eq!(exit, 2, "{page}");
    assert!(place(&page, "monthly_margin") < place(&page, "[E2006]"), "{page}");
}

#[test]
fn a_customer_told_in_two_ways_says_where() {
    let company = Company::new();
    company.edit("data/isp/customers.csv", |csv| {
        let second = csv.lines().nth(2).unwrap();
        format!("{csv}{}\n", second.replace(",card,", ",bank,"))
    });
    let (page, _) = checked(&company, &["--set", "quality.on_error=abort"]);
    assert!(page.contains("so neither row is used; the other is in line "), "{page}");
}

#[test]
fn a_code_there_is_not_is_no_riddle() {
    let company = Company::new();
    let output = company.osusume(&["explain", "E9999", "--language", "en"]);
    let said = text(&output.stderr);
    assert!(said.contains("`CODE` cannot be E9999; allowed: E0001"), "{said}");
}
