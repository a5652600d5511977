//! Checks of what sources may be used for: nothing is delivered that was learned of people whom nobody may contact.

use model::Code;
use osusume_model as model;

use super::{Checker, Node, View, names};

pub(super) fn check(checker: &mut Checker, view: &View) {
    let is_delivered = !view.list("export").is_empty();
    let purpose = view.node("pipeline.purpose").and_then(Node::as_text);
    for (name, source) in &view.sources {
        let Some(table) = source.node.as_table() else { continue };
        if let Some(class) = table.get("data_class").filter(|_| is_delivered)
            && let Some(word) = class.node.as_text().filter(|word| *word != "raw")
        {
            let args = vec![("source", (*name).into()), ("class", word.into())];
            checker.fault(Code::DataClass, &format!("sources.{name}.data_class"), class.node.spot, args);
        }
        let purposes = table.get("purposes").and_then(|entry| Some((entry, entry.node.as_list()?)));
        if let (Some((entry, list)), Some(purpose)) = (purposes, purpose) {
            let allowed: Vec<&str> = list.iter().filter_map(Node::as_text).collect();
            if !allowed.contains(&purpose) {
                let mut args = vec![("source", (*name).into()), ("purpose", purpose.into())];
                args.push(("allowed", names(&allowed)));
                checker.fault(Code::PurposeForeign, &format!("sources.{name}.purposes"), entry.node.spot, args);
            }
        }
    }
}
