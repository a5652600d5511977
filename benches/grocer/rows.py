"""What can be predicted, from the raw tables alone: who could be offered what on a day, and who took it."""

import json
from datetime import date, datetime, time, timedelta

import polars as pl
import polars.selectors as cs

FIRST_OF = [date(2017, month, 1) for month in range(7, 13)]
TESTS = FIRST_OF[3:]
NOT_BOUGHT, HORIZON = timedelta(days=182), timedelta(days=28)
KEY = ["as_of", "household", "offer"]


def known_by(day):
    """The dates whose four weeks had passed on that day: what there is to learn from then."""
    return [first for first in FIRST_OF if first + HORIZON <= day]


def bought(tables):
    """Every purchase: household, at, offer (the category, may be null). A line of no pieces is no purchase."""
    category = pl.scan_parquet(tables / "products.parquet").select("product_id", offer="product_category")
    lines = pl.scan_parquet(tables / "transactions.parquet").filter(pl.col("quantity") > 0)
    named = lines.select("product_id", household="household_id", at="transaction_timestamp")
    return named.join(category, on="product_id", how="left").drop("product_id").collect()


def rows(lines, offered):
    """One row a date, household that had bought anything, and offer it had not bought for 182 days; `y`: bought within
    28 days."""
    return pl.concat([_rows_of(lines, offered, day) for day in FIRST_OF]).sort(KEY)


def _until(lines, day):
    return lines.filter(pl.col("at") < datetime.combine(day, time()))


def _rows_of(lines, offered, day):
    pairs = _until(lines, day).select("household").unique().join(pl.DataFrame({"offer": offered}), how="cross")

    def within(start, end):
        inside = _until(lines, end).filter(pl.col("at") >= datetime.combine(start, time()))
        return inside.select("household", "offer").unique()

    eligible = pairs.join(within(day - NOT_BOUGHT, day), on=["household", "offer"], how="anti")
    took = within(day, day + HORIZON).with_columns(y=pl.lit(1, pl.Int8))
    labeled = eligible.join(took, on=["household", "offer"], how="left").with_columns(pl.col("y").fill_null(0))
    return labeled.select(pl.lit(day).alias("as_of"), "household", "offer", "y")


def differing_labels(truth, run, offered):
    """How many of the rows that a run learned from are not in `truth` with the same label, or the other way round."""
    codes = {f"label_{i:03}": name for i, name in enumerate(offered)}
    labels = _training(run, list(codes)).rename(codes)
    long = labels.unpivot(on=offered, index=["as_of", "household"], variable_name="offer", value_name="code")
    # 3 is no take, 4 a take; the rest could not be offered.
    theirs = long.filter(pl.col("code") >= 3).with_columns(y=(pl.col("code") == 4).cast(pl.Int8))
    return len(theirs.join(truth, on=[*KEY, "y"], how="anti")) + len(truth.join(theirs, on=[*KEY, "y"], how="anti"))


def features(run):
    """The numeric features of the rows that a run learned from: as_of, household, and one column a feature."""
    dictionary = json.loads((run / "features/dictionary.json").read_text())
    table = _training(run, [feature["name"] for feature in dictionary["features"]])
    return table.select("as_of", "household", cs.numeric() - cs.by_name("household"))


def _training(run, columns):
    customer = pl.read_parquet(run / "tables/customer_index.parquet").with_row_index("customer")
    table = pl.read_parquet(run / "features/training.parquet", columns=["customer", "as_of", *columns])
    named = table.join(customer, on="customer").with_columns(household=pl.col("customer_id").cast(pl.Int64))
    return named.select("as_of", "household", *columns)


def scores(run, offered):
    """The propensities of a run: as_of, household, offer, osusume."""
    wide = pl.read_parquet(run / "scores.parquet").drop_nulls("propensity")
    long = wide.with_columns(pl.lit(offered).alias("offer")).explode("propensity", "offer")
    return long.select("as_of", "offer", household=pl.col("customer_id").cast(pl.Int64), osusume="propensity")


def popularity(truth):
    """What is likeliest to be taken, whoever it is offered: the share of takes in the rows known by each test."""
    found = []
    for day in TESTS:
        learned = truth.filter(pl.col("as_of").is_in(known_by(day)))
        rates = learned.group_by("offer").agg(pl.col("y").mean().alias("popularity"))
        found.append(rates.select(pl.lit(day).alias("as_of"), "offer", "popularity"))
    return pl.concat(found)
