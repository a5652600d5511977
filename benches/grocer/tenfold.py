"""The grocer's tables with more households: copies under new ids, each with its own days and its own gaps."""

from datetime import datetime

import numpy as np
import polars as pl

SEED = 10
LEFT_OUT = 0.1
COLUMNS = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
YEAR = (datetime(2017, 1, 1), datetime(2017, 12, 31, 23, 59, 59))


def write(tables, times, out):
    """Writes the three tables into `out`; the first copy is the original."""
    lines = pl.read_parquet(tables / "transactions.parquet", columns=COLUMNS)
    households = pl.read_parquet(tables / "demographics.parquet")
    step = {name: 10 ** len(str(lines[name].max())) for name in ("household_id", "basket_id")}
    copies = [lines, *(_copy(lines, step, i) for i in range(1, times))]
    pl.concat(copies).sort("transaction_timestamp").write_parquet(out / "transactions.parquet")
    renamed = [households.with_columns(_renamed(households, step["household_id"], i)) for i in range(times)]
    pl.concat(renamed).write_parquet(out / "demographics.parquet")
    (out / "products.parquet").symlink_to((tables / "products.parquet").resolve())


def _renamed(households, step, i):
    """The ids of copy `i`, in the type the table has them in."""
    kind = households["household_id"].dtype
    return (pl.col("household_id").cast(pl.Int64) + i * step).cast(kind)


def _copy(lines, step, i):
    """A copy whose baskets lie up to a day earlier or later, and which lacks a tenth of the lines."""
    random = np.random.default_rng([SEED, i])
    baskets = lines.select("basket_id").unique(maintain_order=True)
    baskets = baskets.with_columns(shift=pl.Series(random.integers(-86_400, 86_400, len(baskets))))
    kept = lines.filter(pl.Series(random.random(len(lines)) >= LEFT_OUT)).join(baskets, on="basket_id")
    at = pl.col("transaction_timestamp")
    moved = (at + pl.duration(seconds="shift")).clip(*YEAR).cast(lines.schema["transaction_timestamp"])
    ids = [pl.col(name) + i * size for name, size in step.items()]
    return kept.with_columns(*ids, moved).select(COLUMNS)
