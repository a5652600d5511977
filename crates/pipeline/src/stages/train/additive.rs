//! Additive models: which curves bend and which pairs act together, decided by all offers on the rows of the training dates.

use osusume_model::{Control, Fault, Result};
use osusume_numeric::linalg::linear_rows_at;
use osusume_propensity::additive::basis::{Basis, BasisColumn, Coded, Part, bends, joint};
use osusume_propensity::additive::bins::Bins;
use osusume_propensity::additive::model::Additive;
use osusume_propensity::additive::screen::{Gains, Residuals, Screen};
use osusume_propensity::additive::terms::Term;
use osusume_propensity::design::Design;
use osusume_propensity::encoder::{Encoder, EncoderParams};
use osusume_propensity::logistic::Fit;

use super::fit::{Columns, Encoded, Fits, Ground, Grouped, Known, Start, Task, fit_offers};
use super::model_file::{AnyModel, PublishedModel};
use super::{Evidence, OfferModel};
use crate::additive::AdditiveModel;
use crate::kernel::propensity_fault;

/// Bins of a number.
const BINS: usize = 32;
/// Maps of pairs, at most.
const MAPS: usize = 16;

/// Codes and the columns that are functions of them.
pub(super) struct Shape {
    pub(super) coded: Coded,
    pub(super) basis: Basis,
}

/// What one fit leaves to the next, which knows later dates too: raw features.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    bent: Vec<u32>,
    paired: Vec<[u32; 2]>,
}

/// What the additive models of a run share, and their curves and maps.
#[derive(Clone, Debug)]
pub(crate) struct Curves {
    /// How values fall into codes.
    pub(crate) bins: Bins,
    /// The terms of every model.
    pub(crate) terms: Vec<Term>,
    /// By feature: shares of the training rows by code.
    pub(crate) shares: Vec<Vec<f64>>,
    /// By offer; `None` for one that rests on a rate.
    pub(crate) offers: Vec<Option<Additive>>,
}

/// Chooses columns and fits the offers of `tasks` over them.
///
/// Features that say nothing of any offer have no column. The linear model's columns of the others are fitted, with the bends and pairs
/// an earlier fit found; where the residuals still bend along a feature or differ by a pair, as customers left out confirm, columns for
/// that join and all is fitted once more.
///
/// # Errors
/// As [`fit_offers`].
pub(super) fn learn(
    ground: &Ground<'_>,
    encoder: &Encoder,
    rows: &[u32],
    tasks: &[Task<'_>],
    before: Option<&Known>,
    tolerance: f64,
) -> Result<(Encoded, Fits)> {
    let (mut shape, useful) = Shape::straight(ground, encoder, rows, tasks)?;
    if let Some(known) = before {
        known.found.recall(&mut shape);
    }
    let precisions = before.and_then(|known| known.precisions.as_ref());
    let start = Start { precisions, params: None, tolerance };
    let (job, data) = (ground.job, ground.data);
    let design = shape.design()?;
    let fits = fit_offers(job, data, &shape.grouped(&design), tasks, start)?;
    let joining = joining(ground, &shape, &design, tasks, &fits, &useful)?;
    if joining.is_empty() {
        return Ok((Encoded { columns: Columns::Additive(shape), design }, fits));
    }
    // Two designs at once would be the largest things in memory.
    drop(design);
    shape.basis.extend(joining);
    let design = shape.design()?;
    let again =
        fit_offers(job, data, &shape.grouped(&design), tasks, Start { precisions: fits.precisions.as_ref(), ..start })?;
    Ok((Encoded { columns: Columns::Additive(shape), design }, again))
}

/// The columns of a cross-section, where each offer may see different ones: straight ones, and the bends that gain by themselves.
///
/// # Errors
/// A stop asked for.
pub(super) fn encode(ground: &Ground<'_>, encoder: &Encoder, rows: &[u32], tasks: &[Task<'_>]) -> Result<Encoded> {
    let (mut shape, useful) = Shape::straight(ground, encoder, rows, tasks)?;
    let features: Vec<usize> = useful.iter().map(|(feature, _)| *feature).collect();
    let control = ground.job.quiet();
    let screen = ground.screen(&shape.coded, &control);
    let bends = screen.bends_alone(&shape.basis, &features, &of_rates(tasks)).map_err(|error| fault(&error))?;
    shape.basis.extend(bends);
    let design = shape.design()?;
    Ok(Encoded { columns: Columns::Additive(shape), design })
}

fn fault(error: &osusume_propensity::Error) -> Fault {
    propensity_fault(error, "columns")
}

fn of_rates<'a>(tasks: &[Task<'a>]) -> Vec<Residuals<'a>> {
    tasks.iter().map(|task| Residuals::of_rate(&task.outcomes.rows, &task.outcomes.y)).collect()
}

impl Shape {
    /// The straight columns of features that say something, all of them where none does; and those features with their gains.
    fn straight(
        ground: &Ground<'_>,
        encoder: &Encoder,
        rows: &[u32],
        tasks: &[Task<'_>],
    ) -> Result<(Box<Self>, Gains)> {
        let slices = ground.data.slices();
        let raw = ground.data.raw(&slices);
        let coded =
            Coded::new(&raw, rows, EncoderParams::WINDOWS.min_level_count, BINS).map_err(|error| fault(&error))?;
        let mut basis = Basis::straight(encoder, &raw, &coded).map_err(|error| fault(&error))?;
        let control = ground.job.quiet();
        let useful = ground.screen(&coded, &control).useful(&basis, &of_rates(tasks)).map_err(|error| fault(&error))?;
        if !useful.is_empty() {
            basis.keep(|feature| useful.binary_search_by_key(&feature, |(feature, _)| *feature).is_ok());
        }
        Ok((Box::new(Self { coded, basis }), useful))
    }

    fn design(&self) -> Result<Design> {
        self.basis.design(&self.coded.codes).map_err(|error| fault(&error))
    }

    fn grouped<'d>(&self, design: &'d Design) -> Grouped<'d> {
        Grouped { design, groups: self.basis.groups(), n_groups: self.basis.n_groups() }
    }
}

