//! Kernel errors as faults: what a kernel refuses here is either a wish to stop or a bug of the seam.

use std::sync::Arc;

use osusume_model::{Code, Fault, Result, Stop};
use osusume_tables::arrow::array::{ArrayRef, RecordBatch};
use osusume_tables::arrow::datatypes::Schema;

/// The fault of a stop asked for.
fn stopped(stop: Stop) -> Fault {
    match stop {
        Stop::Cancelled => Fault::new(Code::Cancelled),
        Stop::Deadline => Fault::new(Code::DeadlinePassed),
    }
}

/// A fault for an error of crate `association`.
pub(crate) fn association_fault(error: &osusume_association::Error) -> Fault {
    match error {
        osusume_association::Error::Stopped(stop) => stopped(*stop),
        osusume_association::Error::Weight { allowed, .. } | osusume_association::Error::Values { allowed, .. } => {
            Fault::new(Code::OutOfRange).named("mine.baskets").with("allowed", allowed.to_string())
        }
        other => Fault::new(Code::Bug).because(other),
    }
}

/// A fault for an error of crate `windows`.
pub(crate) fn windows_fault(error: &osusume_windows::Error) -> Fault {
    match error {
        osusume_windows::Error::Stopped(stop) => stopped(*stop),
        osusume_windows::Error::TakeInBoth { .. } => Fault::new(Code::TakeInTrainAndTest).because(error),
        other => Fault::new(Code::Bug).because(other),
    }
}

/// A fault for an error of crate `propensity` while fitting `offer`.
pub(crate) fn propensity_fault(error: &osusume_propensity::Error, offer: &str) -> Fault {
    use osusume_propensity::Error;
    match error {
        Error::Stopped(stop) => stopped(*stop),
        Error::NotConverged { iterations, max_gradient, tolerance, .. } => Fault::new(Code::NotConverged)
            .with("offer", offer)
            .with("iterations", i64::from(*iterations))
            .with("gradient", format!("{max_gradient:.1e}").as_str())
            .with("tolerance", format!("{tolerance:.1e}").as_str()),
        other => Fault::new(Code::Bug).named(offer).because(other),
    }
}

/// A fault for a refusal of arrow: columns of ours that do not fit together.
pub(crate) fn arrow_fault(error: osusume_tables::arrow::error::ArrowError) -> Fault {
    Fault::new(Code::Bug).because(error)
}

/// A batch of `columns`.
pub(crate) fn batch(schema: &Arc<Schema>, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(arrow_fault)
}

/// A fault for an error of crate `decide`.
pub(crate) fn decide_fault(error: &osusume_decide::DecideError) -> Fault {
    match error {
        osusume_decide::DecideError::Stopped(stop) => stopped(*stop),
        osusume_decide::DecideError::NotAProbability { .. } | osusume_decide::DecideError::NotAQuantity { .. } => {
            Fault::new(Code::Bug).because(error)
        }
    }
}
