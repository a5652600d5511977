//! Through which channels each customer may be reached; what is scored and what is decided both ask here.

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

/// The channels each of `customers` (ascending indexes) consents to as of the date: the newest record of a channel that is known by
/// then counts, and of several at one instant a refusal.
///
/// # Errors
/// `ConsentGate` when consents are required and there is no such table.
pub(crate) fn consents(scene: &Scene<'_>, tables: &Checked, customers: &[u32], as_of: AsOf) -> Result<Vec<ChannelSet>> {
    let decide = &scene.config.decide;
    let otherwise = if decide.is_consent_required { ChannelSet::default() } else { all_channels(scene) };
    let source = scene.config.sources.values().find(|source| source.role == Role::Consents);
    let Some((source, table)) = source.and_then(|source| Some((source, tables.table(&source.name)?))) else {
        return if decide.is_consent_required {
            Err(Fault::new(Code::ConsentGate))
        } else {
            Ok(vec![otherwise; customers.len()])
        };
    };
    let wanted =
        ["at", "channel", "purpose", "allowed", "arrived"].into_iter().filter(|name| source.column(name).is_some());
    let block = Block::read_of(table, customers, &wanted.collect::<Vec<_>>(), &scene.quiet())?;
    let answers = answers(scene, source, &block);
    let of_customer = |bounds: &[u32]| {
        let known = (bounds[0]..bounds[1]).filter_map(|row| answers[row as usize]);
        standing(known.filter(|answer| answer.known < as_of.instant.0), otherwise)
    };
    Ok(block.offsets.windows(2).map(of_customer).collect())
}

/// What one record says.
#[derive(Clone, Copy, Debug)]
struct Answer {
    at: i64,
    /// When it had been said and had arrived.
    known: i64,
    channel: u8,
    is_allowed: bool,
}

/// What each row says of a channel of the run, `None` where it speaks of something else.
fn answers(scene: &Scene<'_>, source: &Source, block: &Block) -> Vec<Option<Answer>> {
    let decide = &scene.config.decide;
    let level = |column: &str, name: &str| {
        let names = block.column(column).and_then(|column| column.dictionary.clone())?;
        names.iter().position(|n| n == name).map(|i| i as u32)
    };
    let channels: Vec<Option<u32>> = decide.channels.iter().map(|name| level("channel", name)).collect();
    let purpose = level("purpose", &decide.consent_purpose);
    let has_purpose = source.column("purpose").is_some();
    let (at, channel, purposes) = (block.times("at"), block.codes("channel"), block.codes("purpose"));
    let (allowed, arrived) = (block.integers("allowed"), block.integers("arrived"));
    let answer = |row: usize| {
        if has_purpose && (purpose.is_none() || purposes.and_then(|p| p.get(row)) != purpose) {
            return None;
        }
        let spoken = channel.and_then(|c| c.get(row));
        let channel = channels.iter().position(|c| c.is_some() && *c == spoken)? as u8;
        let known = arrived.and_then(|arrived| arrived.get(row)).map_or(at[row], |arrived| arrived.max(at[row]));
        Some(Answer { at: at[row], known, channel, is_allowed: allowed.and_then(|a| a.get(row)) == Some(1) })
    };
    (0..at.len()).map(answer).collect()
}

/// The channels allowed by the newest answer about each, in any order of `answers`; `otherwise` for those nobody spoke of.
fn standing(answers: impl Iterator<Item = Answer>, otherwise: ChannelSet) -> ChannelSet {
    let mut newest: [Option<(i64, bool)>; u32::BITS as usize] = [None; u32::BITS as usize];
    for answer in answers {
        let slot = &mut newest[usize::from(answer.channel)];
        *slot = Some(match *slot {
            Some((at, is_allowed)) if at > answer.at => (at, is_allowed),
            Some((at, is_allowed)) if at == answer.at => (at, is_allowed && answer.is_allowed),
            _ => (answer.at, answer.is_allowed),
        });
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
        let answer = |&(at, channel, is_allowed): &(i64, u8, bool)| Answer { at, known: at, channel, is_allowed };
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
}
