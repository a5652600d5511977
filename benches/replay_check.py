"""Replays what published runs decided from the files beside them, and counts what breaks a limit, a consent or a hold.

    python benches/replay_check.py runs PIPELINE.toml [RUN ...]
    python benches/replay_check.py years --worlds isp saas --customers 50000 --months 12

`runs` checks the published runs of a pipeline against the tables as they are now. `years` simulates: a company is made, run, its
offers reach the customers who answer, a month passes, and the next run is made on the tables as they then stand; each run is checked
at once. No code is shared with the program: this file reads CSV and Parquet with Polars and knows the rules from their description.

Counted are decisions (customers x offers). A violation is a row of the offer table (or of the holdout's shadow table) that a consent,
a limit, a hold, the ladder, a prerequisite, an exclusion, a capacity, the places of a customer or a family, or the holdout forbids.
A disagreement is any other decision that names a rule which does not hold, or none where one holds. Rules that this file does not
know (declared ones) are counted apart. Exit code 1 when there is a violation or a disagreement.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

ROOT = Path(__file__).resolve().parents[1]
FIRST = date(2026, 10, 1)
# The metrics that pipelines ask for by name come first, so the others are thinned.
USAGE_ROWS_A_CUSTOMER = 60
RULES = ["no_consent", "higher_tier_held", "already_held", "ladder_step", "prerequisite", "excluded", "contact_limit",
         "hold_after_complaint", "hold_after_purchase"]
OPEN = "open"
# Words of decisions that no rule stands behind.
UNDECIDED = ["below_threshold", "outranked", "no_capacity", "not_scored", "household_limit", "not_drawn",
             "harmful"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("runs")
    runs.add_argument("pipeline", type=Path)
    runs.add_argument("run", nargs="*")
    years = verbs.add_parser("years")
    years.add_argument("--worlds", nargs="+", default=["isp"])
    years.add_argument("--customers", type=int, default=50_000)
    years.add_argument("--months", type=int, default=12)
    years.add_argument("--seed", type=int, default=101)
    years.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    options = parser.parse_args()
    total = Count()
    if options.verb == "runs":
        runs_dir = options.pipeline.resolve().parents[1] / "runs" / tomllib.loads(options.pipeline.read_text())["pipeline"]["name"]
        for run in sorted(path for path in runs_dir.iterdir() if (path / "offers.parquet").exists()):
            if not options.run or run.name in options.run:
                total.add(check(options.pipeline, run), run.name)
    else:
        for world in options.worlds:
            for count, name in year(options, world):
                total.add(count, f"{world} {name}")
    print(f"\n{total.decisions:,} decisions, {total.rows:,} offers: {total.violations:,} violations, {total.disagreements:,} disagreements, "
          f"{total.unknown:,} by rules not recounted here")
    sys.exit(1 if total.violations or total.disagreements else 0)


class Count:
    def __init__(self):
        self.decisions = self.rows = self.violations = self.disagreements = self.unknown = 0
        self.what = {}

    def broke(self, what, number):
        self.violations += number
        if number:
            self.what[what] = self.what.get(what, 0) + number

    def add(self, other, name):
        for key in ("decisions", "rows", "violations", "disagreements", "unknown"):
            setattr(self, key, getattr(self, key) + getattr(other, key))
        print(f"{name}: {other.decisions:,} decisions, {other.rows:,} offers, {other.violations:,} violations, "
              f"{other.disagreements:,} disagreements{' ' + json.dumps(other.what) if other.what else ''}", flush=True)


def year(options, world):
    """Runs of one company month by month, each on what the offers before it made of the company."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "pipelines").mkdir()
        pipeline = place / f"pipelines/{world}.toml"
        shutil.copy(ROOT / f"pipelines/{world}.toml", pipeline)
        tables, sent = place / "data" / world, place / "sent.parquet"
        day = FIRST
        for _ in range(options.months):
            size = ["--customers", options.customers, "--seed", options.seed, "--events", options.customers * USAGE_ROWS_A_CUSTOMER, "--out", tables]
            call(options.binary, "synth", world, *size, "--until", day, *(["--offers", sent] if sent.exists() else []))
            call(options.binary, "run", pipeline, "--as-of", day)
            (run,) = (path for path in (place / "runs" / world).iterdir() if path.name.startswith(str(day)))
            yield check(pipeline, run), run.name
            offers = pl.read_parquet(run / "offers.parquet").select("customer_id", "as_of", "rank", "offer")
            if sent.exists():
                offers = pl.concat([pl.read_parquet(sent), offers])
            offers.write_parquet(sent)
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def call(binary, *arguments):
    done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")


