"""Replays what published runs decided from the files beside them, and counts what breaks a limit, a consent or a hold.

    python benches/replay_check.py runs PIPELINE.toml [RUN ...]
    python benches/replay_check.py years --worlds isp saas --customers 50000 --months 12 --jobs 2
    python benches/replay_check.py selftest

`runs` checks the published runs of a pipeline against the tables as they are now. `years` simulates: a company is made, run, its
offers reach the customers who answer, a month passes, and the next run is made on the tables as they then stand; each run is checked
at once, and so are the files it exported. `--strict` writes limits by channel, days between contacts, ignored contacts, households,
budgets, explorers, single holdouts and rules into every pipeline file, so that they are recounted, too. `selftest` damages the files
of one run, breach by breach, and wants each of them seen. No code is shared with the program: this file reads CSV and Parquet with Polars and knows the rules from their description.

Counted are decisions (customers x offers). A violation is a row of the offer table (or of the holdout's shadow table) that a consent,
a limit, a hold, the ladder, a prerequisite, an exclusion, a product's days, what a household or an account holds or is asked together,
a capacity, a budget, the places of a customer or a family, or the holdout forbids; and a row of an exported file that is not one of
the offer table, or lacks there.
A disagreement is any other decision that names a rule which does not hold, or none where one holds. Conditions that the pipeline
declares (rules, triggers, lanes) are evaluated anew over the run's feature table; the features themselves are taken as they are.
Conditions that this file cannot read are named, and what they decide is counted apart. Exit code 1 when there is a violation or a
disagreement.
"""

import argparse
import json
import multiprocessing
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from replay_ledger import out

ROOT = Path(__file__).resolve().parents[1]
FIRST = date(2026, 10, 1)
# The metrics that pipelines ask for by name come first, so the others are thinned.
USAGE_ROWS_A_CUSTOMER = 60
COVARIATES = {"telco_planted": "telco-churn/WA_Fn-UseC_-Telco-Customer-Churn.csv.gz", "journey_planted": "complete-journey/demographics.parquet"}
RULES = ["not_valid", "no_consent", "higher_tier_held", "already_held", "ladder_step", "prerequisite", "excluded", "contact_limit",
         "channel_limit", "too_soon", "hold_after_complaint", "hold_after_purchase", "hold_after_ignored", "no_trigger", "lane"]
OPEN = "open"
# Words of decisions that no rule stands behind, and the layers that settle them: a rule of a later layer is told after them.
UNDECIDED = ["below_threshold", "outranked", "no_capacity", "not_scored", "household_limit", "not_drawn", "harmful", "offer_holdout",
             "wear_out", "other_arm", "unit_asked", "negative_effect", "harms"]
# What is settled over all customers, before a rule of the last layer is told.
SETTLED = ["no_capacity", "household_limit", "not_drawn", "harmful", "offer_holdout", "wear_out", "other_arm", "unit_asked"]
# What a pipeline file may ask for that is not recounted here: decisions by it are counted apart.
STEPS = ["step_wait", "step_channel", "approach_stopped", "approach_done"]


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
    years.add_argument("--pipelines", type=Path, default=ROOT / "pipelines", help="other files than the shipped ones, with stricter rules")
    years.add_argument("--strict", action="store_true", help="limits and rules of every kind in every pipeline file")
    years.add_argument("--jobs", type=int, default=1, help="companies at once")
    tested = verbs.add_parser("selftest")
    tested.add_argument("--customers", type=int, default=3_000)
    for verb in (years, tested):
        verb.add_argument("--data", type=Path, default=ROOT / "../shared/data", help="of the published tables, for worlds with real customers")
        verb.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    options = parser.parse_args()
    if options.verb == "selftest":
        from replay_damage import selftest

        sys.exit(0 if selftest(options) else 1)
    total = Count()
    if options.verb == "runs":
        runs_dir = options.pipeline.resolve().parents[1] / "runs" / tomllib.loads(options.pipeline.read_text())["pipeline"]["name"]
        for run in sorted(path for path in runs_dir.iterdir() if (path / "offers.parquet").exists()):
            if not options.run or run.name in options.run:
                total.add(check(options.pipeline, run), run.name)
    else:
        with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
            for done in as_completed([workers.submit(year, options, world) for world in options.worlds]):
                total.add(done.result(), "")
    total.tell("all")
    print(f"\n{total.decisions:,} decisions, {total.rows:,} offers, {total.delivered:,} rows of exported files: {total.violations:,} violations, "
          f"{total.disagreements:,} disagreements, {total.unknown:,} by rules not recounted here")
    sys.exit(1 if total.violations or total.disagreements else 0)


