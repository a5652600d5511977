"""What is said of predictions on rows that were not learned from, and of two programs' predictions on the same rows.

Folds are tests of their own: a figure is the mean over folds, its variance the sum of theirs over the square of their
number. What was learned stays as it is: an interval speaks of other rows, not of other training sets.
"""

import numpy as np

GROUPS = 20
DRAWS = 1000
SEED = 20260101
Z = 1.959964


def placements(y, p):
    """For each positive the share of the others it stands above, for each other the share of positives above it; equal
    predictions count half (DeLong, DeLong and Clarke-Pearson 1988)."""
    positive, other = np.sort(p[y == 1]), np.sort(p[y == 0])

    def share_below(values, of):
        return (np.searchsorted(of, values, "left") + np.searchsorted(of, values, "right")) / (2 * len(of))

    return share_below(p[y == 1], other), 1 - share_below(p[y == 0], positive)


def auc(y, p):
    return float(placements(y, p)[0].mean())


def auc_difference(folds, ours, theirs):
    """Mean over folds of our AUC less theirs, and its 95 % interval from the paired placements."""
    found, variance = [], 0.0
    for y, a, b in zip(folds, ours, theirs):
        (a1, a0), (b1, b0) = placements(y, a), placements(y, b)
        found.append(a1.mean() - b1.mean())
        variance += (a1 - b1).var(ddof=1) / len(a1) + (a0 - b0).var(ddof=1) / len(a0)
    return around(np.mean(found), np.sqrt(variance) / len(folds))


def losses(y, p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def loss_difference(folds, ours, theirs):
    """Mean over folds of our log loss less theirs, and its 95 % interval."""
    differences = [losses(y, a) - losses(y, b) for y, a, b in zip(folds, ours, theirs)]
    variance = sum(d.var(ddof=1) / len(d) for d in differences)
    return around(np.mean([d.mean() for d in differences]), np.sqrt(variance) / len(folds))


def around(value, error):
    return float(value), float(value - Z * error), float(value + Z * error)


def slope(y, p):
    """Slope of a logistic fit of `y` on the logit of `p`, with its 95 % interval: 1 where probabilities spread as they
    should."""
    p = np.clip(p, 1e-15, 1 - 1e-15)
    x = np.stack([np.ones_like(p), np.log(p) - np.log1p(-p)], axis=1)
    b = np.array([0.0, 1.0])
    for _ in range(50):
        mean = 1 / (1 + np.exp(-x @ b))
        hessian = (x * (mean * (1 - mean))[:, None]).T @ x
        step = np.linalg.solve(hessian, x.T @ (y - mean))
        b += step
        if np.abs(step).max() < 1e-10:
            break
    return around(b[1], np.sqrt(np.linalg.inv(hessian)[1, 1]))


def group_of(p):
    """Which of GROUPS equally large groups by predicted probability each row is in."""
    ranks = np.empty(len(p), dtype=np.int64)
    ranks[np.argsort(p, kind="stable")] = np.arange(len(p))
    return ranks * GROUPS // len(p)


def reliability(group, y, p, weights):
    """The reliability term of the Brier score, less what chance alone adds to it within groups (Bröcker 2012); one value
    for each column of `weights`."""
    total = np.zeros(weights.shape[1])
    for g in range(GROUPS):
        w = weights[group == g]
        n = np.maximum(w.sum(0), 2)
        mean_p, mean_y = p[group == g] @ w / n, y[group == g] @ w / n
        total += n / weights.sum(0) * ((mean_p - mean_y) ** 2 - mean_y * (1 - mean_y) / (n - 1))
    return total


def reliability_difference(y, ours, theirs):
    """Our reliability, and ours less theirs with the middle 95 % of resamples of the rows."""
    drawn = np.random.default_rng(SEED).poisson(1.0, size=(len(y), DRAWS)).astype(np.float32)
    weights = np.concatenate([np.ones((len(y), 1), dtype=np.float32), drawn], axis=1)
    a, b = (reliability(group_of(p), y, p, weights) for p in (ours, theirs))
    # A resample's groups hold some rows twice, which adds as much again to both.
    low, high = np.quantile(a[1:] - b[1:], [0.025, 0.975])
    return float(a[0]), (float(a[0] - b[0]), float(low), float(high))
