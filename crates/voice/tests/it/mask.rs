//! What is masked, exactly, and what is not.

use osusume_voice::{mask, normalize};
use proptest::prelude::*;

fn masked(text: &str) -> String {
    mask(&normalize(text))
}

/// Text and what is left of it.
const CASES: &[(&str, &str)] = &[
    // Telephone numbers.
    ("03-1234-5678", "⟨phone⟩"),
    ("電話は03-1234-5678です", "電話は⟨phone⟩です"),
    ("(03) 1234-5678", "⟨phone⟩"),
    ("03(1234)5678まで", "⟨phone⟩まで"),
    ("０３－１２３４－５６７８", "⟨phone⟩"),
    ("０９０１２３４５６７８", "⟨phone⟩"),
    ("090-1234-5678", "⟨phone⟩"),
    ("090 1234 5678 に", "⟨phone⟩ に"),
    ("090.1234.5678", "⟨phone⟩"),
    ("090ー1234ー5678", "⟨phone⟩"),
    ("090‐1234‐5678", "⟨phone⟩"),
    ("090−1234—5678", "⟨phone⟩"),
    ("090の1234の5678", "⟨phone⟩"),
    ("090/1234/5678", "⟨phone⟩"),
    ("0 9 0 1 2 3 4 5 6 7 8", "⟨phone⟩"),
    ("０ ９ ０・１２３４・５６７８", "⟨phone⟩"),
    ("090\u{200b}1234\u{200d}5678", "⟨phone⟩"),
    ("0\u{332}9\u{332}0\u{332}-1234-5678", "⟨phone⟩"),
    ("〇九〇－一二三四－五六七八", "⟨phone⟩"),
    ("٠٩٠-١٢٣٤-٥٦٧٨", "⟨phone⟩"),
    ("0️⃣9️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣", "⟨phone⟩"),
    ("0120-123-456にかけた", "⟨phone⟩にかけた"),
    ("0466-12-3456", "⟨phone⟩"),
    ("tel03-1234-5678", "tel⟨phone⟩"),
    ("+81 90 1234 5678", "⟨phone⟩"),
    ("+81(0)90-1234-5678", "⟨phone⟩"),
    ("+1 (555) 123-4567", "⟨phone⟩"),
    ("+44 20 7946 0958.", "⟨phone⟩."),
    ("call 555-123-4567 now", "call ⟨phone⟩ now"),
    ("1234-5678までに", "⟨phone⟩までに"),
    ("09012345678日中に電話を", "⟨phone⟩日中に電話を"),
    ("tel:0312345678、090-1111-2222", "tel:⟨phone⟩、⟨phone⟩"),
    ("3 090-1234-5678", "3 ⟨phone⟩"),
    ("090 1234 5678 3 days", "⟨phone⟩ 3 days"),
    // Mail addresses and accounts.
    ("taro.yamada@example.co.jp まで", "⟨mail⟩ まで"),
    ("連絡はtaro@example.jp。", "連絡は⟨mail⟩。"),
    ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "⟨mail⟩"),
    ("taro @ example.com", "⟨mail⟩"),
    ("taro(at)example.com", "⟨mail⟩"),
    ("Mail: Taro+News@Example.COM!", "mail: ⟨mail⟩!"),
    ("09012345678@example.ne.jp", "⟨mail⟩"),
    ("太郎@example.jp", "⟨mail⟩"),
    ("follow @taro_yamada please", "follow ⟨mail⟩ please"),
    ("a@b", "⟨mail⟩"),
    ("write to taro @example.com", "write to ⟨mail⟩"),
    // Cards.
    ("4111 1111 1111 1111", "⟨card⟩"),
    ("4111-1111-1111-1111", "⟨card⟩"),
    ("4111111111111111", "⟨card⟩"),
    ("４１１１ー１１１１ー１１１１ー１１１１", "⟨card⟩"),
    ("3782 822463 10005", "⟨card⟩"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "⟨card⟩"),
    ("card 4111.1111.1111.1111 ok", "card ⟨card⟩ ok"),
    // Postal codes and addresses.
    ("〒123-4567", "⟨postal⟩"),
    ("〒 123 4567 東京都", "⟨postal⟩ 東京都"),
    ("〒1234567", "⟨postal⟩"),
    ("123-4567", "⟨postal⟩"),
    ("千代田1丁目2番3号", "千代田⟨address⟩"),
    ("千代田1丁目2-3-405に", "千代田⟨address⟩に"),
    ("一丁目二番三号", "⟨address⟩"),
    ("千代田1-2-3", "千代田⟨address⟩"),
    ("千代田１－２－３です", "千代田⟨address⟩です"),
    ("千代田１ー２ー３", "千代田⟨address⟩"),
    ("12番地の5", "⟨address⟩"),
    ("305号室の者です", "⟨address⟩の者です"),
    ("I live at 12 Baker Street.", "i live at ⟨address⟩."),
    ("1600 Old Mill Rd", "⟨address⟩"),
    ("PO Box 12, York", "⟨address⟩, york"),
    // Other long numbers and links.
    ("customer C000000002", "customer ⟨number⟩"),
    ("会員番号12345678月曜", "会員番号⟨number⟩月曜"),
    ("order 1234567", "order ⟨number⟩"),
    ("ab-12-1234567", "ab-⟨phone⟩"),
    ("https://example.com/u?id=5&mail=a@b.jp を見た", "⟨url⟩ を見た"),
    ("see www.example.com/a, then", "see ⟨url⟩, then"),
    ("example.com/login?token=abc。", "⟨url⟩。"),
    // What is nobody's.
    ("100 Mbps", "100 mbps"),
    ("3 days", "3 days"),
    ("¥5,000", "¥5,000"),
    ("1,234,567円", "1,234,567円"),
    ("12000000円", "12000000円"),
    ("¥1200000", "¥1200000"),
    ("3000-5000円", "3000-5000円"),
    ("1000〜2000人", "1000〜2000人"),
    ("1990-2000", "1990-2000"),
    ("2026-10-01 12:30", "2026-10-01 12:30"),
    ("2026/10/01に", "2026/10/01に"),
    ("20261001", "20261001"),
    ("10月1日の8時30分", "10月1日の8時30分"),
    ("夜8時から10-12時", "夜8時から10-12時"),
    ("version 1.2.3", "version 1.2.3"),
    ("3.14159265", "3.14159265"),
    ("0.123456789", "0.123456789"),
    ("1 2 3 4 5 6 7 8 9 10", "1 2 3 4 5 6 7 8 9 10"),
    ("100 200 300", "100 200 300"),
    ("一番良い、二人で三度", "一番良い、二人で三度"),
    ("24/7 support, 4K, 5G", "24/7 support, 4k, 5g"),
    ("Wi-Fi 802.11ac", "wi-fi 802.11ac"),
    ("iPhone15 と USB3.0", "iphone15 と usb3.0"),
    ("3 people on the road", "3 people on the road"),
    ("", ""),
];

