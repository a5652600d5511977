//! Through which channels each customer may be reached; what is learned, what is scored and what is decided all ask here.

use osusume_decide::ChannelSet;
use osusume_model::{AsOf, Code, Fault, Result};

use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Scene;
use crate::seam::Block;

/// All channels of the run.
pub(crate) fn all_channels(scene: &Scene<'_>) -> ChannelSet {
    (0..scene.config.decide.channels.len() as u8).fold(ChannelSet::default(), ChannelSet::with)
}

/// The channels each of `customers` (ascending indexes) consents to: the newest record of a channel counts, and of several at one instant
/// a refusal.
///
/// A consent counts only when it was known as of the date. A refusal counts as soon as it stands in the table, also one given or recorded
/// since: whoever said no this morning must not be called tonight because the run looks at yesterday.
///
/// # Errors
/// `ConsentGate` when consents are required and there is no such table.
pub(crate) fn consents(scene: &Scene<'_>, tables: &Checked, customers: &[u32], as_of: AsOf) -> Result<Vec<ChannelSet>> {
    let is_required = scene.config.decide.is_consent_required;
    let otherwise = if is_required { ChannelSet::default() } else { all_channels(scene) };
    match answered(scene, tables, customers, as_of, otherwise)? {
        None if is_required => Err(Fault::new(Code::ConsentGate)),
        found => Ok(found.unwrap_or_else(|| vec![otherwise; customers.len()])),
    }
}

/// Which of `customers` (ascending indexes) are not to be learned from: those who have refused every channel of the run, unless
/// `train.include_opted_out` says otherwise. Whoever never answered has refused nothing.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn opted_out(scene: &Scene<'_>, tables: &Checked, customers: &[u32], as_of: AsOf) -> Result<Vec<bool>> {
    let nobody = || vec![false; customers.len()];
    if scene.config.train.include_opted_out {
        return Ok(nobody());
    }
    let found = answered(scene, tables, customers, as_of, all_channels(scene))?;
    Ok(found.map_or_else(nobody, |sets| sets.into_iter().map(|set| set == ChannelSet::default()).collect()))
}

/// The rows of a block of `customers` (ascending indexes) without those of [`opted_out`] customers.
///
/// # Errors
/// As there.
pub(crate) fn without_opted_out(
    scene: &Scene<'_>,
    tables: &Checked,
    customers: &[u32],
    as_of: AsOf,
    block: Block,
) -> Result<Block> {
    let left_out = opted_out(scene, tables, customers, as_of)?;
    if !left_out.contains(&true) {
        return Ok(block);
    }
    let rows = block.offsets.windows(2).zip(left_out);
    let kept: Vec<bool> =
        rows.flat_map(|(bounds, out)| std::iter::repeat_n(!out, (bounds[1] - bounds[0]) as usize)).collect();
    Ok(block.filter(|row| kept[row]))
}

/// The channels the newest answers of each customer allow; `otherwise` of those nobody spoke of. `None` where there is no such table.
fn answered(
    scene: &Scene<'_>,
    tables: &Checked,
    customers: &[u32],
    as_of: AsOf,
    otherwise: ChannelSet,
) -> Result<Option<Vec<ChannelSet>>> {
    let source = scene.config.sources.values().find(|source| source.role == Role::Consents);
    let Some((source, table)) = source.and_then(|source| Some((source, tables.table(&source.name)?))) else {
        return Ok(None);
    };
    let wanted =
        ["at", "channel", "purpose", "allowed", "arrived"].into_iter().filter(|name| source.column(name).is_some());
    let block = Block::read_of(table, customers, &wanted.collect::<Vec<_>>(), &scene.quiet())?;
    let answers = answers(scene, source, &block);
    let of_customer = |bounds: &[u32]| {
        let known = (bounds[0]..bounds[1]).filter_map(|row| answers[row as usize]);
        standing(known.filter(|answer| !answer.is_allowed || answer.known < as_of.instant.0), otherwise)
    };
    Ok(Some(block.offsets.windows(2).map(of_customer).collect()))
}

/// The rows of the consents that refuse, `None` where a table holds no answers.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn refusals(scene: &Scene<'_>, tables: &Checked, source: &Source) -> Result<Option<u64>> {
    let Some(table) = tables.table(&source.name).filter(|table| table.columns().contains(&"allowed")) else {
        return Ok(None);
    };
    let mut refused = 0;
    for customers in tables.passes() {
        scene.check_stop()?;
        let block = Block::read(table, customers, &["allowed"], &scene.quiet())?;
        let Some(allowed) = block.integers("allowed") else { return Ok(None) };
        refused += (0..block.offsets.last().copied().unwrap_or(0) as usize)
            .filter(|&row| allowed.get(row) == Some(0))
            .count() as u64;
    }
    Ok(Some(refused))
}

/// What one record says.
#[derive(Clone, Copy, Debug)]
struct Answer {
    at: i64,
    /// When it had been said and had arrived.
    known: i64,
    channels: ChannelSet,
    is_allowed: bool,
}

