//! A report with everything in it: hostile names, a withheld offer, an offer without a model, an evaluation.

use osusume_report::{
    About, Arm, ArmEffect, Audit, Band, CauseRow, Cell, ChannelRow, ChurnRow, Compared, ContactRow, Customers, Data,
    Decisions, Effect, Evaluation, ExpectedRow, FORMAT_VERSION, Feature, Follow, Group, LaneRow, Learning, LimitRow,
    Names, Numbers, OfferRow, Push, ReasonRow, RejectRow, Rule, SourceRow, StabilityRow, StepBackRow, Test, TestRow,
    TriggerRow,
};

/// A name that tries to break out of a text, an attribute, a style and a terminal.
pub(crate) const HOSTILE: &str = "</script><script src=\"//x.example/a.js\">alert('&`')</script>\u{202e}\u{1b}[31m";

pub(crate) fn numbers() -> Numbers {
    Numbers {
        format_version: FORMAT_VERSION,
        language: "en".to_owned(),
        about: about(),
        customers: Customers {
            known: 2000.into(),
            with_offer: 1190.into(),
            without_offer: 500.into(),
            without: vec![
                cause("below_threshold", 360),
                cause("lane", 4),
                cause("no_capacity", 0),
                cause("not_drawn", 36),
                cause("rules", 100),
            ],
            not_asked: 210.into(),
            holdout: 100.into(),
        },
        decisions: decisions(),
        offers: vec![line(), security(), hostile()],
        audits: vec![audit()],
        learning: learning(),
        rules: rules(),
        follows: follows(),
        data: data(),
        names: [("evening_gb", "data used in the evening"), ("telephone", "Telefon & Co"), ("security", "Security")]
            .map(|(name, called)| (name.to_owned(), called.to_owned()))
            .into(),
        evaluation: Some(evaluation()),
    }
}

fn trigger(name: Option<&str>, offers: u64) -> TriggerRow {
    TriggerRow { trigger: name.map(str::to_owned), offers: offers.into() }
}

fn cause(cause: &str, customers: u64) -> CauseRow {
    CauseRow { cause: cause.to_owned(), customers: customers.into() }
}

fn limit(used: u64) -> LimitRow {
    LimitRow {
        offer: None,
        channel: None,
        max: None,
        min: None,
        budget_minor: None,
        used: used.into(),
        price_minor: 0.0,
        next_short_minor: Some(12.5),
        is_missed: false,
        missing: 0.into(),
    }
}

fn audit() -> Audit {
    let group = |kind: &str, name: &str, customers: u64, with_offer: u64| Group {
        group: name.to_owned(),
        kind: kind.to_owned(),
        customers: customers.into(),
        eligible: (customers - 20).into(),
        eligible_share: Some([0.9, 0.87, 0.92]),
        with_offer: with_offer.into(),
        offer_share: Some([0.7, 0.66, 0.74]),
        ratio: Some([1.02, 0.98, 1.06]),
        offers_per_100: Some(88.2),
        value_minor: Some([151.2, 140.0, 162.4]),
        propensity: Some(0.031),
        takes: (with_offer / 4).into(),
        observed_over_expected: Some([0.97, 0.85, 1.1]),
    };
    Audit {
        attribute: "age_band".to_owned(),
        is_restricted: true,
        everybody: group("everybody", "", 1690, 1190),
        groups: vec![
            group("group", "< 1955", 900, 700),
            group("group", HOSTILE, 640, 470),
            group("absent", "", 120, 5),
            group("others", "", 30, 15),
        ],
    }
}

fn about() -> About {
    About {
        pipeline: "isp".to_owned(),
        purpose: "offers by telephone & mail".to_owned(),
        run_id: "2026-10-01-001-0123abcd".to_owned(),
        tool_version: "0.1.0".to_owned(),
        as_of: "2026-10-01".to_owned(),
        window_start: "2026-10-08".to_owned(),
        window_end: "2026-12-07".to_owned(),
        measurable_from: "2027-01-06".to_owned(),
        kept_days: 30,
        currency: "JPY".to_owned(),
        minor_digits: 0,
        is_cross_section: false,
        mines_baskets: false,
    }
}

