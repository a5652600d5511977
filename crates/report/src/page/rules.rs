//! What is bought or held together, and what is added after what.

use osusume_model::Arg;
use osusume_text::report::Line;

use super::section;
use super::words::{Words, share};
use crate::chart::bar;
use crate::markup::{Markup, classed};
use crate::numbers::{Follow, Rule};

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

pub(super) fn follows(words: &Words<'_>) -> Markup {
    let follows = &words.numbers.follows;
    let Some(first) = follows.first() else { return Markup::default() };
    let note = words.paragraph("fine", Line::FollowsNote, &[("days", u64::from(first.within_days).into())]);
    let heads = [
        ("name", words.word(Line::FollowOf)),
        ("name", words.word(Line::FollowAdds)),
        ("num", words.word(Line::FollowRatio)),
        ("num", words.word(Line::FollowHalf)),
        ("num", words.word(Line::RuleLater)),
        ("num wide", words.word(Line::FollowAdded)),
    ];
    let table = Words::table("rules", &heads, follows.iter().take(SHOWN).map(|follow| follow_row(words, follow)));
    section(words, Line::Follows, [note, table])
}

fn follow_row(words: &Words<'_>, follow: &Follow) -> Vec<Markup> {
    let half = Arg::Number(format!("{:.0}", follow.lead_days[1]));
    let later = follow.later_rate_ratio.map_or_else(|| "–".to_owned(), |ratio| format!("×{ratio:.2}"));
    vec![
        Markup::text(words.name_of(&follow.antecedent)),
        Markup::text(words.name_of(&follow.consequent)),
        Markup::text(&format!("×{}", words.interval(follow.rate_ratio, |ratio| format!("{ratio:.2}")))),
        Markup::text(&words.say(Line::FollowDays, &[("days", half)])),
        Markup::text(&later),
        Markup::text(&words.count(follow.added)),
    ]
}
