"""The linear program of `--example capacity` by HiGHS: value and seconds, to compare with ours.

    python benches/capacity_peer.py [CUSTOMERS] [OFFERS]

Wants NumPy and SciPy. The bids, channels and limits are those of crates/decide/examples/capacity.rs.
"""
import sys
import time

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix


def uniform(i):
    with np.errstate(over="ignore"):
        z = i * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(float) / 2.0**53


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    n_offers = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    cell = np.arange(n * n_offers, dtype=np.uint64)
    customer, offer = (cell // np.uint64(n_offers)).astype(int), (cell % np.uint64(n_offers)).astype(int)
    taste, need = uniform(np.arange(n, dtype=np.uint64))[customer], uniform(np.uint64(n) + cell)
    value = (1000 * taste * need * need * (1 + (offer % 7) / 7)).astype(np.float32).astype(float)
    reach = np.array([0b111, 0b110, 0b011, 0b100])[customer % 4]
    parts = [np.nonzero(reach & (1 << c))[0] for c in range(3)]
    at = np.concatenate(parts)
    channel = np.concatenate([np.full(len(part), c) for c, part in enumerate(parts)])
    rows = [(offer[at] == o).astype(float) for o in range(9)]
    bounds = [n // 60 + n * o // 500 for o in range(9)]
    rows += [(channel == 0).astype(float), (channel == 1).astype(float), np.array([300.0, 60.0, 1.0])[channel]]
    bounds += [n // 20, n // 8, 20 * n]
    rows.append(-(offer[at] == 8).astype(float))
    bounds.append(-(n // 100))
    index = [np.full(np.count_nonzero(row), k) for k, row in enumerate(rows)]
    columns = [np.nonzero(row)[0] for row in rows]
    entries = [row[np.nonzero(row)[0]] for row in rows]
    index.append(len(rows) + customer[at])
    columns.append(np.arange(len(at)))
    entries.append(np.ones(len(at)))
    matrix = coo_matrix(
        (np.concatenate(entries), (np.concatenate(index), np.concatenate(columns))), shape=(len(rows) + n, len(at))
    ).tocsr()
    start = time.perf_counter()
    found = linprog(-value[at], A_ub=matrix, b_ub=np.concatenate([bounds, np.ones(n)]), bounds=(0, None), method="highs")
    print(f'{{"customers": {n}, "offers": {n_offers}, "value": {-found.fun:.4f}, "seconds": {time.perf_counter() - start:.1f}}}')


if __name__ == "__main__":
    main()