fn decisions() -> Decisions {
    let outcome = |outcome: &str, pairs: u64| ReasonRow { outcome: outcome.to_owned(), pairs: pairs.into() };
    Decisions {
        offers: 1500.into(),
        expected_value_minor: Some(227_217),
        channels: vec![
            ChannelRow { channel: "telephone".to_owned(), offers: 1100.into() },
            ChannelRow { channel: "mail".to_owned(), offers: 400.into() },
        ],
        lanes: vec![lane("care", 4), lane("nurture", 131), lane("offer", 865)],
        triggers: vec![trigger(Some("renewal_near"), 300), trigger(Some(HOSTILE), 4), trigger(None, 1196)],
        limits: vec![
            LimitRow { channel: Some("telephone".to_owned()), max: Some(1100), price_minor: 123.4, ..limit(1100) },
            LimitRow {
                offer: Some("line_1g".to_owned()),
                min: Some(900),
                missing: 50.into(),
                is_missed: true,
                ..limit(850)
            },
            LimitRow { budget_minor: Some(50_000), price_minor: 0.4, ..limit(49_990) },
        ],
        stability: Some(StabilityRow {
            run_id: "2026-09-01-001-0123abcd".to_owned(),
            kept: 900.into(),
            changed: 120.into(),
            ended: 40.into(),
            begun: 200.into(),
            flip_rate: Some(0.15),
            causes: vec![cause("outranked", 120), cause("already_held", 33), cause("contact_limit", 7)],
        }),
        pairs: 5370.into(),
        outcomes: vec![
            outcome("offered", 1500),
            outcome("shadow", 81),
            outcome("outranked", 700),
            outcome("below_threshold", 2000),
            outcome("already_held", 1070),
            outcome("prerequisite", 8),
            outcome("no_consent", 11),
        ],
        own_rules: [
            ("rule:elderly", "not sold to customers past seventy", "70歳以上のお客様には案内しません"),
            ("rule:odd", HOSTILE, ""),
        ]
        .map(|(id, en, ja)| (id.to_owned(), Names { en: Some(en.to_owned()), ja: Some(ja.to_owned()) }))
        .into(),
        months: 12,
        per_customer: 3,
        min_value_minor: 60,
        holdout_fraction: 0.05,
        values_takes: false,
        churn_per_contact: Some(0.002),
        churn: Some(ChurnRow {
            contacted: arm(1452, 31),
            held_back: arm(1445, 27),
            difference: [0.0027, -0.0074, 0.0128],
        }),
    }
}

fn band(rows: u64, takes: u64, predicted: f64, found: u64, of: u64) -> Band {
    let (rate, gain) = (takes as f64 / rows as f64, found as f64 / of as f64);
    Band {
        rows: rows.into(),
        takes: takes.into(),
        predicted,
        observed: [rate, rate * 0.6, rate * 1.5],
        gain: [gain, gain * 0.9, (gain * 1.1).min(1.0)],
    }
}

fn test(rows: u64, takes: u64, bands: Vec<Band>) -> Test {
    Test {
        as_of: "2026-06-26".to_owned(),
        rows: rows.into(),
        takes: takes.into(),
        auc: Some([0.6268, 0.52, 0.73]),
        log_loss: Some(0.095_37),
        base_log_loss: Some(0.096_59),
        observed_over_expected: Some([0.91, 0.6, 1.35]),
        bands,
    }
}

fn feature(name: &str, text_key: &str, subject: &str, push: Push) -> Feature {
    Feature {
        name: name.to_owned(),
        family: "money".to_owned(),
        source: "usage".to_owned(),
        window_days: Some([30, 0]),
        window: None,
        absent: "unknown".to_owned(),
        text_key: text_key.to_owned(),
        subject: subject.to_owned(),
        push,
        curve: Vec::new(),
    }
}

fn arm(customers: u64, takes: u64) -> Arm {
    Arm { customers: customers.into(), takes: takes.into(), rate: Some(takes as f64 / customers as f64) }
}

fn lane(name: &str, customers: u64) -> LaneRow {
    LaneRow { lane: name.to_owned(), customers: customers.into() }
}