/// Columns for what the fits leave over.
fn joining(
    ground: &Ground<'_>,
    Shape { coded, basis }: &Shape,
    design: &Design,
    tasks: &[Task<'_>],
    fits: &Fits,
    useful: &[(usize, f64)],
) -> Result<Vec<BasisColumn>> {
    let control = ground.job.quiet();
    let screen = ground.screen(coded, &control);
    let left = tasks.iter().zip(&fits.fits).map(|(task, fit)| left_over(design, task, fit));
    let left: Vec<Residuals<'_>> = left.collect::<Result<_>>()?;
    let is_straight = |feature: &usize| basis.of_feature(*feature).all(|column| column.part == Part::Straight);
    let features: Vec<usize> = useful.iter().map(|(feature, _)| *feature).filter(is_straight).collect();
    let mut found = screen.bends(basis, &features, &left).map_err(|error| fault(&error))?;
    let maps = basis.maps();
    let pairs = screen.pairs(useful, &left, MAPS.saturating_sub(maps.len())).map_err(|error| fault(&error))?;
    found.extend(pairs.into_iter().filter(|column| !maps.contains(&&column.term)));
    Ok(found)
}

/// What the fit of an offer leaves over.
fn left_over<'a>(design: &Design, task: &Task<'a>, fit: &Fit) -> Result<Residuals<'a>> {
    let rows = &task.outcomes.rows;
    let mut eta = vec![0.0; rows.len()];
    linear_rows_at(design.x(), rows, &fit.beta, fit.intercept, &mut eta);
    Residuals::new(rows, &task.outcomes.y, &eta).map_err(|error| propensity_fault(&error, task.name))
}

impl Found {
    fn of(basis: &Basis) -> Self {
        Self { bent: basis.bent(), paired: basis.paired() }
    }

    /// Adds the columns of what was found to `basis`, as far as the features still have codes and columns.
    fn recall(&self, shape: &mut Shape) {
        let Shape { coded, basis } = shape;
        let used = basis.used();
        let of_raw = |raw: u32| {
            let at = coded.bins.features.binary_search_by_key(&raw, |feature| feature.raw).ok();
            at.filter(|at| used.binary_search(at).is_ok())
        };
        let bends: Vec<BasisColumn> =
            self.bent.iter().filter_map(|raw| of_raw(*raw)).flat_map(|at| bends(coded, basis, at)).collect();
        let pairs = self.paired.iter().filter_map(|[a, b]| Some([of_raw(*a)?, of_raw(*b)?]));
        let joints: Vec<BasisColumn> = pairs.flat_map(|pair| joint(coded, pair)).collect();
        basis.extend(bends);
        basis.extend(joints);
    }
}

impl Known {
    /// What a fit knows for the next one.
    pub(super) fn of(encoded: &Encoded, fits: &Fits) -> Self {
        let found = match &encoded.columns {
            Columns::Additive(shape) => Found::of(&shape.basis),
            Columns::Linear(_) => Found::default(),
        };
        Self { precisions: fits.precisions.clone(), found, params: None }
    }
}

impl<'a> Ground<'a> {
    fn screen(&self, coded: &'a Coded, control: &'a dyn Control) -> Screen<'a> {
        let n_folds = self.job.config.train.folds as u8;
        Screen { coded, fold: self.folds, n_folds, customer: &self.data.customer, control }
    }
}

impl Curves {
    /// Those of a published run; `Err` when its models do not share bins and terms.
    pub(crate) fn published(models: &[PublishedModel]) -> std::result::Result<Self, ()> {
        let additive = |model: &PublishedModel| match &model.model {
            Some(AnyModel::Additive(model)) => Some(model.clone()),
            _ => None,
        };
        let read: Vec<Option<AdditiveModel>> = models.iter().map(additive).collect();
        let first = read.iter().flatten().next().ok_or(())?.clone();
        let is_same = |model: &AdditiveModel| {
            model.bins == first.bins && model.model.terms == first.model.terms && model.shares == first.shares
        };
        let is_shared = read.iter().flatten().all(is_same);
        let is_only_kind = models.iter().zip(&read).all(|(model, read)| model.model.is_some() == read.is_some());
        if !is_shared || !is_only_kind {
            return Err(());
        }
        let AdditiveModel { bins, model, shares, .. } = first;
        let offers = read.into_iter().map(|model| model.map(|model| model.model)).collect();
        Ok(Self { bins, terms: model.terms, shares, offers })
    }

    /// The models of all offers as curves and maps.
    pub(super) fn new(shape: &Shape, offers: &[OfferModel]) -> Result<Self> {
        let Shape { coded, basis } = shape;
        let used = basis.used();
        let model = |offer: &OfferModel| match &offer.evidence {
            Evidence::Model(fit) => basis
                .model(&fit.beta, fit.intercept, coded)
                .map(Some)
                .map_err(|error| propensity_fault(&error, &offer.key)),
            Evidence::Rate => Ok(None),
        };
        let offers = offers.iter().map(model).collect::<Result<Vec<Option<Additive>>>>()?;
        Ok(Self {
            bins: coded.bins_of(&used),
            terms: offers.iter().flatten().next().map_or_else(Vec::new, |model| model.terms.clone()),
            shares: used.iter().map(|&feature| coded.shares(feature)).collect(),
            offers,
        })
    }
}
