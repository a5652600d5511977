//! What every shipped world obeys, so that nobody marks their own exam: most columns say nothing, and what does say something
//! is hidden behind thresholds, needs nobody records, seasons, drift and tables with faults.

use super::World;
use crate::plan::{Gate, Plan, Term};
use crate::schema::{AttributeKind, WorldFile};

fn worlds() -> impl Iterator<Item = (&'static str, World)> {
    World::names().chain(World::planted_names()).map(|name| (name, World::shipped(name).unwrap()))
}

/// Terms of everything that happens.
fn all_terms(plan: &Plan) -> Vec<&Term> {
    let lists = plan.offers.iter().map(|o| &o.terms).chain(&plan.metric_terms).chain(&plan.trigger_terms);
    let campaigns = plan.campaigns.iter().map(|c| &c.terms);
    lists.chain([&plan.churn, &plan.contact]).chain(campaigns).flatten().collect()
}

fn offer_terms(plan: &Plan) -> impl Iterator<Item = &Term> {
    plan.offers.iter().flat_map(|offer| &offer.terms)
}

/// Whether a gate looks at the driver.
fn looks_at(gate: &Gate, wanted: usize) -> bool {
    match gate {
        Gate::Above { driver, .. }
        | Gate::Below { driver, .. }
        | Gate::Between { driver, .. }
        | Gate::Saturating { driver, .. } => *driver == wanted,
        _ => false,
    }
}

fn any_gate(terms: &[Term], is_it: impl Fn(&Gate) -> bool) -> bool {
    terms.iter().flat_map(|term| &term.gates).any(is_it)
}

/// A column matters when a latent class leans on it or a gate looks at it.
#[test]
fn most_columns_have_no_effect() {
    for (name, world) in worlds() {
        let (file, plan) = (world.file(), world.plan());
        let terms = all_terms(plan);
        let gates = || terms.iter().flat_map(|term| &term.gates);
        let is_driver = |wanted: usize| gates().any(|gate| looks_at(gate, wanted));
        let metric_matters = |(i, metric): (usize, &crate::schema::Metric)| {
            let is_driver = is_driver(plan.first_metric + i) || is_driver(plan.first_surge + i);
            is_driver || !metric.by_segment.is_empty() || !metric.terms.is_empty()
        };
        let attribute_matters = |(i, attribute): (usize, &crate::schema::Attribute)| {
            let is_asked = gates().any(|gate| matches!(gate, Gate::Among { attribute, .. } if *attribute == i));
            is_asked || is_driver(plan.first_attribute + i) || !attribute.by_segment.is_empty()
        };
        let with_effect = file.metric.iter().enumerate().filter(|m| metric_matters(*m)).count()
            + file.attribute.iter().enumerate().filter(|a| attribute_matters(*a)).count();
        let columns = file.metric.len() + file.attribute.len();
        assert!(with_effect > 5, "{name}");
        assert!((with_effect as f64) < 0.4 * columns as f64, "{name}: {with_effect} of {columns}");
    }
}

#[test]
fn takes_follow_thresholds_needs_seasons_households_and_three_things_at_once() {
    for (name, world) in worlds() {
        let plan = world.plan();
        let has = |what: &str, is_it: &dyn Fn(&Gate) -> bool| {
            assert!(offer_terms(plan).any(|term| term.gates.iter().any(is_it)), "{name}: {what}");
        };
        has("a threshold of the customer's own", &|gate| matches!(gate, Gate::Above { own: Some(_), .. }));
        has("saturation", &|gate| matches!(gate, Gate::Saturating { .. }));
        has("a season", &|gate| matches!(gate, Gate::Season { .. }));
        has("a household", &|gate| matches!(gate, Gate::Household { .. }));
        has("a need", &|gate| (plan.first_need..plan.first_attribute).any(|need| looks_at(gate, need)));
        assert!(offer_terms(plan).any(|term| term.gates.len() == 3), "{name}: three at once");
        assert!(offer_terms(plan).filter(|term| term.gates.len() == 2).count() > 3, "{name}: two at once");
        // What holds at the last dates learned from does not hold for ever.
        assert!(offer_terms(plan).any(|term| term.from > plan.end - 300), "{name}: drift");
    }
}