fn line() -> OfferRow {
    let push = |of: &str, level: Option<&str>, odds| Push { of: of.to_owned(), level: level.map(str::to_owned), odds };
    OfferRow {
        offer: "line_1g".to_owned(),
        names: Names { en: Some("1 Gbps line".to_owned()), ja: Some("光回線 1ギガ".to_owned()) },
        kind: "upsell".to_owned(),
        basis: "model".to_owned(),
        gate: None,
        evidence: "randomised".to_owned(),
        step_backs: Some(StepBackRow { takes: 140.into(), back: 23.into() }),
        quantity: None,
        lever: Some((1.5, 200)),
        contact: Some(ContactRow { contacted: arm(812, 31), held_back: arm(790, 22), odds: [1.31, 0.84, 1.95] }),
        offered: 1000.into(),
        expected_value_minor: Some(180_000),
        rows: 6448.into(),
        takes: 157.into(),
        tests: vec![test(
            809,
            63,
            vec![
                band(81, 20, 0.2, 20, 63),
                band(81, 13, 0.12, 33, 63),
                band(324, 20, 0.07, 53, 63),
                band(323, 10, 0.03, 63, 63),
            ],
        )],
        features: vec![
            feature("evening_gb_sum_30d", "sum_window", "evening_gb", push("high", None, 1.82)),
            Feature {
                curve: vec![0.6, 0.55, 0.2, -0.1, -0.3, -0.35],
                ..feature("days_to_renewal", "days_to_renewal", "", push("high", None, 0.61))
            },
            feature("household", "attribute", "household", push("level", Some("family"), 1.33)),
            feature("prefecture", "attribute", "prefecture", push("level", None, 0.8)),
            feature("remote_work", "attribute", "remote_work", push("flag", None, 0.9)),
            feature("birth_year", "attribute", "birth_year", push("high", None, 1.05)),
            feature("satisfaction_last", "satisfaction_last", "", push("absent", None, 1.1)),
        ],
    }
}

fn security() -> OfferRow {
    OfferRow {
        offer: "security".to_owned(),
        names: Names { en: Some("Security".to_owned()), ja: None },
        kind: "cross_sell".to_owned(),
        basis: "model".to_owned(),
        gate: None,
        evidence: "randomised".to_owned(),
        step_backs: Some(StepBackRow { takes: 60.into(), back: 4.into() }),
        quantity: None,
        lever: None,
        contact: Some(ContactRow { contacted: arm(640, 12), held_back: arm(655, 4), odds: [0.7, 0.5, 0.93] }),
        offered: 494.into(),
        expected_value_minor: Some(46_500),
        rows: 7282.into(),
        takes: 47.into(),
        tests: vec![test(900, 7, vec![])],
        features: Vec::new(),
    }
}

fn hostile() -> OfferRow {
    OfferRow {
        offer: HOSTILE.to_owned(),
        names: Names::default(),
        kind: "cross_sell".to_owned(),
        basis: "rate".to_owned(),
        gate: None,
        evidence: "observational".to_owned(),
        step_backs: None,
        quantity: None,
        lever: None,
        contact: None,
        offered: 6.into(),
        expected_value_minor: Some(717),
        rows: 4000.into(),
        takes: 5.into(),
        tests: Vec::new(),
        features: Vec::new(),
    }
}

fn learning() -> Learning {
    Learning {
        rows: 13_667.into(),
        share_of_customers: 1.0,
        features: 142,
        as_of_dates: vec!["2025-11-26".to_owned(), "2026-06-26".to_owned()],
        tests: vec![TestRow {
            as_of: "2026-06-26".to_owned(),
            offers: 2,
            mean_auc: Some(0.5724),
            log_loss: Some(0.095_37),
            base_log_loss: Some(0.096_59),
            slope: Some([0.51, 0.25, 0.77]),
        }],
        together: Some(test(
            809,
            63,
            vec![band(81, 20, 0.2, 20, 63), band(405, 33, 0.08, 53, 63), band(323, 10, 0.03, 63, 63)],
        )),
        reloaded: Vec::new(),
    }
}