class Count:
    NUMBERS = ("decisions", "rows", "delivered", "violations", "disagreements", "unknown")

    def __init__(self):
        self.decisions = self.rows = self.delivered = self.violations = self.disagreements = self.unknown = 0
        self.what = {}

    def broke(self, what, number):
        self.violations += number
        self.note(what, number)

    def disagrees(self, what, number):
        self.disagreements += number
        self.note(what, number)

    def note(self, what, number):
        if number:
            self.what[what] = self.what.get(what, 0) + number

    def add(self, other, name):
        for key in self.NUMBERS:
            setattr(self, key, getattr(self, key) + getattr(other, key))
        for what, number in other.what.items():
            self.note(what, number)
        if name:
            other.tell(name)

    def tell(self, name):
        print(f"{name}: {self.decisions:,} decisions, {self.rows:,} offers, {self.violations:,} violations, "
              f"{self.disagreements:,} disagreements{self.worst()}", flush=True)

    def worst(self):
        """What was found, the most frequent first."""
        most = sorted(self.what.items(), key=lambda item: -item[1])
        more = f" and {len(most) - 12} more" if len(most) > 12 else ""
        return "".join(f"; {what}: {number:,}" for what, number in most[:12]) + more


def year(options, world):
    """Runs of one company month by month, each on what the offers before it made of the company."""
    total, began = Count(), time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for number, day in enumerate(months(options.months)):
            pipeline, run = month(options, world, place, day, is_first=number == 0)
            total.add(check(pipeline, run), f"{world} {run.name}")
            gather(place, run)
            # Features and models of months gone by are not read again; offers and shadows are.
            for name in ("features", "models", "tables"):
                shutil.rmtree(run / name, ignore_errors=True)
    print(f"{world}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return total


def months(number):
    day = FIRST
    for _ in range(number):
        yield day
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def month(options, world, place, day, is_first):
    """The company's tables as they stand on this day, and a run over them."""
    pipeline, tables, sent = place / f"pipelines/{world}.toml", place / "data" / world, place / "sent.parquet"
    if is_first:
        pipeline.parent.mkdir()
        text = (options.pipelines / f"{world}.toml").read_text()
        pipeline.write_text(strict(text) if options.strict else text)
    table = COVARIATES.get(world)
    real = ["--covariates", (options.data / table).resolve()] if table else []
    size = ["--customers", options.customers, "--seed", options.seed, "--events", options.customers * USAGE_ROWS_A_CUSTOMER, "--out", tables]
    call(options.binary, "synth", world, *real, *size, "--until", day, "--threads", 1, *(["--offers", sent] if sent.exists() else []))
    call(options.binary, "run", pipeline, "--as-of", day, "--threads", 1)
    (run,) = (path for path in (place / "runs" / world).iterdir() if path.name.startswith(str(day)))
    return pipeline, run


def gather(place, run):
    """Puts a run's offers to those that reach the customers before the next one."""
    sent = place / "sent.parquet"
    offers = pl.read_parquet(run / "offers.parquet").filter(pl.col("kind") != "check").select("customer_id", "as_of", "rank", "offer")
    if sent.exists():
        offers = pl.concat([pl.read_parquet(sent), offers])
    offers.write_parquet(sent)


def strict(text):
    """A pipeline file that asks for what can be asked for, whatever it asked for before."""
    config = tomllib.loads(text)["decide"]
    channels = config.get("channels", ["mail"])
    keys = [f"per_household = 1\nexplore = {{ fraction = 0.1 }}\n"]
    if "offers" not in config.get("holdout", {}):
        text = text.replace("\nholdout = { ", "\nholdout = { offers = { fraction = 0.05 }, ", 1)
    text = re.sub(r"\ncontact_limit = \{[^}]*\}", "\ncontact_limit = { days = 60, max = 2, min_days_between = 10, outstanding = true }", text, count=1)
    head = text.index("\n[decide]\n") + len("\n[decide]\n")
    text = text[:head] + "".join(keys) + text[head:]
    hold = '{ event = "ignored", n = 2, answer_days = 7, days = 120 }'
    text = re.sub(r"\nhold_after = \[", f"\nhold_after = [{hold}, ", text, count=1)
    tables = [f'[[decide.channel_limit]]\nchannel = "{channel}"\ndays = 90\nmax = 1\n' for channel in channels]
    tables.append(f'[[decide.capacity]]\nchannel = "{channels[-1]}"\nbudget_minor = 3000\n')
    tables.append('[[decide.rule]]\nname = "lately_contacted"\nlayer = "suitability"\nwhen = "contacts_recency < 45"\n')
    tables.append('[[decide.rule]]\nname = "often_contacted"\nlayer = "applicability"\nwhen = "contacts_count_365d >= 9"\n')
    end = text.index("\n[[export]]")
    return text[:end] + "\n" + "\n".join(tables) + text[end:]


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

    def members(self, unit):
        """Customers with the household or account they belong to; whoever belongs to none stands in no row."""
        (source,) = self.of_role("customers")
        if unit not in source["columns"]:
            return pl.DataFrame(schema={"customer": pl.String, "member_of": pl.String})
        table = self.instants(self.read(source, "customer", unit, "arrived"), "arrived")
        if "arrived" in table.columns:
            table = table.filter(pl.col("arrived") < self.now)
        return table.unique("customer", keep="last").select("customer", member_of=pl.col(unit)).filter(pl.col("member_of").fill_null("") != "")

    def known(self):
        """Customers of any kind, by their ids."""
        return pl.concat([self.read(source, "customer")["customer"] for source in self.of_role("customers")]).unique()

    def consents(self, channels, purpose):
        """The first channel is not chosen here: all that may be used."""
        (source,) = self.of_role("consents")
        table = self.instants(self.read(source, "customer", "channel", "purpose", "allowed", "at"), "at")
        table = table.filter(pl.col("channel").is_in(channels) & (pl.col("purpose") == purpose))
        refused = pl.col("allowed").is_in(["no", "false", "0"])
        table = table.with_columns(refused=refused).filter(pl.col("refused") | (pl.col("at") < self.now))
        newest = table.sort("at", "refused").unique(["customer", "channel"], keep="last", maintain_order=True)
        return newest.filter(~pl.col("refused")).select("customer", "channel")

    def contacts(self):
        """Every contact made and known, with the days since."""
        found, mandatory = [], self.config["decide"].get("mandatory", [])
        for source in self.of_role("contacts"):
            table = self.instants(self.read(source, "customer", "at", "arm", "arrived", "channel", "offer", "responded", "sent"), "at", "arrived", "responded")
            table = table.filter((pl.col("at") < self.now) & (pl.col("arrived") < self.now) & (pl.col("arm") != "control"))
            for name in ("channel", "offer"):
                table = table if name in table.columns else table.with_columns(pl.lit(None, pl.String).alias(name))
            if "sent" in table.columns:
                table = table.filter(~pl.col("sent").is_in(["no", "false", "0"]).fill_null(False))
            if "responded" not in table.columns:
                table = table.with_columns(responded=pl.lit(None, pl.Datetime("us", "UTC")))
            table = table.filter(~pl.col("offer").is_in(mandatory).fill_null(False))
            found.append(table.select("customer", "at", "channel", "responded", days=self.days_since("at")))
        return pl.concat(found)

    def reported(self):
        """Contacts known by now, made or reported as not made, with the day; about whatever they were."""
        found = []
        for source in self.of_role("contacts"):
            table = self.instants(self.read(source, "customer", "at", "arm", "arrived", "offer"), "at", "arrived")
            table = table.filter((pl.col("at") < self.now) & (pl.col("arrived") < self.now) & (pl.col("arm") != "control"))
            about = pl.col("offer") if "offer" in table.columns else pl.lit(None, pl.String)
            found.append(table.select("customer", "at", about=about.str.strip_chars(), on=pl.col("at").dt.convert_time_zone(str(self.zone)).dt.date()))
        return pl.concat(found)

    def ignored(self, contacts, rule):
        """Customers whose newest contacts went unanswered, with the days since the newest of them."""
        n, wait = rule.get("n", 3), rule.get("answer_days", 7)
        old = contacts.filter(pl.col("days") > wait).sort("customer", "at")
        newest = old.group_by("customer", maintain_order=True).tail(n)
        answered = (pl.col("responded") < self.now).fill_null(False)
        by_customer = newest.group_by("customer").agg(rows=pl.len(), answered=answered.any(), ignored=pl.col("days").min())
        return by_customer.filter((pl.col("rows") == n) & ~pl.col("answered")).select("customer", "ignored")

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
    table = tables.read(source, "product", "family", "tier", "held_by", "requires", "excludes", "replaces", "valid_from", "valid_until").with_columns(pl.col("tier").cast(pl.Int64))
    rows = {row["product"]: row for row in table.iter_rows(named=True)}
    names = lambda row, key: [name for name in (row.get(key) or "").split("|") if name]
    successor = {old: new for new, row in rows.items() for old in names(row, "replaces")}
    stands_for = {}
    for product in rows:
        end = product
        while end in successor:
            end = successor[end]
        stands_for[product] = end
    unit = lambda row: row.get("held_by") if row.get("held_by") in ("household", "account") else "customer"
    products = pl.DataFrame([
        {"product": p, "stands_for": s, "family": rows[s]["family"], "tier": rows[s]["tier"], "unit": unit(rows[p])} for p, s in stands_for.items()])
    offers = tables.config["offers"]
    kinds = {kind: offers.get(kind, {}).get("families", []) for kind in ("upsell", "cross_sell")}
    families = {row["family"] for row in rows.values()}
    found = {}
    for product, row in rows.items():
        if product in successor:
            continue
        lower = [r["tier"] for p, r in rows.items() if r["family"] == row["family"] and p not in successor and r["tier"] < row["tier"]]
        found[product] = {
            "family": row["family"], "tier": row["tier"], "unit": unit(row), "lower": max(lower, default=0), "is_step": bool(lower) and row["family"] in kinds["upsell"],
            "valid_from": row.get("valid_from") or "", "valid_until": row.get("valid_until") or "",
            "requires": [name for name in names(row, "requires") if name in families],
            "not_families": [name for name in names(row, "excludes") if name in families],
            "not_products": [name for name in names(row, "excludes") if name not in families]}
    return products, found


# --- one run ------------------------------------------------------------------------------------------------------------------


def check(pipeline, run):
    offers = pl.concat([pl.read_parquet(run / name).with_columns(arm=pl.lit(arm))
                        for name, arm in (("offers.parquet", "offer"), ("shadow.parquet", "holdout"))])
    # What is held back of one offer from somebody who may get others stands beside the decisions.
    single = pl.read_parquet(run / "shadow.parquet").filter(pl.col("arm") == "offer_holdout").select("customer_id", "offer")
    offers = pl.concat([offers.filter(pl.col("arm") == "offer"), offers.filter(pl.col("arm") == "holdout").join(single, on=["customer_id", "offer"], how="anti")])
    decisions = pl.read_parquet(run / "decisions.parquet")
    # Explorers and arms of other policies are contacted, too.
    decisions = decisions.with_columns(arm=pl.when(pl.col("arm") == "holdout").then(pl.lit("holdout")).otherwise(pl.lit("offer")))
    as_of = date.fromisoformat(run.name[:10])
    tables = Tables(pipeline, as_of)
    keys = pl.read_parquet_metadata(run / "scores.parquet")["offers"].split("\n")
    count = Count()
    people = state(count, tables, run, decisions, keys)
    count.decisions, count.rows = decisions.height * len(keys), offers.height
    products, known_offers = catalogue(tables)
    tiers = held(tables, products, people)
    declared = Declared(tables.config["decide"], run)
    tiers = declared.judged(tiers)
    if "lane" in decisions.columns and declared.knows_lanes():
        count.broke("in another lane than the conditions say", (tiers["declared/lane"] != decisions["lane"]).sum())
    said_by_offer = []
    for key in keys:
        verdict = verdicts(tiers, key, known_offers[key], tables, declared)
        said = tiers.select("customer_id", "arm", said=pl.lit(None, pl.String), verdict=verdict).with_columns(said=decisions[key])
        said_by_offer.append(said.with_columns(offer=pl.lit(key)))
        judge(count, key, said)
    chosen = pl.concat(said_by_offer).filter(pl.col("said") == "chosen").select("customer_id", "offer", "arm")
    both = chosen.join(offers.select("customer_id", "offer", "arm"), on=["customer_id", "offer", "arm"], how="inner")
    count.broke("rows of no decision, or decisions without a row", abs(chosen.height - both.height) + abs(offers.height - both.height))
    count.broke("an offer made to whom it is held back from", single.join(offers, on=["customer_id", "offer"]).height)
    places(count, tables, people, offers, known_offers, declared)
    declared.rows(count, offers, tiers, as_of)
    exported(count, tables, run, offers)
    return count


class Declared:
    """What a pipeline declares of its own, evaluated over the run's feature table."""

    def __init__(self, decide, run):
        self.rules, self.triggers, self.lanes = (decide.get(key, []) for key in ("rule", "trigger", "lane"))
        index = pl.read_parquet(run / "tables/customer_index.parquet")
        (name,) = (name for name in index.columns if index[name].dtype == pl.String)
        ids = index.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("customer"), customer_id=name)
        self.features = pl.read_parquet(run / "features/scoring.parquet").join(ids, on="customer")
        dictionary = json.loads((run / "features/dictionary.json").read_text())["features"]
        levels = {feature["name"]: feature.get("levels") for feature in dictionary}
        for name, of in levels.items():
            if of and name in self.features.columns:
                codes = {number: level for number, level in enumerate(of)}
                self.features = self.features.with_columns(pl.col(name).replace_strict(codes, default=None, return_dtype=pl.String))
        self.unread = set()

    def condition(self, text):
        """The condition for every customer of the feature table; true only where it is known to be."""
        try:
            plain = text.replace("==", "=").replace("!=", "<>")
            held = self.features.select("customer_id", holds=pl.sql_expr(plain).fill_null(False))
            return held.filter("holds").select("customer_id")
        except Exception as unreadable:  # noqa: BLE001: whatever it cannot read is counted apart
            if text not in self.unread:
                print(f"not read: {text!r}: {unreadable}", file=sys.stderr)
            self.unread.add(text)
            return None

    def holds(self, people, text):
        found = self.condition(text)
        return pl.Series([None] * people.height, dtype=pl.Boolean) if found is None else people["customer_id"].is_in(found["customer_id"].implode())

    def knows_lanes(self):
        return not any(lane["when"] in self.unread for lane in self.lanes)

    def judged(self, people):
        for rule in self.rules:
            holds = self.holds(people, rule.get("when", rule.get("unless")))
            people = people.with_columns((holds if "when" in rule else ~holds).alias(f"rule/{rule['name']}"))
        for trigger in self.triggers:
            people = people.with_columns(self.holds(people, trigger["when"]).alias(f"trigger/{trigger['name']}"))
        lane = pl.lit("offer")
        for own in reversed(self.lanes):
            people = people.with_columns(self.holds(people, own["when"]).alias(f"lane/{own['name']}"))
            lane = pl.when(pl.col(f"lane/{own['name']}").fill_null(False)).then(pl.lit(own["name"])).otherwise(lane)
        return people.with_columns(lane.alias("declared/lane"))

    def speaks_of(self, declared, key, family):
        return not declared.get("offers") or key in declared["offers"] or family in declared["offers"]

    def barred(self, layer, key, family):
        """Conditions of a layer that remove the offer, with what decisions say then."""
        found = []
        if layer == "applicability":
            unlocks = [t for t in self.triggers if t["effect"] == "unlock" and self.speaks_of(t, key, family)]
            if unlocks:
                found.append((~pl.any_horizontal([pl.col(f"trigger/{t['name']}") for t in unlocks]), "no_trigger"))
        if layer == "suitability":
            for lane in self.lanes:
                if not (lane.get("offers") and self.speaks_of(lane, key, family)):
                    found.append((pl.col("declared/lane") == lane["name"], "lane"))
        rules = [rule for rule in self.rules if rule["layer"] == layer and self.speaks_of(rule, key, family)]
        return found + [(pl.col(f"rule/{rule['name']}").fill_null(False), f"rule:{rule['name']}") for rule in rules]

    def rows(self, count, offers, people, as_of):
        """Triggers of the offer table: they hold, and what lets an offer expire does so in time."""
        if "trigger" not in offers.columns:
            return
        joined = offers.join(people.select("customer_id", pl.col("^trigger/.*$")), on="customer_id", how="left")
        for trigger in self.triggers:
            mine = joined.filter(pl.col("trigger") == trigger["name"])
            count.broke(f"trigger {trigger['name']} named where it does not hold", mine.filter(~pl.col(f"trigger/{trigger['name']}")).height)
            count.broke("an offer named by a trigger that does not speak of it", mine.filter(
                pl.lit(bool(trigger.get("offers"))) & ~pl.col("offer").is_in(trigger.get("offers", [])) & ~pl.col("family").is_in(trigger.get("offers", []))).height)
            if trigger["effect"] == "expire":
                last = as_of + timedelta(days=trigger["days"])
                count.broke("expires later than its trigger says", mine.filter(pl.col("expires_on") > last).height)
        dated = offers.filter(pl.col("contact_from").is_not_null() & pl.col("contact_until").is_not_null())
        count.broke("to be contacted after the last day", dated.filter(pl.col("contact_from") > pl.col("contact_until")).height)


