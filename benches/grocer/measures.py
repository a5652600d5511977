"""Mean AUC and hits at three of several methods on the same rows.

Every method gets the same resamples of households, so that differences are paired. What was learned stays as it is: an
interval speaks of other households at these tests, not of other years.
"""

import numpy as np
import polars as pl

DRAWS = 2000
SEED = 20171101


class Households:
    """Resamples of the households: `weights[h, b]` is how often household `h` stands in resample `b`; the first is the
    sample itself."""

    def __init__(self, ids):
        self.position = {household: i for i, household in enumerate(sorted(set(ids)))}
        n = len(self.position)
        drawn = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=DRAWS).T
        self.weights = np.concatenate([np.ones((n, 1)), drawn], axis=1)

    def of(self, ids):
        return self.weights[[self.position[household] for household in ids]]


def weighted_auc(score, y, weights):
    """AUC of one offer in every resample; equal scores count half."""
    order = np.argsort(score, kind="stable")
    score, y, weights = score[order], y[order], weights[order]
    first = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    takes = np.add.reduceat(weights * y[:, None], first)
    others = np.add.reduceat(weights * (1 - y)[:, None], first)
    below = np.cumsum(others, axis=0) - others / 2
    with np.errstate(invalid="ignore"):
        return (takes * below).sum(0) / (takes.sum(0) * others.sum(0))


def mean_auc(rows, method, households):
    """By test, the mean over offers of the AUC in every resample: an array of tests × resamples."""
    found = []
    for _, test in rows.group_by("as_of", maintain_order=True):
        aucs = [
            weighted_auc(offer[method].to_numpy(), offer["y"].to_numpy(), households.of(offer["household"]))
            for _, offer in test.group_by("offer", maintain_order=True)
        ]
        found.append(np.nanmean(aucs, axis=0))
    return np.array(found)


def hits_at_three(rows, method, households):
    """By test, the share of all takes that are among their household's first three offers: tests × resamples."""
    found = []
    for _, test in rows.group_by("as_of", maintain_order=True):
        ranked = test.sort(["household", method, "offer"], descending=[False, True, False])
        first = pl.int_range(pl.len()).over("household") < 3
        hits = pl.col("y").filter(first).sum().alias("hits")
        counts = ranked.group_by("household", maintain_order=True).agg(hits, pl.col("y").sum())
        weights = households.of(counts["household"])
        found.append(counts["hits"].to_numpy() @ weights / (counts["y"].to_numpy() @ weights))
    return np.array(found)


def interval(values):
    """The middle 95 % of the resamples; the first value is the sample's own."""
    return np.quantile(values[1:], [0.025, 0.975])
