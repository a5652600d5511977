//! Inputs that do not fit together are refused by name.

use osusume_model::{Control, NoControl, Stop};
use osusume_windows::{
    Aggregate, Amount, ColumnKind, Cutoffs, Error, EventColumn, EventValues, Events, Filter, Measure, Plan, Span,
    aggregate,
};

const ALL: Span = Span { start: 0, end: 10 };

fn plan(measure: Measure, filter: Option<Filter>, window: usize) -> Result<Plan, Error> {
    Plan::new(&[Aggregate { measure, filter, window }], &[ColumnKind::Money, ColumnKind::Code { n_codes: 3 }], 1)
}

#[test]
fn plans_that_name_what_is_not_there() {
    let error = |m, f, w| plan(m, f, w).unwrap_err();
    assert_eq!(error(Measure::Sum(1), None, 0), Error::Column { aggregate: 0, column: 1 });
    assert_eq!(error(Measure::Distinct(0), None, 0), Error::Column { aggregate: 0, column: 0 });
    assert_eq!(error(Measure::Mean(2), None, 0), Error::Column { aggregate: 0, column: 2 });
    let filter = Some(Filter { column: 0, code: 1 });
    assert_eq!(error(Measure::Count, filter, 0), Error::Column { aggregate: 0, column: 0 });
    assert_eq!(error(Measure::Count, None, 1), Error::Window { aggregate: 0, window: 1, n_windows: 1 });
    assert_eq!(error(Measure::Share(Amount::Rows), None, 0), Error::ShareWithoutFilter { aggregate: 0 });
    let setting = Error::Setting { aggregate: 0 };
    assert_eq!(error(Measure::Quantile { column: 0, level: 1.1 }, None, 0), setting);
    assert_eq!(error(Measure::Quantile { column: 1, level: 0.5 }, None, 0), Error::Column { aggregate: 0, column: 1 });
    assert_eq!(error(Measure::DecayedCount { half_life_days: 0.0 }, None, 0), setting);
    assert_eq!(error(Measure::DecayedSum { column: 0, half_life_days: f64::NAN }, None, 0), setting);
    assert_eq!(error(Measure::Streak { calendar: 0 }, None, 0), setting);
    let backward = Plan::with_calendars(&[], &[], 1, vec![[5, 5].into()]);
    assert_eq!(backward.unwrap_err(), Error::Unsorted { what: "calendar", idx: 1 });
    assert!(plan(Measure::Count, Some(Filter { column: 1, code: 77 }), 0).is_ok(), "a code nobody has is no mistake");
}

#[test]
fn cutoffs_out_of_order() {
    let error = |as_of: &[i64], spans: &[Span]| Cutoffs::new(as_of.to_vec(), spans.to_vec()).unwrap_err();
    assert_eq!(error(&[10, 10], &[ALL, ALL]), Error::Unsorted { what: "as_of", idx: 1 });
    assert_eq!(error(&[9], &[ALL]), Error::Span { cutoff: 0, window: 0 });
    assert_eq!(error(&[10], &[Span { start: 5, end: 4 }]), Error::Span { cutoff: 0, window: 0 });
    let back = Span { start: -1, end: 10 };
    assert_eq!(error(&[10, 11], &[ALL, back]), Error::Unsorted { what: "spans", idx: 1 });
    assert_eq!(error(&[10, 11], &[ALL, ALL, ALL]), Error::Length { what: "spans", got: 3, expected: 2 });
}

fn run(offsets: &[u32], at: &[i64], codes: &[u32], control: &dyn Control) -> Result<(), Error> {
    let money = vec![1; at.len()];
    let columns = [
        EventColumn { values: EventValues::Money(&money), valid: None },
        EventColumn { values: EventValues::Code(codes), valid: None },
    ];
    let events = Events { offsets, at, arrived: None, columns: &columns };
    let cutoffs = Cutoffs::new(vec![10], vec![ALL])?;
    aggregate(&events, &cutoffs, &plan(Measure::Count, None, 0)?, &mut [0.0_f64; 1], control)
}

#[test]
fn events_that_do_not_fit() {
    let error = |offsets: &[u32], at: &[i64], codes: &[u32]| run(offsets, at, codes, &NoControl).unwrap_err();
    assert_eq!(error(&[0, 2], &[5, 4], &[0, 0]), Error::Unsorted { what: "at", idx: 1 });
    assert_eq!(error(&[0, 2], &[4, 5], &[0, 3]), Error::Code { what: "codes", code: 3, n_codes: 3 });
    assert_eq!(error(&[0, 3], &[4, 5], &[0, 0]), Error::Length { what: "rows", got: 2, expected: 3 });
    assert_eq!(error(&[1, 0], &[4, 5], &[0, 0]), Error::Unsorted { what: "offsets", idx: 1 });
    assert_eq!(error(&[0, 2], &[4, 5], &[0]), Error::Length { what: "codes", got: 1, expected: 2 });
    assert_eq!(error(&[0, 1, 2], &[4, 5], &[0, 0]), Error::Length { what: "out", got: 1, expected: 2 });
    assert_eq!(error(&[], &[], &[]), Error::Length { what: "offsets", got: 0, expected: 1 });
    assert_eq!(run(&[0, 2], &[4, 5], &[0, 2], &NoControl), Ok(()));
}

struct Stopped;

impl Control for Stopped {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        Some(Stop::Deadline)
    }
}

#[test]
fn a_stop_is_obeyed() {
    assert_eq!(run(&[0, 2], &[4, 5], &[0, 2], &Stopped), Err(Error::Stopped(Stop::Deadline)));
}