def state(count, tables, run, decisions, keys):
    """One row a customer of the run, in the order of its decisions."""
    decide = tables.config["decide"]
    limit = decide.get("contact_limit", {})
    consents = tables.consents(decide["channels"], decide.get("consent", {}).get("purpose", "marketing"))
    allowed = consents.group_by("customer").agg(allowed=pl.col("channel"))
    made = tables.contacts()
    # Rows of earlier runs that are still out stand for contacts; of the holdout, for those that were not made.
    to_come, differ = out(tables, run, keys)
    count.disagrees("other offers of earlier runs are out", differ)
    to_come = to_come.select(customer="customer_id", channel="channel", days=(pl.lit(tables.as_of) - pl.col("counted_on")).dt.total_days())
    contacts = pl.concat([made.select("customer", "channel", "days"), to_come])
    recent = contacts.filter(pl.col("days") <= limit.get("days", 30)).group_by("customer").agg(contacts=pl.len())
    newest = contacts.group_by("customer").agg(contacted=pl.col("days").min())
    people = decisions.select("customer_id", "arm")
    known = [allowed, recent, newest, tables.complaints()]
    for place, bound in enumerate(decide.get("channel_limit", [])):
        # A contact of which no channel is told counts for all.
        through = (pl.col("channel") == bound["channel"]) | pl.col("channel").is_null()
        used = contacts.filter(through & (pl.col("days") <= bound["days"])).group_by("customer").len(f"used/{place}")
        known.append(used)
    known += [tables.ignored(made, rule) for rule in decide.get("hold_after", []) if rule["event"] == "ignored"]
    for table in known:
        people = people.join(table, left_on="customer_id", right_on="customer", how="left", maintain_order="left")
    return people.with_columns(pl.col("^used/.*$").fill_null(0), made=pl.col("contacts").fill_null(0))


