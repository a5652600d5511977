//! What one customer takes at given prices.

use super::Terms;
use super::market::{Class, Market};

/// Price of every offer for every class of customers, through the cheapest channel of the class.
#[derive(Clone, Debug)]
pub(super) struct Menu {
    n_offers: usize,
    /// Classes × offers; infinite where no channel is reached. Smoothed over the two cheapest channels.
    price: Vec<f64>,
    /// The cheapest channel, the first in order of preference among equals.
    first: Vec<u8>,
    /// The cheapest that uses other amounts of the limits; the first again where there is none.
    second: Vec<u8>,
    /// Share of the customers who come through the second, at most a half.
    share: Vec<f64>,
}

/// The larger of two values `gap` apart, smoothed over a width: what it adds to the larger, and the share of the smaller.
///
/// `a + (h − d)² ∕ 4h` for d < h is the Huber-smoothed maximum of a ≥ a − d: its slopes are the shares, 1 − w and w = (h − d) ∕ 2h, and its
/// curvature is 1 ∕ 2h.
pub(super) fn smoothed(gap: f64, width: f64) -> (f64, f64) {
    if gap >= width {
        return (0.0, 0.0);
    }
    let short = width - gap;
    (short * short / (4.0 * width), short / (2.0 * width))
}

impl Menu {
    /// `prices` a unit of each limit; `width` of the smoothing, 0 for none. What channels cost is in it.
    pub(super) fn new(market: &Market<'_>, prices: &[f64], width: f64) -> Self {
        Self::on_terms(market, &market.terms, prices, width)
    }

    /// The same as if all channels cost the same.
    pub(super) fn of_limits_alone(market: &Market<'_>, prices: &[f64]) -> Self {
        Self::on_terms(market, &Terms { costs: &[], ..market.terms }, prices, 0.0)
    }

    fn on_terms(market: &Market<'_>, terms: &Terms<'_>, prices: &[f64], width: f64) -> Self {
        let n_choices = market.n_choices();
        let price_of = |cell: usize| -> f64 {
            let uses = market.uses_of((cell / n_choices) as u16, cell % n_choices);
            uses.iter().zip(prices).map(|(&use_, price)| use_ as f64 * price).sum()
        };
        let all: Vec<f64> = (0..market.n_segments() * n_choices).map(price_of).collect();
        let is_same = |segment: u16, a: usize, b: usize| market.uses_of(segment, a) == market.uses_of(segment, b);
        Self::of_choices(terms, &market.classes, &all, &is_same, width)
    }

    /// The same from the price of every offer through every channel in every segment, to which what the channel costs is added.
    pub(super) fn of_choices(
        terms: &Terms<'_>,
        classes: &[Class],
        all: &[f64],
        is_same: &dyn Fn(u16, usize, usize) -> bool,
        width: f64,
    ) -> Self {
        let (n_offers, n_channels) = (terms.families.len(), terms.channels.len());
        let n = classes.len() * n_offers;
        let mut menu = Self {
            n_offers,
            price: vec![f64::INFINITY; n],
            first: vec![0; n],
            second: vec![0; n],
            share: vec![0.0; n],
        };
        for (position, class) in classes.iter().enumerate() {
            let of_segment = &all[usize::from(class.segment) * n_offers * n_channels..][..n_offers * n_channels];
            let extra: Vec<f64> = (0..n_channels).map(|channel| terms.extra(class.reach, channel)).collect();
            for offer in 0..n_offers {
                let base = offer * n_channels;
                let is_reached = |channel: &usize| class.reach.contains(terms.channels[*channel]);
                let reached = (0..n_channels).filter(is_reached).filter(|channel| terms.is_open(base + channel));
                let is_same = |a: usize, b: usize| is_same(class.segment, base + a, base + b);
                let prices: Vec<f64> =
                    of_segment[base..].iter().zip(&extra).map(|(price, extra)| price + extra).collect();
                menu.enter(position * n_offers + offer, reached, (&prices, &is_same), width);
            }
        }
        menu
    }

    fn enter(
        &mut self,
        cell: usize,
        reached: impl Iterator<Item = usize>,
        (prices, is_same): (&[f64], &dyn Fn(usize, usize) -> bool),
        width: f64,
    ) {
        let mut order: Vec<usize> = reached.collect();
        order.sort_by(|&a, &b| prices[a].total_cmp(&prices[b]));
        let Some(&first) = order.first() else { return };
        // A channel that uses the same amounts is no alternative.
        let second = order.iter().copied().find(|&channel| !is_same(first, channel)).unwrap_or(first);
        let (saved, share) =
            if second == first || width <= 0.0 { (0.0, 0.0) } else { smoothed(prices[second] - prices[first], width) };
        self.price[cell] = prices[first] - saved;
        self.share[cell] = share;
        self.first[cell] = first as u8;
        self.second[cell] = second as u8;
    }

    /// Classes × offers.
    pub(super) fn all(&self) -> &[f64] {
        &self.price
    }

    /// Prices of a class's offers.
    pub(super) fn row(&self, class: usize) -> &[f64] {
        &self.price[class * self.n_offers..(class + 1) * self.n_offers]
    }