/// Whether what terms say of a metric or trigger grows with a need of the offer, which never looks at it.
fn predicts_only(plan: &Plan) -> bool {
    let needs = |terms: &[Term]| -> Vec<usize> {
        (plan.first_need..plan.first_attribute).filter(|need| any_gate(terms, |gate| looks_at(gate, *need))).collect()
    };
    plan.offers.iter().any(|offer| {
        let wanted = needs(&offer.terms);
        let shared = |terms: &[Term]| needs(terms).iter().any(|need| wanted.contains(need));
        let metrics = plan.metric_terms.iter().enumerate().any(|(i, terms)| {
            let drivers = [plan.first_metric + i, plan.first_surge + i];
            shared(terms) && !any_gate(&offer.terms, |gate| drivers.iter().any(|driver| looks_at(gate, *driver)))
        });
        let triggers = plan.trigger_terms.iter().enumerate().any(|(i, terms)| {
            let asks = |gate: &Gate| matches!(gate, Gate::Within { triggers, .. } if triggers.contains(&i));
            shared(terms) && !any_gate(&offer.terms, asks)
        });
        metrics || triggers
    })
}

#[test]
fn some_of_what_predicts_a_take_does_not_cause_it() {
    for (name, world) in worlds() {
        assert!(predicts_only(world.plan()), "{name}");
    }
}

#[test]
fn tables_have_the_faults_of_tables() {
    for (name, world) in worlds() {
        let file: &WorldFile = world.file();
        let setting = &file.setting;
        assert!(setting.late > 0.0 && setting.missing > 0.0 && setting.late_days[1] > 30, "{name}: late and missing");
        assert!(file.attribute.iter().any(|a| !a.missing_by_segment.is_empty()), "{name}: missing tells something");
        assert!(
            file.attribute.iter().any(|a| a.kind == AttributeKind::After),
            "{name}: a column that knows the outcome"
        );
        assert!(!file.price.is_empty() && file.migration.len() > 1, "{name}: re-pricing and migrations");
        assert!(
            file.offer.iter().all(|o| o.returned > 0.0 && o.stepped_back > 0.0 && o.floor > 0.0),
            "{name}: step-backs"
        );
        assert!(file.offer.iter().any(|offer| offer.jump > 0.0), "{name}: two steps at once");
        let tickets: Vec<_> = file.trigger.iter().filter_map(|trigger| trigger.ticket.as_ref()).collect();
        assert!(tickets.len() >= 6 && tickets.iter().all(|t| t.misfiled > 0.0), "{name}: tickets, some misfiled");
    }
}

#[test]
fn contact_divides_customers_and_campaigns_have_a_randomised_slice() {
    for (name, world) in worlds() {
        let file = world.file();
        let effects = || file.response.iter().map(|class| class.effect);
        assert!(effects().any(|effect| effect < -0.1) && effects().any(|effect| effect > 0.3), "{name}: effects");
        assert!(effects().any(|effect| effect == 0.0), "{name}: lost causes");
        assert!((file.contact.least, file.contact.most) == (-0.20, 0.40), "{name}: bounds");
        let [first, second] = file.campaign.as_slice() else { panic!("{name} has two campaigns") };
        assert!(first.until == second.from && first.slice > 0.0 && second.slice > 0.0, "{name}: one after the other");
        assert_ne!(first.channel, second.channel, "{name}: the rule changed");
        assert_eq!(first.offers.len(), file.offer.len(), "{name}: every offer is drawn");
        assert!(file.segment.len() >= 3 && file.need.len() >= 3, "{name}: latent classes and needs");
    }
}

#[test]
fn amounts_are_written_in_the_currency_of_the_pipeline() {
    let digits = |name: &str| {
        let path = format!("{}/../../pipelines/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let pipeline: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        match pipeline["pipeline"]["currency"].as_str().unwrap() {
            "JPY" => 0,
            "USD" => 2,
            other => panic!("{other} has no digits here"),
        }
    };
    for (name, world) in worlds() {
        assert_eq!(world.file().setting.minor_digits, digits(name), "{name}");
    }
    let planted = World::shipped("telco_planted").unwrap();
    assert_eq!([350, -150, 5, 0, -99].map(|minor| planted.amount(minor)), ["3.50", "-1.50", "0.05", "0.00", "-0.99"]);
    assert_eq!(World::isp().amount(-480), "-480");
}