# --- the tables ---------------------------------------------------------------------------------------------------------------


class Tables:
    """The sources of a pipeline file, with its names for their columns, as they were known on the run's day."""

    def __init__(self, pipeline, as_of):
        self.config = tomllib.loads(pipeline.read_text())
        self.base, self.as_of = pipeline.resolve().parent, as_of
        self.zone = ZoneInfo(self.config["pipeline"].get("time_zone", "UTC"))
        self.now = self.midnight(as_of)

    def midnight(self, day):
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(ZoneInfo("UTC"))

    def of_role(self, role):
        return [source for source in self.config["sources"].values() if source["role"] == role]

    def read(self, source, *wanted):
        path = (self.base / source["path"]).resolve()
        columns = {theirs: ours for ours, theirs in source["columns"].items() if ours in wanted}
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=0)
        return table.select([pl.col(theirs).alias(ours) for theirs, ours in columns.items()])

    def instants(self, table, *names):
        """Times as UTC instants; a date alone is its midnight in the pipeline's zone."""
        def instant(name):
            text = pl.col(name)
            dated = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone(str(self.zone)).dt.convert_time_zone("UTC")
            timed = text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us").dt.replace_time_zone("UTC")
            return pl.coalesce(timed, dated).alias(name)
        return table.with_columns([instant(name) for name in names if name in table.columns])

    def days_since(self, name):
        local = pl.col(name).dt.convert_time_zone(str(self.zone)).dt.date()
        return (pl.lit(self.as_of) - local).dt.total_days()

    # What is known of customers, one table each.

    def consents(self, channels, purpose):
        """The first channel is not chosen here: all that may be used."""
        (source,) = self.of_role("consents")
        table = self.instants(self.read(source, "customer", "channel", "purpose", "allowed", "at"), "at")
        table = table.filter(pl.col("channel").is_in(channels) & (pl.col("purpose") == purpose))
        refused = pl.col("allowed").is_in(["no", "false", "0"])
        table = table.with_columns(refused=refused).filter(pl.col("refused") | (pl.col("at") < self.now))
        newest = table.sort("at", "refused").unique(["customer", "channel"], keep="last", maintain_order=True)
        return newest.filter(~pl.col("refused")).select("customer", "channel")

    def contacts(self, days):
        found = []
        for source in self.of_role("contacts"):
            table = self.instants(self.read(source, "customer", "at", "arm", "arrived"), "at", "arrived")
            table = table.filter((pl.col("at") >= self.midnight(self.as_of - timedelta(days=days))) & (pl.col("at") < self.now))
            found.append(table.filter((pl.col("arrived") < self.now) & (pl.col("arm") != "control")).select("customer"))
        return pl.concat(found).group_by("customer").agg(contacts=pl.len())

    def complaints(self):
        found = []
        for source in self.of_role("voice"):
            table = self.instants(self.read(source, "customer", "at", "arrived"), "at", "arrived")
            table = table.filter((pl.col("at") < self.now) & (pl.col("arrived") < self.now))
            found.append(table.select("customer", complained=self.days_since("at")))
        return pl.concat(found).group_by("customer").agg(pl.col("complained").min())

    def holdings(self, products):
        (source,) = self.of_role("holdings")
        table = self.instants(self.read(source, "customer", "product", "start", "end", "start_arrived", "end_arrived"),
                              "start", "end", "start_arrived", "end_arrived")
        table = table.filter((pl.col("start") < self.now) & (pl.col("start_arrived") < self.now))
        known = pl.when(pl.coalesce("end_arrived", "end") < self.now).then(pl.col("end"))
        return table.with_columns(end=known).join(products, on="product")

    def bought(self, holdings):
        """Days since something began that does not go on from the same product's end of the same day."""
        ends = holdings.filter(pl.col("end").is_not_null() & (pl.col("end") > pl.col("start")))
        ends = ends.select("customer", "stands_for", ended="end", began="start")
        starts = holdings.select("customer", "stands_for", "start").unique()
        pairs = starts.join(ends, on=["customer", "stands_for"])
        near = (pl.col("ended") - pl.col("start")).dt.total_seconds().abs() <= 86_400
        continued = pairs.filter(near & (pl.col("began") < pl.col("start"))).select("customer", "stands_for", "start").unique()
        fresh = starts.join(continued, on=["customer", "stands_for", "start"], how="anti")
        days = [fresh.select("customer", bought=self.days_since("start"))]
        for source in self.of_role("purchases"):
            table = self.instants(self.read(source, "customer", "at", "quantity", "arrived"), "at", "arrived")
            table = table.filter((pl.col("at") < self.now) & (pl.col("arrived") < self.now) & (pl.col("quantity").cast(pl.Float64) > 0))
            days.append(table.select("customer", bought=self.days_since("at")))
        return pl.concat(days).group_by("customer").agg(pl.col("bought").min())