fn rules() -> Vec<Rule> {
    let rule = |joint: u64, confidence: f64| Rule {
        antecedent: vec!["line_1g".to_owned(), HOSTILE.to_owned()],
        consequent: "security".to_owned(),
        joint: joint.into(),
        support: joint as f64 / 1800.0,
        confidence,
        lift: 1.4,
        lift_lower: Some(1.2),
        later_confidence: Some(confidence * 0.9),
        later_lift: Some(1.3),
    };
    // The second leaves 4 of 84 customers without the consequent.
    vec![rule(120, 0.4), rule(80, 0.952)]
}

fn follows() -> Vec<Follow> {
    let follow = |antecedent: &str, customers: u64, added: u64| Follow {
        antecedent: antecedent.to_owned(),
        consequent: "security".to_owned(),
        within_days: 90,
        customers: customers.into(),
        added: added.into(),
        rate_ratio: [1.8, 1.4, 2.31],
        lead_days: [9.0, 21.0, 47.0],
        later_rate_ratio: Some(1.55),
    };
    // Nine added it after the second, and nine did not after the third.
    vec![follow("line_1g", 400, 61), follow(HOSTILE, 400, 9), follow("tv", 50, 41)]
}

fn data() -> Data {
    let row = |source: &str, read: u64, rejected: u64| SourceRow {
        source: source.to_owned(),
        read,
        accepted: read - rejected,
        rejected,
        excluded: 0,
    };
    Data {
        sources: vec![row("customers", 2000, 0), row("holdings", 13_113, 3)],
        rejects: vec![RejectRow { code: "E1022".to_owned(), rows: 3 }],
        unknown_products: 2,
    }
}

fn evaluation() -> Evaluation {
    Evaluation {
        until: "2027-01-10".to_owned(),
        is_complete: true,
        total: Some(Effect {
            offer: String::new(),
            offered: arm(1690, 120),
            held_back: arm(100, 12),
            difference: Some([0.012, -0.004, 0.028]),
        }),
        revenue_minor: Some([120.0, -40.0, 280.0]),
        retention: Some([0.001, -0.01, 0.012]),
        offers: vec![Effect {
            offer: "line_1g".to_owned(),
            offered: arm(1000, 40),
            held_back: arm(51, 2),
            difference: Some([0.015, 0.002, 0.028]),
        }],
        expected: expected(),
        arms: vec![ArmEffect {
            against: "holdout".to_owned(),
            takes: Effect {
                offer: "random".to_owned(),
                offered: arm(200, 13),
                held_back: arm(100, 12),
                difference: Some([-0.055, -0.14, 0.01]),
            },
            revenue_minor: Some([-30.0, -200.0, 140.0]),
            retention: Some([0.002, -0.02, 0.03]),
            verdict: "not_shown".to_owned(),
        }],
    }
}

/// All offers overstated, one of them calibrated, and another of which only six were sold.
fn expected() -> Vec<ExpectedRow> {
    let compared = |expected: f64, came: [f64; 3], verdict: &str| Compared {
        expected,
        expected_interval: None,
        came: Some(came),
        factor: Some(expected / came[0]),
        verdict: verdict.to_owned(),
    };
    let all = ExpectedRow {
        offer: String::new(),
        made: arm(1490, 46),
        value_minor: 151,
        takes: compared(0.052, [0.0309, 0.024, 0.041], "overstated"),
        added: Some(Compared {
            expected_interval: Some([0.009, 0.015]),
            ..compared(0.012, [0.011, 0.001, 0.021], "as_expected")
        }),
        margin_minor: Some(compared(14.2, [13.0, 1.0, 25.0], "as_expected")),
    };
    let line = ExpectedRow {
        offer: "line_1g".to_owned(),
        made: arm(1000, 40),
        takes: compared(0.041, [0.04, 0.03, 0.053], "as_expected"),
        ..all.clone()
    };
    let security = ExpectedRow {
        offer: "security".to_owned(),
        made: arm(490, 6),
        takes: compared(0.075, [0.0122, 0.005, 0.03], "overstated"),
        added: None,
        margin_minor: None,
        ..all.clone()
    };
    vec![all, line, security]
}

/// A cell's count.
pub(crate) fn count(cell: Cell) -> Option<u64> {
    cell.get()
}