def held(tables, products, people):
    """The customers with the tier held of each family, the products held, and the days since the newest purchase."""
    holdings = tables.holdings(products)
    now = together(tables, holdings.filter(pl.col("end").is_null() | (pl.col("end") > tables.now)))
    tiers = now.group_by("customer", "family").agg(pl.col("tier").max()).pivot("family", index="customer", values="tier")
    tiers = tiers.rename({name: f"tier/{name}" for name in tiers.columns if name != "customer"})
    names = now.group_by("customer").agg(held=pl.col("product").unique())
    result = people
    for table in (tiers, names, tables.bought(holdings)):
        result = result.join(table, left_on="customer_id", right_on="customer", how="left", maintain_order="left")
    missing = [pl.lit(0, pl.Int64).alias(f"tier/{f}") for f in products["family"].unique() if f"tier/{f}" not in result.columns]
    return result.with_columns(pl.col("^tier/.*$").fill_null(0), *missing)


def together(tables, holdings):
    """What one member of a household or an account holds of what is sold to it, all of them hold."""
    parts = [holdings.filter(pl.col("unit") == "customer")]
    for unit in ("household", "account"):
        mine = holdings.filter(pl.col("unit") == unit)
        if mine.height:
            members = tables.members(unit)
            shared = mine.join(members, on="customer", how="left")
            alone = shared.filter(pl.col("member_of").is_null()).drop("member_of")
            shared = shared.filter(pl.col("member_of").is_not_null()).drop("customer").join(members, on="member_of").select(mine.columns)
            parts += [alone, shared]
    return pl.concat(parts)


