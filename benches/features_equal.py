"""Compares two tables of features column by column; amounts may differ by what a sum of doubles rounds.

usage: python benches/features_equal.py OURS.parquet THEIRS.parquet
"""
import sys

import polars as pl

KEYS = ["household_id", "as_of"]


def read(path):
    table = pl.read_parquet(path).with_columns(pl.col("as_of").cast(pl.Datetime("us")))
    return table.select(pl.col("household_id"), pl.col("as_of"), pl.exclude(KEYS).cast(pl.Float64)).sort(KEYS)


def main():
    ours, theirs = (read(path) for path in sys.argv[1:3])
    columns = [name for name in theirs.columns if name not in KEYS]
    assert set(ours.columns) == set(theirs.columns), set(ours.columns) ^ set(theirs.columns)
    assert ours.select(KEYS).equals(theirs.select(KEYS)), "other households or dates"
    worst = 0.0
    for name in columns:
        a, b = ours[name], theirs[name]
        assert (a.is_null() == b.is_null()).all(), f"{name}: absent elsewhere"
        if not name.startswith(("sum", "mean", "max", "dep")):
            assert (a.drop_nulls() == b.drop_nulls()).all(), f"{name}: differs"
            continue
        gap = ((a - b).abs() / (1.0 + b.abs())).max()
        assert gap < 1e-9, f"{name}: differs by {gap}"
        worst = max(worst, gap)
    print(f"equal: {len(columns)} columns, {len(ours)} rows; largest relative difference of an amount {worst:.1e}")


main()
