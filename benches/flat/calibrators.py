"""What other calibrators would make of the same predictions.

Rows of a test are dealt into halves, a calibrator is fitted on one and measured on the other, both ways and several times over. Platt
is a line in log-odds. Beta adds a second slope, for log-odds below zero another than above (Kull, Silva Filho and Flach, AISTATS 2017):
with η the log-odds, a η + m softplus(η) + c, both ends rising. Isotonic is any rising step function (pooled adjacent violators), its
steps drawn toward the rate by half a row so that none says never.
"""

import numpy as np

REPEATS = 10
SEED = 20260102


def platt(eta, y):
    fitted = newton(np.stack([eta, np.ones_like(eta)], 1), y, np.array([1.0, 0.0]))
    return lambda eta: fitted[0] * eta + fitted[1]


def beta(eta, y):
    def columns(eta):
        return np.stack([eta, np.logaddexp(0, eta), np.ones_like(eta)], 1)

    fitted = newton(columns(eta), y, np.array([1.0, 0.0, 0.0]))
    if fitted[0] <= 0 or fitted[0] + fitted[1] <= 0:
        return platt(eta, y)
    return lambda eta: columns(eta) @ fitted


def isotonic(eta, y):
    from sklearn.isotonic import IsotonicRegression

    steps = IsotonicRegression(out_of_bounds="clip").fit(eta, y)
    n = len(y)
    return lambda eta: logit((steps.predict(eta) * n + 0.5 * y.mean()) / (n + 0.5))


def logit(p):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def newton(x, y, b):
    def loss(b):
        z = x @ b
        return (np.logaddexp(0, z) - y * z).sum()

    for _ in range(100):
        mean = 1 / (1 + np.exp(-x @ b))
        hessian = (x * (mean * (1 - mean))[:, None]).T @ x + 1e-9 * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, x.T @ (y - mean))
        while loss(b + step) > loss(b) and np.abs(step).max() > 1e-9:
            step = step / 2
        b = b + step
        if np.abs(step).max() < 1e-9:
            break
    return b


KINDS = {"platt": platt, "beta": beta, "isotonic": isotonic}


def held_out(y, p):
    """By calibrator, the mean log loss of rows it was not fitted on."""
    eta, draw = logit(p), np.random.default_rng(SEED)
    found = {name: [] for name in KINDS}
    for _ in range(REPEATS):
        half = draw.permutation(len(y)) % 2 == 0
        for name, kind in KINDS.items():
            total = 0.0
            for learn in (half, ~half):
                z = kind(eta[learn], y[learn])(eta[~learn])
                total += (np.logaddexp(0, z) - y[~learn] * z).sum()
            found[name].append(total / len(y))
    return {name: float(np.mean(values)) for name, values in found.items()}