def verdicts(tiers, key, offer, tables, declared):
    """The first rule that removes the offer, in the order in which they are told."""
    decide = tables.config["decide"]
    tier = lambda family: pl.col(f"tier/{family}")
    own = tier(offer["family"])
    hold = {rule["event"]: rule["days"] for rule in decide.get("hold_after", [])}
    day = str(tables.as_of)
    out_of_days = bool((offer["valid_from"] and offer["valid_from"] > day) or (offer["valid_until"] and offer["valid_until"] < day))
    barred = [(pl.lit(out_of_days), "not_valid"), (pl.col("allowed").is_null(), "no_consent"), (own > offer["tier"], "higher_tier_held")]
    barred.append((own == offer["tier"] if offer["is_step"] else own > 0, "already_held"))
    if offer["is_step"]:
        barred.append((own < offer["lower"], "ladder_step"))
    barred.append((pl.any_horizontal(pl.lit(False), *[tier(family) == 0 for family in offer["requires"]]), "prerequisite"))
    has = [pl.col("held").list.contains(product).fill_null(False) for product in offer["not_products"]]
    barred.append((pl.any_horizontal(pl.lit(False), *[tier(family) > 0 for family in offer["not_families"]], *has), "excluded"))
    barred += declared.barred("eligibility", key, offer["family"])
    limit = decide.get("contact_limit", {})
    if "max" in limit:
        barred.append((pl.col("made") >= limit["max"], "contact_limit"))
    if decide.get("channel_limit"):
        barred.append((~pl.any_horizontal([usable(decide, channel) for channel in decide["channels"]]), "channel_limit"))
    if limit.get("min_days_between"):
        barred.append(((pl.col("contacted") < limit["min_days_between"]).fill_null(False), "too_soon"))
    barred.append(((pl.col("complained") < hold.get("complaint", 0)).fill_null(False), "hold_after_complaint"))
    barred.append(((pl.col("bought") < hold.get("purchase", 0)).fill_null(False), "hold_after_purchase"))
    if "ignored" in hold:
        barred.append(((pl.col("ignored") < hold["ignored"]).fill_null(False), "hold_after_ignored"))
    barred += declared.barred("applicability", key, offer["family"]) + declared.barred("suitability", key, offer["family"])
    verdict = pl.lit(OPEN)
    for condition, rule in reversed(barred):
        verdict = pl.when(condition).then(pl.lit(rule)).otherwise(verdict)
    return verdict