    /// Position of the channel through which a class gets an offer.
    pub(super) fn best_channel(&self, class: usize, offer: u16) -> usize {
        usize::from(self.first[class * self.n_offers + usize::from(offer)])
    }

    /// The two channels of a class for an offer, and the share of the second.
    pub(super) fn channels(&self, class: usize, offer: usize) -> (usize, usize, f64) {
        let cell = class * self.n_offers + offer;
        (usize::from(self.first[cell]), usize::from(self.second[cell]), self.share[cell])
    }
}

/// An offer and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pick {
    pub(super) offer: u16,
    /// Value less price.
    pub(super) net: f64,
}

/// No offer.
pub(super) const NO_OFFER: u16 = u16::MAX;

/// What a customer takes at given prices, and what stands against it.
#[derive(Default)]
pub(super) struct Taken {
    /// The best `places` offers by value less price above 0, one a family, best first; ties go to the earlier offer.
    pub(super) picks: Vec<Pick>,
    /// For each pick the best that its family had beside it.
    beside: Vec<Pick>,
    /// The best of all other families.
    outside: Option<Pick>,
    places: usize,
}

impl Taken {
    /// Chooses for a customer of `class` out of `bids` (offers and values).
    pub(super) fn choose(
        &mut self,
        (menu, class): (&Menu, usize),
        families: &[u16],
        places: usize,
        bids: (&[u16], &[f32]),
    ) {
        self.picks.clear();
        self.beside.clear();
        self.outside = None;
        self.places = places;
        let prices = menu.row(class);
        if places == 1 {
            self.choose_one(prices, bids);
        } else if places > 1 {
            self.choose_several(prices, families, bids);
        }
    }

    /// With one place families do not matter: the best and the second best are all there is to know.
    fn choose_one(&mut self, prices: &[f64], (offers, values): (&[u16], &[f32])) {
        let nothing = Pick { offer: NO_OFFER, net: f64::NEG_INFINITY };
        let (mut best, mut second) = (nothing, nothing);
        for (&offer, &value) in offers.iter().zip(values) {
            let net = f64::from(value) - prices[usize::from(offer)];
            if net > second.net {
                let pick = Pick { offer, net };
                if net > best.net {
                    (best, second) = (pick, best);
                } else {
                    second = pick;
                }
            }
        }
        if best.net > 0.0 {
            self.picks.push(best);
            self.beside.push(second);
        } else if best.offer != NO_OFFER {
            self.outside = Some(best);
        }
    }

    fn choose_several(&mut self, prices: &[f64], families: &[u16], (offers, values): (&[u16], &[f32])) {
        let nets = || offers.iter().zip(values).map(|(&o, &value)| (o, f64::from(value) - prices[usize::from(o)]));
        for (offer, net) in nets().filter(|&(_, net)| net > 0.0) {
            self.enter(families, Pick { offer, net });
        }
        self.beside.resize(self.picks.len(), Pick { offer: NO_OFFER, net: f64::NEG_INFINITY });
        for (offer, net) in nets() {
            let family = families[usize::from(offer)];
            match self.picks.iter().position(|pick| families[usize::from(pick.offer)] == family) {
                Some(at) if self.picks[at].offer == offer => {}
                Some(at) if net > self.beside[at].net => self.beside[at] = Pick { offer, net },
                None if self.outside.is_none_or(|rest| net > rest.net) => self.outside = Some(Pick { offer, net }),
                _ => {}
            }
        }
    }

    /// Keeps the best of each family, and of those the best `places`.
    fn enter(&mut self, families: &[u16], pick: Pick) {
        let (picks, family) = (&mut self.picks, families[usize::from(pick.offer)]);
        if let Some(same) = picks.iter().position(|other| families[usize::from(other.offer)] == family) {
            if picks[same].net >= pick.net {
                return;
            }
            picks.remove(same);
        } else if picks.len() >= self.places {
            if picks.last().is_none_or(|last| last.net >= pick.net) {
                return;
            }
            picks.pop();
        }
        let at = picks.partition_point(|other| other.net >= pick.net);
        picks.insert(at, pick);
    }

    /// Calls `each` with what is taken, the best that could stand in its place, and the gap between them; [`NO_OFFER`] for nothing.
    pub(super) fn alternatives(&self, mut each: impl FnMut(u16, u16, f64)) {
        let is_full = self.picks.len() == self.places;
        for (at, pick) in self.picks.iter().enumerate() {
            // Only the last of a full set yields to another family: the others would first give way to it.
            let outside = self.outside.filter(|_| is_full && at + 1 == self.picks.len());
            let mut best = Pick { offer: NO_OFFER, net: 0.0 };
            for rest in [Some(self.beside[at]), outside].into_iter().flatten() {
                if rest.net > best.net {
                    best = rest;
                }
            }
            each(pick.offer, best.offer, pick.net - best.net);
        }
        if let Some(outside) = self.outside.filter(|_| !is_full) {
            each(NO_OFFER, outside.offer, -outside.net);
        }
    }
}
