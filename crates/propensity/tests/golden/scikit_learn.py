"""Writes scikit_learn.csv: what scikit-learn finds on the problem that `tests/it/support.rs` draws.

usage: python scikit_learn.py > scikit_learn.csv      (numpy, scikit-learn 1.9)

A line a penalty: λ, share of L1, then the coefficients and the intercept.
"""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

ROWS, COLUMNS, SEED = 400, 6, 21
MASK = (1 << 64) - 1


class Noise:
    """The generator of `support.rs`."""

    def __init__(self, seed):
        self.state = (seed * 0x9E3779B97F4A7C15 & MASK) | 1

    def unit(self):
        s = self.state
        s ^= s << 13 & MASK
        s ^= s >> 7
        s ^= s << 17 & MASK
        self.state = s
        return (s >> 11) / (1 << 53)

    def normal(self):
        return sum(self.unit() for _ in range(12)) - 6.0


def problem():
    noise = Noise(SEED)
    x = np.array([noise.normal() for _ in range(ROWS * COLUMNS)], dtype=np.float32).reshape(ROWS, COLUMNS).astype(float)
    beta = [0.8 / (j + 1) * (1 if j % 2 == 0 else -1) for j in range(COLUMNS)]
    noise = Noise(SEED ^ 0xABCD)
    y = [noise.unit() < 1 / (1 + np.exp(-(-0.5 + sum(v * b for v, b in zip(row, beta))))) for row in x]
    return x, np.array(y)


def main():
    warnings.filterwarnings("ignore")
    x, y = problem()
    for penalty, l1_share in [(0.1, 0.0), (0.001, 0.0), (0.05, 1.0), (0.01, 1.0), (0.05, 0.5), (0.01, 0.2)]:
        model = LogisticRegression(C=1 / (penalty * ROWS), l1_ratio=l1_share, solver="saga", tol=1e-13, max_iter=1_000_000)
        model.fit(x, y)
        print(",".join(repr(float(v)) for v in [penalty, l1_share, *model.coef_[0], model.intercept_[0]]))


if __name__ == "__main__":
    main()