def catalogue(tables):
    """Products with what they stand for, their family and tier, and the offers that follow from them."""
    (source,) = tables.of_role("products")
    table = tables.read(source, "product", "family", "tier", "requires", "excludes", "replaces").with_columns(pl.col("tier").cast(pl.Int64))
    rows = {row["product"]: row for row in table.iter_rows(named=True)}
    names = lambda row, key: [name for name in (row.get(key) or "").split("|") if name]
    successor = {old: new for new, row in rows.items() for old in names(row, "replaces")}
    stands_for = {}
    for product in rows:
        end = product
        while end in successor:
            end = successor[end]
        stands_for[product] = end
    products = pl.DataFrame([
        {"product": p, "stands_for": s, "family": rows[s]["family"], "tier": rows[s]["tier"]} for p, s in stands_for.items()])
    offers = tables.config["offers"]
    kinds = {kind: offers.get(kind, {}).get("families", []) for kind in ("upsell", "cross_sell")}
    families = {row["family"] for row in rows.values()}
    found = {}
    for product, row in rows.items():
        if product in successor:
            continue
        lower = [r["tier"] for p, r in rows.items() if r["family"] == row["family"] and p not in successor and r["tier"] < row["tier"]]
        found[product] = {
            "family": row["family"], "tier": row["tier"], "lower": max(lower, default=0), "is_step": bool(lower) and row["family"] in kinds["upsell"],
            "requires": [name for name in names(row, "requires") if name in families],
            "not_families": [name for name in names(row, "excludes") if name in families],
            "not_products": [name for name in names(row, "excludes") if name not in families]}
    return products, found


# --- one run ------------------------------------------------------------------------------------------------------------------


def check(pipeline, run):
    offers = pl.concat([pl.read_parquet(run / name).with_columns(arm=pl.lit(arm))
                        for name, arm in (("offers.parquet", "offer"), ("shadow.parquet", "holdout"))])
    decisions = pl.read_parquet(run / "decisions.parquet")
    as_of = date.fromisoformat(run.name[:10])
    tables = Tables(pipeline, as_of)
    keys = pl.read_parquet_metadata(run / "scores.parquet")["offers"].split("\n")
    people = state(tables, run, decisions)
    count = Count()
    count.decisions, count.rows = decisions.height * len(keys), offers.height
    products, known_offers = catalogue(tables)
    tiers = held(tables, products, people)
    said_by_offer = []
    for key in keys:
        verdict = verdicts(tiers, known_offers[key], tables.config["decide"])
        said = tiers.select("customer_id", "arm", said=pl.lit(None, pl.String), verdict=verdict).with_columns(said=decisions[key])
        said_by_offer.append(said.with_columns(offer=pl.lit(key)))
        judge(count, key, said)
    chosen = pl.concat(said_by_offer).filter(pl.col("said") == "chosen").select("customer_id", "offer", "arm")
    both = chosen.join(offers.select("customer_id", "offer", "arm"), on=["customer_id", "offer", "arm"], how="inner")
    count.broke("rows of no decision, or decisions without a row", abs(chosen.height - both.height) + abs(offers.height - both.height))
    places(count, tables, people, offers, known_offers)
    return count


def state(tables, run, decisions):
    """One row a customer of the run, in the order of its decisions."""
    decide = tables.config["decide"]
    limit = decide.get("contact_limit", {})
    consents = tables.consents(decide["channels"], decide.get("consent", {}).get("purpose", "marketing"))
    allowed = consents.group_by("customer").agg(allowed=pl.col("channel"))
    people = decisions.select("customer_id", "arm")
    for table in (allowed, tables.contacts(limit.get("days", 30)), tables.complaints()):
        people = people.join(table, left_on="customer_id", right_on="customer", how="left", maintain_order="left")
    # Of the holdout, rows of earlier runs stand for the contacts that were not made.
    out = pl.read_parquet(run / "outstanding.parquet").group_by("customer_id").agg(outstanding=pl.len())
    people = people.join(out, on="customer_id", how="left", maintain_order="left")
    return people.with_columns(made=pl.col("contacts").fill_null(0) + pl.col("outstanding").fill_null(0))


