//! What is bought or held together.

use osusume_text::report::Line;

use super::section;
use super::words::{Words, share};
use crate::chart::bar;
use crate::markup::{Markup, classed};
use crate::numbers::Rule;

/// More would not be read; `report.json` holds them all.
const SHOWN: usize = 15;

pub(super) fn rules(words: &Words<'_>) -> Markup {
    let rules = &words.numbers.rules;
    if rules.is_empty() {
        return Markup::default();
    }
    let [note, of, also] = if words.numbers.about.mines_baskets {
        [Line::RulesOfBasketsNote, Line::RuleOfBasket, Line::RuleAlsoInBasket]
    } else {
        [Line::RulesNote, Line::RuleOf, Line::RuleAlso]
    };
    let heads = [
        ("name", words.word(of)),
        ("name", words.word(also)),
        ("num", words.word(Line::RuleConfidence)),
        ("num", words.word(Line::RuleLift)),
        ("num", words.word(Line::RuleLater)),
        ("num wide", words.word(Line::RuleJoint)),
    ];
    let table = Words::table("rules", &heads, rules.iter().take(SHOWN).map(|rule| row(words, rule)));
    section(words, Line::Rules, [words.line("p", "fine", note), table])
}

fn row(words: &Words<'_>, rule: &Rule) -> Vec<Markup> {
    let antecedent: Vec<&str> = rule.antecedent.iter().map(|name| words.name_of(name)).collect();
    let lower = rule.lift_lower.map_or_else(String::new, |lower| format!(" ({lower:.2})"));
    let later = rule.later_lift.map_or_else(|| "–".to_owned(), |lift| format!("×{lift:.2}"));
    vec![
        Markup::text(&antecedent.join(" + ")),
        Markup::text(words.name_of(&rule.consequent)),
        [classed("span", "n", &share(rule.confidence)), bar(rule.confidence, false)].into_iter().collect(),
        Markup::text(&format!("×{:.2}{lower}", rule.lift)),
        Markup::text(&later),
        Markup::text(&words.count(rule.joint)),
    ]
}