def usable(decide, channel):
    """Whether the customer may still be reached through the channel."""
    bounds = [pl.col(f"used/{place}") < bound["max"] for place, bound in enumerate(decide.get("channel_limit", [])) if bound["channel"] == channel]
    return pl.all_horizontal(pl.col("allowed").list.contains(channel).fill_null(False), *bounds)


def judge(count, key, said):
    for row in said.group_by("said", "verdict").len().iter_rows(named=True):
        number = row["len"]
        if row["said"] == "chosen":
            count.broke(f"{key} offered against {row['verdict']}", number if row["verdict"] != OPEN else 0)
        elif row["said"] in UNDECIDED:
            # What is settled over all customers is told before a rule of the last layer.
            late = row["verdict"] == "lane" or row["verdict"].startswith("rule:")
            # Who is held back from a single offer follows from a draw, and is told before everything but consent.
            first = row["said"] == "offer_holdout" and row["verdict"] != "no_consent"
            fits = row["verdict"] == OPEN or first or (row["said"] in SETTLED and late)
            count.disagrees(f"{key} {row['said']} but {row['verdict']}", 0 if fits else number)
        elif row["said"] in RULES or row["said"].startswith("rule:"):
            count.disagrees(f"{key} {row['said']} but {row['verdict']}", number if row["said"] != row["verdict"] else 0)
        else:
            count.unknown += number


