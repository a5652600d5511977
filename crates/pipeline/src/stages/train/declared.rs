//! Whether what the pipeline file says of single offers is said of offers there are.

use osusume_model::{Code, Fault, Offer, Result, suggest};

use crate::catalogue::Goods;
use crate::config::{Config, LearnFrom, Role};

/// Checks `train.prior`, `decide.response`, `decide.levers` and `decide.holdout.per_offer` against the offers that follow from the tables, before anything is computed.
///
/// # Errors
/// `ConfigUnknownName` for an offer there is not, `ConfigNotAllowed` for one that is named twice and for `train.learn_from` without the
/// contacts it asks for; all of them together.
pub(crate) fn check_declared(config: &Config, goods: &Goods) -> Result<()> {
    let offers = &goods.catalogue.offers;
    let keys: Vec<&str> = offers.iter().map(|offer| offer.key.as_str()).collect();
    let mut faults = Vec::new();
    let declared = &config.train.prior;
    for (position, one) in declared.iter().enumerate() {
        let key = format!("train.prior[{position}].offer");
        if !keys.contains(&one.offer.as_str()) {
            faults.push(unknown(&key, &one.offer, &keys));
        } else if declared[..position].iter().any(|earlier| earlier.offer == one.offer) {
            let fault = Fault::new(Code::ConfigNotAllowed).named(&key).with("key", key.as_str());
            faults.push(fault.with("got", one.offer.as_str()).with("allowed", "one rate an offer"));
        }
    }
    let is_known = |name: &str| offers.iter().any(|offer: &Offer| offer.key == name || offer.family == name);
    let responses = config.decide.response.keys().filter(|name| !is_known(name));
    faults.extend(responses.map(|name| unknown(&format!("decide.response.{name}"), name, &keys)));
    let levers = config.decide.valuation.levers.keys().filter(|name| !is_known(name));
    faults.extend(levers.map(|name| unknown(&format!("decide.levers.{name}"), name, &keys)));
    let held_back = config.decide.learning.offer_fractions.keys().filter(|name| !keys.contains(&name.as_str()));
    faults.extend(held_back.map(|name| unknown(&format!("decide.holdout.per_offer.{name}"), name, &keys)));
    faults.extend(without_contacts(config));
    Fault::all(faults)
}

/// Whom an offer is learned from can depend on contacts only where there are any, and on draws only where the arm is told.
fn without_contacts(config: &Config) -> Option<Fault> {
    let contacts = config.source_of(Role::Contacts);
    let is_told = match config.train.learn_from {
        LearnFrom::Everybody => true,
        LearnFrom::LeftAlone => contacts.is_some(),
        LearnFrom::HeldBack => contacts.is_some_and(|source| source.column("arm").is_some()),
    };
    let fault = || Fault::new(Code::ConfigNotAllowed).named("train.learn_from").with("key", "train.learn_from");
    let needed = "everybody; others: [sources.*] role = \"contacts\", columns.arm";
    (!is_told).then(|| fault().with("got", config.train.learn_from.id()).with("allowed", needed))
}

fn unknown(key: &str, got: &str, keys: &[&str]) -> Fault {
    let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key).with("got", got);
    let names: Vec<String> = keys.iter().map(|&name| name.to_owned()).collect();
    let fault = fault.with("allowed", names);
    match suggest(got, keys.iter().copied()) {
        Some(meant) => fault.with("suggestion", meant),
        None => fault,
    }
}