#[test]
fn cases_of_both_languages() {
    let wrong: Vec<String> = CASES
        .iter()
        .filter(|(text, expected)| masked(text) != *expected)
        .map(|(text, expected)| format!("{text}: {} instead of {expected}", masked(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_very_long_text_is_no_trouble() {
    for piece in ["a.", "1 ", "1-", "@", "0", "あ1-", "a@", "1丁目", "⟨phone⟩", "www.", "１２３ー"] {
        let text = normalize(&piece.repeat(20_000));
        let once = mask(&text);
        assert_eq!(mask(&once), once, "{piece}");
    }
}

/// Pieces out of which the rules are made.
fn piece() -> impl Strategy<Value = String> {
    let signs = [
        "-",
        "ー",
        "‐",
        "－",
        " ",
        "　",
        ".",
        ",",
        "/",
        "(",
        ")",
        "の",
        "+",
        "@",
        "〒",
        "丁目",
        "番",
        "番地",
        "号",
        "円",
        "¥",
        "a",
        "Z",
        "東",
        "あ",
        "ア",
        "\u{200b}",
        "\u{301}",
        "⟨",
        "⟩",
        "phone",
        "http://",
        "www.",
        "street",
        "po box ",
        "\n",
        "０",
        "九",
        "٣",
        "x.jp",
        "(at)",
        "2026-10-01",
        "c00000",
        "~",
        "İ",
        "ß",
        "ǰ",
        "ﾞ",
        "㍿",
        "①",
    ];
    prop_oneof![
        3 => "[0-9]{1,6}",
        4 => proptest::sample::select(signs.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twice_is_once(text in text()) {
        let normal = normalize(&text);
        prop_assert_eq!(normalize(&normal), normal.clone());
        let once = mask(&normal);
        prop_assert_eq!(mask(&once), once.clone());
    }

    #[test]
    fn no_run_of_digits_is_left(digits in "[1-9][0-9]{9,30}", before in "[a-zあ漢 ]{0,5}", after in "[a-zあ漢 ]{0,5}") {
        let masked = masked(&format!("{before}{digits}{after}"));
        prop_assert!(!masked.chars().any(char::is_numeric), "{}", masked);
    }

    #[test]
    fn no_telephone_number_is_left(
        area in prop_oneof![Just(("03", 4)), Just(("090", 4)), Just(("0120", 3)), Just(("0466", 2))],
        rest in "[0-9]{8}",
        sign in proptest::sample::select(vec!["-", " ", "ー", "－", "‐", ".", "の", "", "\u{200b}", " - ", "・", "/"]),
        before in "[ぁ-ん東京a-z：]{0,6}",
        after in "[ぁ-ん日時円]{0,6}",
    ) {
        let (middle, end) = (&rest[..area.1], &rest[4..]);
        let number = format!("{}{sign}{middle}{sign}{end}", area.0);
        let masked = masked(&format!("{before}{number}{after}"));
        prop_assert!(!masked.chars().any(|c| c.is_ascii_digit()), "{} {}", number, masked);
    }

    #[test]
    fn no_mail_address_is_left(name in "[a-z0-9._+-]{1,20}", host in "[a-z0-9]{1,10}", before in "[ぁ-ん a-z:]{0,6}") {
        let masked = masked(&format!("{before}{name}@{host}.jp まで"));
        prop_assert!(masked.contains("⟨mail⟩") && !masked.contains('@') && !masked.contains(".jp"), "{}", masked);
    }

    #[test]
    fn short_numbers_stay(number in 0_u32..100_000, unit in proptest::sample::select(vec![" mbps", "日", "円", " days", "回", "%"])) {
        let text = format!("約 {number}{unit}");
        prop_assert_eq!(masked(&text), text);
    }
}
