//! The currencies of ISO 4217, and the digits of their minor units.

use super::words::nearest;

/// Codes in use, sorted; funds, metals and test codes are no currency of a company's amounts.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
                     CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
                     HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD \
                     LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK \
                     PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS \
                     TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// What currencies are called without their codes.
const CALLED: [(&str, &str); 22] = [
    ("YEN", "JPY"),
    ("EN", "JPY"),
    ("円", "JPY"),
    ("¥", "JPY"),
    ("￥", "JPY"),
    ("JPN", "JPY"),
    ("日本円", "JPY"),
    ("DOLLAR", "USD"),
    ("US", "USD"),
    ("$", "USD"),
    ("US$", "USD"),
    ("ドル", "USD"),
    ("EURO", "EUR"),
    ("€", "EUR"),
    ("ユーロ", "EUR"),
    ("POUND", "GBP"),
    ("£", "GBP"),
    ("UKP", "GBP"),
    ("WON", "KRW"),
    ("RMB", "CNY"),
    ("YUAN", "CNY"),
    ("NTD", "TWD"),
];

/// Whether `code` is a currency's.
pub(super) fn is_currency(code: &str) -> bool {
    code.len() == 3 && CODES.split(' ').any(|known| known == code)
}

/// The currency that `text` most likely means.
pub(super) fn suggested(text: &str) -> Option<&'static str> {
    let upper = text.trim().to_uppercase();
    let called = CALLED.iter().find(|(name, _)| *name == upper).map(|(_, code)| *code);
    called.or_else(|| nearest(&upper, CODES.split(' ')))
}

/// Digits of the minor unit.
pub(super) fn digits(code: &str) -> i64 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard_and_names_lead_to_them() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]) && codes.iter().all(|code| code.len() == 3));
        assert!(is_currency("JPY") && !is_currency("YEN") && !is_currency("jpy") && !is_currency("AED AFN"));
        assert!(CALLED.iter().all(|(_, code)| is_currency(code)));
        let suggested = ["YEN", "jpy", "円", "USS", "euro"].map(suggested);
        assert_eq!(suggested, ["JPY", "JPY", "JPY", "USD", "EUR"].map(Some));
        assert_eq!(["JPY", "USD", "KWD"].map(digits), [0, 2, 3]);
    }
}