def places(count, tables, people, offers, known_offers, declared):
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
    for place, bound in enumerate(decide.get("channel_limit", [])):
        through = joined.filter(pl.col("channel") == bound["channel"]).group_by("customer_id").agg(rows=pl.len(), used=pl.col(f"used/{place}").first())
        count.broke(f"channel limit {bound} passed", through.filter(pl.col("rows") + pl.col("used") > bound["max"]).height)
    if decide.get("contact_limit", {}).get("min_days_between"):
        count.broke("two contacts where days must lie between", by_customer.filter(pl.col("rows") > 1).height)
    delivered = offers.filter(pl.col("arm") == "offer")
    if "per_household" in decide:
        asked = delivered.select("customer_id").unique().join(tables.members("household"), left_on="customer_id", right_on="customer")
        over = asked.group_by("member_of").len().filter(pl.col("len") > decide["per_household"])
        count.broke("more of a household asked than may be", over.height)
    for unit in ("household", "account"):
        shared = [key for key, offer in known_offers.items() if offer["unit"] == unit]
        asked = delivered.filter(pl.col("offer").is_in(shared)).join(tables.members(unit), left_on="customer_id", right_on="customer")
        over = asked.group_by("member_of", "family").agg(pl.col("customer_id").n_unique()).filter(pl.col("customer_id") > 1)
        count.broke(f"several of one {unit} asked about what it holds together", over.height)
    families = offers.group_by("customer_id", "family").len().filter(pl.col("len") > 1)
    count.broke("two offers of a family", families.height)
    doubled = offers.group_by("customer_id", "offer").len().filter(pl.col("len") > 1)
    count.broke("an offer made twice", doubled.height)
    for place in decide.get("capacity", []):
        here = delivered
        for key in ("channel", "offer"):
            here = here.filter(pl.col(key) == place[key]) if key in place else here
        if "when" in place:
            meant = declared.condition(place["when"])
            here = here.join(meant, on="customer_id", how="semi") if meant is not None else here.clear()
        if "max" in place:
            count.broke(f"capacity {place} passed", max(here.height - place["max"], 0))
        if "budget_minor" in place:
            costs, any_cost = decide.get("channel_cost_minor", {}), decide.get("contact_cost_minor", 0)
            spent = sum(costs.get(channel, any_cost) for channel in here["channel"])
            count.broke(f"budget {place} passed", int(spent > place["budget_minor"]))


