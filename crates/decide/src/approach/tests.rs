use proptest::prelude::*;

use super::*;

fn step(wait_days: u16) -> ApproachStep {
    ApproachStep { wait_days, channel: None, makes_offer: true }
}

/// A check, a letter a week after it, a call a fortnight after that.
fn renewal() -> Approach {
    Approach { offers: vec![true], steps: vec![step(0), step(7), step(14)], again_days: None, stop_after_ignored: None }
}

fn named(days_ago: u16, step: u8) -> Touch {
    Touch { days_ago, step: Some(step), is_answered: false, is_out: false }
}

fn unnamed(days_ago: u16) -> Touch {
    Touch { step: None, ..named(days_ago, 0) }
}

fn check(approach: &Approach, touches: &[Touch], expected: Stand) {
    assert_eq!(approach.stand(touches, &Stops::default()), expected, "{touches:?}");
}

#[test]
fn steps_follow_each_other_after_their_waits() {
    let approach = renewal();
    check(&approach, &[], Stand::Due(0));
    check(&approach, &[named(6, 0)], Stand::Waiting);
    check(&approach, &[named(7, 0)], Stand::Due(1));
    check(&approach, &[named(20, 0), named(13, 1)], Stand::Waiting);
    check(&approach, &[named(20, 0), named(14, 1)], Stand::Due(2));
    check(&approach, &[named(40, 0), named(30, 1), named(2, 2)], Stand::Done);
    // A step made again, or one passed over.
    check(&approach, &[named(20, 0), named(3, 0)], Stand::Waiting);
    check(&approach, &[named(20, 2)], Stand::Done);
    // A letter behind the call is no step back.
    check(&approach, &[named(20, 2), named(10, 1)], Stand::Done);
}

#[test]
fn contacts_that_name_no_step_are_the_one_whose_turn_it_was() {
    let approach = renewal();
    check(&approach, &[unnamed(7)], Stand::Due(1));
    check(&approach, &[unnamed(20), unnamed(14)], Stand::Due(1));
    check(&approach, &[unnamed(21), unnamed(14)], Stand::Due(2));
    check(&approach, &[unnamed(60), unnamed(40), unnamed(20)], Stand::Done);
    // Two letters of one day are one step, and a step there is none of is as good as none named.
    check(&approach, &[unnamed(9), unnamed(9)], Stand::Due(1));
    check(&approach, &[named(8, 9)], Stand::Due(1));
}

#[test]
fn an_approach_begins_anew_after_so_many_days_of_silence() {
    let approach = Approach { again_days: Some(100), ..renewal() };
    check(&approach, &[named(300, 0), named(290, 1), named(270, 2)], Stand::Due(0));
    check(&approach, &[named(300, 2), named(99, 0)], Stand::Due(1));
    check(&approach, &[named(199, 2), named(100, 2)], Stand::Due(0));
    check(&approach, &[named(198, 2), named(99, 0)], Stand::Done);
    check(&renewal(), &[named(3000, 2)], Stand::Done);
}

#[test]
fn what_is_out_is_waited_for() {
    let out = Touch { is_out: true, ..named(0, 1) };
    check(&renewal(), &[named(30, 0), out], Stand::Waiting);
    let again = Approach { again_days: Some(10), ..renewal() };
    check(&again, &[Touch { is_out: true, ..named(20, 2) }], Stand::Waiting);
}

#[test]
fn complaints_takes_and_conditions_stop_what_has_begun() {
    let approach = renewal();
    let with = |touches: &[Touch], stops| approach.stand(touches, &stops);
    let complaint = |days| Stops { days_since_complaint: days, ..Stops::default() };
    let take = |days| Stops { days_since_take: days, ..Stops::default() };
    for stops in [complaint(30), complaint(0), take(30), take(2)] {
        assert_eq!(with(&[named(30, 0)], stops), Stand::Stopped);
        // Before it began it was no reason to stop; holds and eligibility have their own.
        assert_eq!(with(&[], stops), Stand::Due(0));
    }
    assert_eq!(with(&[named(30, 0)], complaint(31)), Stand::Due(1));
    assert_eq!(with(&[named(30, 0)], take(31)), Stand::Due(1));
    let declared = Stops { is_declared: true, ..Stops::default() };
    assert_eq!(with(&[], declared), Stand::Stopped);
    assert_eq!(with(&[named(1, 0)], declared), Stand::Stopped);
}