def held(tables, products, people):
    """The customers with the tier held of each family, the products held, and the days since the newest purchase."""
    holdings = tables.holdings(products)
    now = holdings.filter(pl.col("end").is_null() | (pl.col("end") > tables.now))
    tiers = now.group_by("customer", "family").agg(pl.col("tier").max()).pivot("family", index="customer", values="tier")
    tiers = tiers.rename({name: f"tier/{name}" for name in tiers.columns if name != "customer"})
    names = now.group_by("customer").agg(held=pl.col("product").unique())
    result = people
    for table in (tiers, names, tables.bought(holdings)):
        result = result.join(table, left_on="customer_id", right_on="customer", how="left", maintain_order="left")
    missing = [pl.lit(0, pl.Int64).alias(f"tier/{f}") for f in products["family"].unique() if f"tier/{f}" not in result.columns]
    return result.with_columns(pl.col("^tier/.*$").fill_null(0), *missing)


def verdicts(tiers, offer, decide):
    """The first rule that removes the offer, in the order in which they are told."""
    tier = lambda family: pl.col(f"tier/{family}")
    own = tier(offer["family"])
    hold = {rule["event"]: rule["days"] for rule in decide.get("hold_after", [])}
    barred = [(pl.col("allowed").is_null(), "no_consent"), (own > offer["tier"], "higher_tier_held")]
    barred.append((own == offer["tier"] if offer["is_step"] else own > 0, "already_held"))
    if offer["is_step"]:
        barred.append((own < offer["lower"], "ladder_step"))
    barred.append((pl.any_horizontal(pl.lit(False), *[tier(family) == 0 for family in offer["requires"]]), "prerequisite"))
    has = [pl.col("held").list.contains(product).fill_null(False) for product in offer["not_products"]]
    barred.append((pl.any_horizontal(pl.lit(False), *[tier(family) > 0 for family in offer["not_families"]], *has), "excluded"))
    if "max" in decide.get("contact_limit", {}):
        barred.append((pl.col("made") >= decide["contact_limit"]["max"], "contact_limit"))
    barred.append(((pl.col("complained") < hold.get("complaint", 0)).fill_null(False), "hold_after_complaint"))
    barred.append(((pl.col("bought") < hold.get("purchase", 0)).fill_null(False), "hold_after_purchase"))
    verdict = pl.lit(OPEN)
    for condition, rule in reversed(barred):
        verdict = pl.when(condition).then(pl.lit(rule)).otherwise(verdict)
    return verdict


def judge(count, key, said):
    for row in said.group_by("said", "verdict").len().iter_rows(named=True):
        number = row["len"]
        if row["said"] == "chosen":
            count.broke(f"{key} offered against {row['verdict']}", number if row["verdict"] != OPEN else 0)
        elif row["said"] in UNDECIDED:
            count.disagreements += number if row["verdict"] != OPEN else 0
            if row["verdict"] != OPEN:
                count.what[f"{key} {row['said']} but {row['verdict']}"] = number
        elif row["said"] in RULES:
            count.disagreements += number if row["said"] != row["verdict"] else 0
            if row["said"] != row["verdict"]:
                count.what[f"{key} {row['said']} but {row['verdict']}"] = number
        else:
            count.unknown += number


def places(count, tables, people, offers, known_offers):
    """What no pair shows by itself: channels, places of customers and families, contacts to come, capacities, the holdout."""
    decide = tables.config["decide"]
    joined = offers.join(people.drop("arm").rename({"made": "made_before"}), on="customer_id", how="left")
    count.broke("channel without consent", joined.filter(~pl.col("allowed").list.contains(pl.col("channel")).fill_null(False)).height)
    arms = offers.join(people.select("customer_id", known="arm"), on="customer_id", how="left")
    count.broke("holdout contacted, or shadow of others", arms.filter(pl.col("arm") != pl.col("known").fill_null("")).height)
    by_customer = joined.group_by("customer_id").agg(rows=pl.len(), made=pl.col("made_before").first())
    count.broke("more offers than places", by_customer.filter(pl.col("rows") > decide.get("per_customer", 3)).height)
    if "max" in decide.get("contact_limit", {}):
        over = by_customer.filter(pl.col("rows") + pl.col("made") > decide["contact_limit"]["max"])
        count.broke("contact limit passed", over.height)
    families = offers.group_by("customer_id", "family").len().filter(pl.col("len") > 1)
    count.broke("two offers of a family", families.height)
    delivered = offers.filter(pl.col("arm") == "offer")
    for place in decide.get("capacity", []):
        here = delivered
        for key in ("channel", "offer"):
            here = here.filter(pl.col(key) == place[key]) if key in place else here
        if "max" in place:
            count.broke(f"capacity {place}", max(here.height - place["max"], 0))


if __name__ == "__main__":
    main()
