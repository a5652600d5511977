"""The table of mean AUC and hits at three."""

from datetime import date

import numpy as np
import polars as pl

import measures
import programs
import rows as rows_of

PEER_KEY = {"household_id": "household", "product_category": "offer", "p": "peer"}


def print_table(options, directory):
    lines = rows_of.bought(options.tables)
    offered = programs.offered()
    truth = rows_of.rows(lines, offered)
    table, columns = predicted(options, directory, truth, offered)
    households = measures.Households(table["household"])
    counts = table.group_by("as_of", maintain_order=True).agg(pl.len(), pl.col("y").sum())
    print("rows and takes by test: " + ", ".join(f"{day} {n} {y}" for day, n, y in counts.iter_rows()))
    print("single columns: " + "; ".join(columns), flush=True)
    ranked = ["osusume", "column (hindsight)", "column (earlier)", "peer"]
    compare(table, "mean AUC", measures.mean_auc, ranked, households)
    compare(table, "hits at three", measures.hits_at_three, ["osusume", "peer", "popularity"], households)


def predicted(options, directory, truth, offered):
    """The rows that every method predicts, with a column a method; and the names of the single columns."""
    ours, peers = [], []
    for day in rows_of.TESTS:
        known = rows_of.known_by(day)
        run = programs.run_as_of(options.binary, options.tables, directory / "runs", day, known)
        ours.append(rows_of.scores(run, offered))
        found, features = programs.peer_predictions(options.peer, options.tables, day, known[-1], directory)
        peer = pl.read_parquet(found).rename(PEER_KEY).with_columns(as_of=pl.lit(day))
        peers.append(peer.select(*rows_of.KEY, "peer"))
    tests = truth.filter(pl.col("as_of").is_in(rows_of.TESTS))
    table = tests.join(rows_of.popularity(truth), on=["as_of", "offer"])
    for found in (ours, peers):
        table = table.join(pl.concat(found), on=rows_of.KEY)
    print(f"rows of households and offers: {len(tests)}; predicted by both programs: {len(table)}")
    later = programs.run_as_of(options.binary, options.tables, directory / "runs", date(2018, 1, 1), rows_of.FIRST_OF)
    differing = rows_of.differing_labels(truth, later, offered)
    print(f"labels: {len(truth)}, of which osusume makes something else of the same tables: {differing}")
    features = pl.read_parquet(features).rename(PEER_KEY, strict=False).with_columns(pl.col("as_of").cast(pl.Date))
    both = features.join(rows_of.features(later), on=["as_of", "household"])
    return single_columns(table.sort(rows_of.KEY), truth, both)


def single_columns(table, truth, features):
    """Ranks every offer by one and the same raw column of either program: by the one that turns out best on the test,
    and by the one that was best on the dates known by then."""
    names = [name for name in features.columns if name not in ("household", "as_of")]
    # An absent value counts as nothing, as it does for the peer.
    features = features.with_columns(pl.col(names).cast(pl.Float64).fill_null(0).fill_nan(0))
    parts, chosen = [], []
    for day in rows_of.TESTS:
        test = table.filter(pl.col("as_of") == day)
        hindsight = best_column(test, features, names)
        earlier = best_column(truth.filter(pl.col("as_of").is_in(rows_of.known_by(day))), features, names)
        ranked = test.join(features, on=["as_of", "household"])
        for (name, sign), method in ((hindsight, "column (hindsight)"), (earlier, "column (earlier)")):
            ranked = ranked.with_columns((sign * pl.col(name)).alias(method))
        parts.append(ranked.select(*table.columns, "column (hindsight)", "column (earlier)"))
        chosen.append(f"{day} {signed(hindsight)} in hindsight, {signed(earlier)} by earlier dates")
    return pl.concat(parts).sort(rows_of.KEY), chosen


def best_column(truth, features, names):
    """The column with the highest mean AUC over dates and offers, and whether high (1) or low values (−1) come first."""
    joined = truth.join(features, on=["as_of", "household"])
    groups = [group for _, group in joined.group_by("as_of", "offer", maintain_order=True)]
    weight = [np.ones((len(group), 1)) for group in groups]

    def auc(name):
        scored = [(group[name].to_numpy(), group["y"].to_numpy(), ones) for group, ones in zip(groups, weight)]
        return np.mean([measures.weighted_auc(*rows)[0] for rows in scored])

    found = {name: auc(name) for name in names}
    best = max(names, key=lambda name: abs(found[name] - 0.5))
    return best, 1 if found[best] > 0.5 else -1


def signed(column):
    name, sign = column
    return name if sign > 0 else f"−{name}"


def compare(table, title, measure, methods, households):
    """One line a method: the measure at each test and over all of them, and what ours is above it."""
    found = {method: measure(table, method, households) for method in methods}
    tests = table["as_of"].unique(maintain_order=True)
    print(f"\n{title:<20}" + "".join(f"{day!s:>12}" for day in tests) + "        mean   osusume above it [95 %]")
    ours = found["osusume"].mean(0)
    for method, values in found.items():
        row = f"{method:<20}" + "".join(f"{value:12.4f}" for value in values[:, 0]) + f"{values[:, 0].mean():12.4f}"
        if method != "osusume":
            difference = ours - values.mean(0)
            low, high = measures.interval(difference)
            row += f"   {difference[0]:+.4f} [{low:+.4f}, {high:+.4f}]"
        print(row)