#[test]
fn unanswered_contacts_stop_it_once_the_next_step_is_due() {
    let approach = Approach { stop_after_ignored: Some(2), ..renewal() };
    check(&approach, &[named(30, 0)], Stand::Due(1));
    check(&approach, &[named(30, 0), named(13, 1)], Stand::Waiting);
    check(&approach, &[named(30, 0), named(14, 1)], Stand::Stopped);
    check(&approach, &[named(30, 0), Touch { is_answered: true, ..named(14, 1) }], Stand::Due(2));
    check(&approach, &[Touch { is_answered: true, ..named(30, 0) }, named(14, 1)], Stand::Due(2));
}

#[test]
fn offers_are_removed_by_where_the_customer_stands() {
    let mail = ApproachStep { channel: Some(1), ..step(0) };
    let approach = Approach { offers: vec![false, true, true], steps: vec![mail, step(7)], ..Approach::default() };
    let stands = [Stand::Due(0), Stand::Due(0), Stand::Due(1), Stand::Waiting, Stand::Stopped, Stand::Done];
    let both = ChannelSet(0b11);
    let consents = [both, ChannelSet(0b01), ChannelSet(0b01), both, both, both];
    let customers = Customers {
        held_offsets: &[0; 7],
        held: &[],
        consents: &consents,
        suppressed: None,
        bought: None,
        incumbents: None,
        contacts_left: None,
        channels_left: None,
        recent_contacts: None,
        approaches: Some(Approaches { all: std::slice::from_ref(&approach), stands: &stands }),
        units: None,
    };
    let held = Verdict::Removed(Rule::AlreadyHeld);
    let mut verdicts: Vec<Verdict> = (0..6).flat_map(|_| [Verdict::Eligible, Verdict::Eligible, held]).collect();
    apply_approaches(&customers, &mut verdicts);
    let expected = [
        Verdict::Eligible,
        Verdict::Removed(Rule::StepChannel),
        Verdict::Eligible,
        Verdict::Removed(Rule::StepWait),
        Verdict::Removed(Rule::ApproachStopped),
        Verdict::Removed(Rule::ApproachDone),
    ];
    for (own, expected) in verdicts.chunks_exact(3).zip(expected) {
        assert_eq!(own, [Verdict::Eligible, expected, held]);
    }
    apply_approaches(&Customers { approaches: None, ..customers }, &mut []);
}

proptest! {
    /// Whoever is contacted only when a step is due sees every step once, in order, no sooner than its wait, and then no more.
    #[test]
    fn steps_that_are_made_when_due_come_once_and_in_order(
        waits in prop::collection::vec(0_u16..20, 1..5),
        days in prop::collection::vec(1_u16..15, 1..60),
        names in prop::bool::ANY,
    ) {
        let approach = Approach { steps: waits.iter().map(|&wait| step(wait)).collect(), ..Approach::default() };
        let mut made: Vec<(u16, u8)> = Vec::new();
        let mut today = 0;
        for days in days {
            today += days;
            let touch = |&(day, step): &(u16, u8)| Touch { step: names.then_some(step), ..unnamed(today - day) };
            let touches: Vec<Touch> = made.iter().map(touch).collect();
            match approach.stand(&touches, &Stops::default()) {
                Stand::Due(step) => {
                    prop_assert_eq!(usize::from(step), made.len());
                    let wait = if step == 0 { 0 } else { waits[usize::from(step)] };
                    prop_assert!(made.last().is_none_or(|(day, _)| today - day >= wait));
                    made.push((today, step));
                }
                Stand::Waiting => {
                    let (day, step) = *made.last().unwrap();
                    prop_assert!(today - day < waits[usize::from(step) + 1]);
                }
                Stand::Done => prop_assert_eq!(made.len(), waits.len()),
                Stand::Stopped => prop_assert!(false),
            }
        }
    }
}