/// What each row says of the channels of the run, `None` where it speaks of something else.
///
/// A consent must name channel and purpose as the pipeline file does. A refusal is understood generously: whatever the case of its letters
/// and the blanks around them, and without a purpose (or a channel) it is meant for all.
fn answers(scene: &Scene<'_>, source: &Source, block: &Block) -> Vec<Option<Answer>> {
    let decide = &scene.config.decide;
    let channels = Meanings::new(block, "channel", &decide.channels);
    let purposes = source.column("purpose").map(|_| {
        let asked = std::slice::from_ref(&decide.consent_purpose);
        Meanings::new(block, "purpose", asked)
    });
    let at = block.times("at");
    let (allowed, arrived) = (block.integers("allowed"), block.integers("arrived"));
    let (channel, purpose) = (block.codes("channel"), block.codes("purpose"));
    let answer = |row: usize| {
        let is_allowed = allowed.and_then(|a| a.get(row)) == Some(1);
        if let Some(purposes) = &purposes {
            purposes.of(purpose.and_then(|p| p.get(row)), is_allowed)?;
        }
        let channels = match channels.of(channel.and_then(|c| c.get(row)), is_allowed)? {
            Meant::All => all_channels(scene),
            Meant::One(channel) => ChannelSet::default().with(channel),
        };
        let known = arrived.and_then(|arrived| arrived.get(row)).map_or(at[row], |arrived| arrived.max(at[row]));
        Some(Answer { at: at[row], known, channels, is_allowed })
    };
    (0..at.len()).map(answer).collect()
}

/// What a cell speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    All,
    One(u8),
}

/// Which of the names the run asks about each level of a column means.
struct Meanings {
    exactly: Vec<Option<u8>>,
    generously: Vec<Option<u8>>,
}

impl Meanings {
    fn new(block: &Block, column: &str, asked: &[String]) -> Self {
        let levels = block.column(column).and_then(|column| column.dictionary.clone());
        let find = |is_meant: &dyn Fn(&str, &str) -> bool| {
            let levels = levels.iter().flat_map(|levels| levels.iter());
            levels.map(|level| asked.iter().position(|name| is_meant(level, name)).map(|i| i as u8)).collect()
        };
        let alike = |level: &str, name: &str| level.trim().to_lowercase() == name.trim().to_lowercase();
        Self { exactly: find(&|level, name| level == name), generously: find(&alike) }
    }

    /// `None` where something else is meant.
    fn of(&self, level: Option<u32>, is_allowed: bool) -> Option<Meant> {
        match level {
            None => (!is_allowed).then_some(Meant::All),
            Some(level) => {
                let meanings = if is_allowed { &self.exactly } else { &self.generously };
                meanings.get(level as usize).copied().flatten().map(Meant::One)
            }
        }
    }
}

/// The channels allowed by the newest answer about each, in any order of `answers`; `otherwise` for those nobody spoke of.
fn standing(answers: impl Iterator<Item = Answer>, otherwise: ChannelSet) -> ChannelSet {
    let mut newest: [Option<(i64, bool)>; u32::BITS as usize] = [None; u32::BITS as usize];
    for answer in answers {
        for (channel, slot) in newest.iter_mut().enumerate() {
            if answer.channels.0 & (1 << channel) == 0 {
                continue;
            }
            *slot = Some(match *slot {
                Some((at, is_allowed)) if at > answer.at => (at, is_allowed),
                Some((at, is_allowed)) if at == answer.at => (at, is_allowed && answer.is_allowed),
                _ => (answer.at, answer.is_allowed),
            });
        }
    }
    (0..).zip(newest).fold(otherwise, |set, (channel, slot)| match slot {
        Some((_, true)) => set.with(channel),
        Some((_, false)) => ChannelSet(set.0 & !(1 << channel)),
        None => set,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[(i64, u8, bool)], otherwise: u32, expected: u32) {
        let answer = |&(at, channel, is_allowed): &(i64, u8, bool)| {
            let channels = ChannelSet::default().with(channel);
            Answer { at, known: at, channels, is_allowed }
        };
        let forward = standing(answers.iter().map(answer), ChannelSet(otherwise));
        let backward = standing(answers.iter().rev().map(answer), ChannelSet(otherwise));
        assert_eq!((forward, backward), (ChannelSet(expected), ChannelSet(expected)));
    }

    #[test]
    fn the_newest_answer_counts_and_a_refusal_before_a_consent_of_one_instant() {
        check(&[], 0b00, 0b00);
        check(&[], 0b11, 0b11);
        check(&[(1, 0, false), (2, 0, true)], 0b00, 0b01);
        check(&[(1, 0, true), (2, 0, false)], 0b11, 0b10);
        check(&[(2, 1, false), (2, 1, true)], 0b00, 0b00);
        check(&[(1, 1, false), (2, 1, true), (2, 1, true), (2, 0, false)], 0b01, 0b10);
        check(&[(2, 31, false), (2, 31, true), (3, 31, true)], 0b00, 1 << 31);
    }

    #[test]
    fn a_refusal_is_understood_generously_and_a_consent_to_the_letter() {
        let meanings = Meanings { exactly: vec![Some(0), None, None], generously: vec![Some(0), Some(0), None] };
        let consent = [Some(0), Some(1), Some(2), None].map(|level| meanings.of(level, true));
        assert_eq!(consent, [Some(Meant::One(0)), None, None, None]);
        let refusal = [Some(0), Some(1), Some(2), None].map(|level| meanings.of(level, false));
        assert_eq!(refusal, [Some(Meant::One(0)), Some(Meant::One(0)), None, Some(Meant::All)]);
        let all = Answer { at: 5, known: 5, channels: ChannelSet(0b11), is_allowed: false };
        assert_eq!(standing([all].into_iter(), ChannelSet(0b111)), ChannelSet(0b100));
    }
}