# How profiles call the columns of a customer, an offer and a channel.
EXPORTED = {"customer": ["customer_id", "CustomerId__c", "顧客ID"], "offer": ["offer", "Offer__c", "オファー", "osusume_offer"]}


def exported(count, tables, run, offers):
    """Files that left the house: the rows of the offer table, all of them and no other."""
    delivered = offers.filter(pl.col("arm") == "offer")
    best = delivered.sort("rank").unique("customer_id", keep="first")
    for export in tables.config.get("export", []):
        path = (tables.base / export["path"]).resolve()
        if not path.exists() or path.suffix not in (".csv", ".parquet"):
            continue
        encoding = "utf8-lossy" if export["profile"] != "csv-cp932" else "cp932"
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=0, encoding=encoding)
        names = [next((name for name in EXPORTED[part] if name in table.columns), None) for part in ("customer", "offer")]
        run_id = next((name for name in ("run_id", "RunId__c", "osusume_run_id") if name in table.columns), None)
        if None in names:
            print(f"not read: {path.name} has neither of {EXPORTED}", file=sys.stderr)
            continue
        if run_id and table.height and table[run_id][0] != run.name:
            continue
        # HubSpot keeps one row a contact: each customer's first offer.
        rows = best if export["profile"] == "hubspot-import" else delivered
        wanted = sorted(rows.select("customer_id", "offer").iter_rows())
        found = sorted(table.select(names).cast(pl.String).iter_rows())
        count.delivered += len(found)
        if found != wanted:
            lacking = Counter(wanted) - Counter(found)
            count.broke(f"rows of {path.name} that the offer table has not, or lacks", sum(lacking.values()) + sum((Counter(found) - Counter(wanted)).values()))


if __name__ == "__main__":
    main()
