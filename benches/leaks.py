"""Twenty kinds of leak, planted in generated companies: how many `osusume prove leakage` finds, and how often it cries wolf.

    python benches/leaks.py --customers 3000 --seeds 1 --clean 50

For each seed a company is generated once for every kind and something is done to its tables that happens to tables: a column that is
written after the outcome, rows that stand twice. A leak is caught where the command ends with exit code 16 and names the source it was
planted in. `--clean N` asks as many untouched companies. Prints one line a kind. Wants the release build, and Python with PyArrow.
`--only NAME` plants one kind; `--whole N` proves so many of the clean companies by rebuilding, too, which takes most of the time.
"""

import argparse
import csv
import datetime as dt
import json
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
AS_OF = "2026-10-01"
DAY = dt.timedelta(days=1)


class Company:
    """Generated tables in a directory, to be read, changed and written."""

    def __init__(self, directory, options, seed):
        self.directory = directory
        self.options = options
        self.random = random.Random(seed)
        (directory / "pipelines").mkdir(parents=True)
        made = ["synth", "isp", "--customers", options.customers, "--events", 20 * options.customers, "--seed", seed]
        run(options.binary, directory, *made, "--out", "data/isp", "--quiet")
        self.pipeline = (ROOT / "pipelines/isp.toml").read_text()

    def read(self, table):
        with open(self.directory / f"data/isp/{table}.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def write(self, table, rows):
        with open(self.directory / f"data/isp/{table}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def usage(self):
        return pq.read_table(self.directory / "data/isp/usage/usage.parquet")

    def write_usage(self, table):
        pq.write_table(table, self.directory / "data/isp/usage/usage.parquet")

    def takes(self, products=("line_1g", "line_10g")):
        """Customer → the day of the last start of one of these products."""
        since = "2025-10-01"
        return {
            row["customer_id"]: row["start_date"]
            for row in self.read("holdings")
            if row["product_id"] in products and row["start_date"] >= since
        }

    def attribute(self, column, kind, of):
        """Gives customers a column more, and the pipeline an attribute."""
        rows = self.read("customers")
        for row in rows:
            row[column] = of(row)
        self.write("customers", rows)
        old = "[sources.customers.attributes]\n"
        self.pipeline = self.pipeline.replace(old, f'{old}{column} = "{kind}"\n', 1)

    def prove(self, *more):
        (self.directory / "pipelines/isp.toml").write_text(self.pipeline)
        command = ["prove", "leakage", "pipelines/isp.toml", "--as-of", AS_OF, "--output", "json", *more]
        done = run(self.options.binary, self.directory, *command, check=False)
        if done.returncode not in (0, 16):
            raise SystemExit(done.stderr)
        return done.returncode, json.loads(done.stdout)["proof"]


def run(binary, directory, *arguments, check=True):
    command = [str(binary), *map(str, arguments)]
    return subprocess.run(command, cwd=directory, check=check, capture_output=True, text=True)


def later(day, days):
    return (dt.date.fromisoformat(day[:10]) + days * DAY).isoformat()


# What is planted: name, source it must be found in, and what is done.


def gift_sent(company):
    takes = company.takes()
    company.attribute("gift", "category", lambda row: "sent" if row["customer_id"] in takes else "")


def blank_after(company):
    takes = company.takes()
    company.attribute("old_plan", "integer", lambda row: "" if row["customer_id"] in takes else company.random.randint(1, 9))


def product_now(company):
    held = {row["customer_id"]: row["product_id"] for row in company.read("holdings") if row["product_id"].startswith("line") and not row["end_date"]}
    company.attribute("plan_now", "category", lambda row: held.get(row["customer_id"], ""))


def segment_after(company):
    takes = company.takes(("security",))
    segments = ["a", "b", "c", "d"]
    company.attribute("segment", "category", lambda row: "e" if row["customer_id"] in takes else company.random.choice(segments))


def sorted_by_outcome(company):
    takes = company.takes()
    rows = sorted(company.read("customers"), key=lambda row: row["customer_id"] not in takes)
    company.write("customers", rows)


def ids_by_outcome(company):
    takes = company.takes()
    rows = company.read("customers")
    order = sorted(rows, key=lambda row: (row["customer_id"] not in takes, company.random.random()))
    named = {row["customer_id"]: f"N{number:09}" for number, row in enumerate(order)}
    for table in ["customers", "holdings", "tickets", "contacts", "consents"]:
        rows = company.read(table)
        for row in rows:
            row["customer_id"] = named.get(row["customer_id"], row["customer_id"])
        company.random.shuffle(rows)
        company.write(table, rows)
    usage = company.usage()
    ids = pa.array([named.get(one, one) for one in usage["customer_id"].to_pylist()])
    company.write_usage(usage.set_column(0, "customer_id", ids))


def without_arrival(company, source):
    """Takes the arrival of a source out of the pipeline file, as if the warehouse had none."""
    start = company.pipeline.index(f"[sources.{source}]")
    head, tail = company.pipeline[:start], company.pipeline[start:]
    company.pipeline = head + tail.replace(', arrived = "loaded_at"', "", 1)


def add_usage(company, metric, days_of):
    """Adds rows of use for (customer, day) pairs."""
    usage = company.usage()
    pairs = [(customer, day) for customer, days in days_of.items() for day in days]
    day = pa.array([dt.date.fromisoformat(day) for _, day in pairs], pa.date32())
    loaded = [dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) + DAY for _, day in pairs]
    values = {
        "customer_id": pa.array([customer for customer, _ in pairs]),
        "day": day,
        "metric": pa.array([metric] * len(pairs)),
        "value": pa.array([1.0] * len(pairs)),
        "loaded_at": pa.array(loaded, usage.schema.field("loaded_at").type),
    }
    company.write_usage(pa.concat_tables([usage, pa.table(values, usage.schema)]))


def others(company, takes, share):
    """Some who did not take, each with a day."""
    ids = [row["customer_id"] for row in company.read("customers") if row["customer_id"] not in takes]
    drawn = company.random.sample(ids, int(share * len(ids)))
    return {one: later("2025-01-01", company.random.randint(0, 600)) for one in drawn}


def metric_backfilled(company):
    takes = company.takes()
    without_arrival(company, "usage")
    seen = {one: [later(day, -back) for back in range(5, 100, 10)] for one, day in takes.items()}
    seen |= {one: [day] for one, day in others(company, takes, 0.03).items()}
    add_usage(company, "install_check", seen)


def metric_days_before(company):
    takes = company.takes()
    without_arrival(company, "usage")
    seen = {one: [later(day, -back) for back in (20, 15, 10, 5)] for one, day in takes.items()}
    seen |= {one: [day] for one, day in others(company, takes, 0.10).items()}
    add_usage(company, "order_page", seen)


def topic_renamed(company):
    takes = company.takes()
    without_arrival(company, "tickets")
    rows = company.read("tickets")
    topics = sorted({row["topic"] for row in rows})
    model = rows[0]
    # Everybody writes as often; what the tickets of takers were about has become another topic since.
    for one, day in (takes | others(company, takes, 1.0)).items():
        for back in (20, 60, 120, 200, 300, 420, 600):
            opened = later(day, -back) + "T03:00:00Z"
            topic = company.random.choice(topics)
            rows.append(model | {"customer_id": one, "opened_at": opened, "closed_at": "", "topic": topic, "satisfaction": "", "loaded_at": opened})
    for row in rows:
        if row["customer_id"] in takes:
            row["topic"] = "upgrade"
    company.write("tickets", rows)


def companion_too_early(company):
    takes = company.takes()
    rows = company.read("holdings")
    for row in list(rows):
        if row["customer_id"] in takes and row["start_date"] == takes[row["customer_id"]] and row["product_id"].startswith("line"):
            early = later(row["start_date"], -120)
            rows.append(row | {"product_id": "wifi_mesh", "line_id": row["line_id"] + "W", "start_date": early, "end_date": "", "end_loaded_at": "", "renewal_date": "", "loaded_at": early + "T17:00:00Z"})
    company.write("holdings", rows)


def contacts_of_takers(company):
    takes = company.takes()
    rows = company.read("contacts")
    model = rows[0]
    for one, day in takes.items():
        for back in range(10, 100, 15):
            sent = later(day, -back) + "T03:00:00Z"
            rows.append(model | {"customer_id": one, "sent_at": sent, "offer_id": "line_1g", "channel": "shop", "arm": "targeted", "action_probability": "", "responded_at": "", "loaded_at": sent})
    company.write("contacts", rows)


def other_model(company):
    takes = company.takes()
    draw = company.random.gauss
    company.attribute("propensity_score", "number", lambda row: round(draw(2.5 if row["customer_id"] in takes else 0.0, 0.7), 3))


def reloaded_table(company):
    fee = {}
    for row in company.read("holdings"):
        if row["product_id"].startswith("line") and not row["end_date"]:
            fee[row["customer_id"]] = row["monthly_fee"]
    company.attribute("fee_now", "number", lambda row: fee.get(row["customer_id"], ""))


def zone_shifted(company):
    rows = company.read("tickets")
    for row in rows:
        row["loaded_at"] = (dt.datetime.fromisoformat(row["loaded_at"]) - dt.timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    company.write("tickets", rows)


def rows_twice(company):
    takes = company.takes()
    rows = company.read("tickets")
    model = rows[0]
    for one in takes:
        rows.append(model | {"customer_id": one, "opened_at": "2024-06-01T03:00:00Z", "closed_at": "", "satisfaction": "", "loaded_at": "2024-06-01T17:00:00Z"})
    company.write("tickets", rows + [row for row in rows if row["customer_id"] in takes])


def usage_twice(company):
    takes = company.takes()
    usage = company.usage()
    mask = pa.array([one in takes for one in usage["customer_id"].to_pylist()])
    company.write_usage(pa.concat_tables([usage, usage.filter(mask)]))


def unit_changed(company):
    takes = company.takes()
    usage = company.usage()
    values = [
        value * (1024 if one in takes and metric == "traffic_gb" else 1)
        for one, metric, value in zip(usage["customer_id"].to_pylist(), usage["metric"].to_pylist(), usage["value"].to_pylist())
    ]
    company.write_usage(usage.set_column(3, "value", pa.array(values)))


def version_counter(company):
    takes = company.takes()
    company.attribute("row_version", "integer", lambda row: company.random.randint(1, 3) + 3 * (row["customer_id"] in takes))


def flag_cleared(company):
    takes = company.takes()
    company.attribute("can_upgrade", "flag", lambda row: "no" if row["customer_id"] in takes else "yes" if company.random.random() < 0.97 else "no")


def date_of_outcome(company):
    takes = company.takes()
    company.attribute("changed_day", "integer", lambda row: int(takes[row["customer_id"]].replace("-", "")) if row["customer_id"] in takes else 20240000 + company.random.randint(101, 1231))


def text_of_outcome(company):
    takes = company.takes(("security", "storage", "tv"))
    company.attribute("note", "category", lambda row: "bought" if row["customer_id"] in takes else company.random.choice(["", "", "called"]))


KINDS = [
    (gift_sent, "customers"), (blank_after, "customers"), (product_now, "customers"), (segment_after, "customers"),
    (sorted_by_outcome, "customers"), (ids_by_outcome, "customers"), (metric_backfilled, "usage"),
    (metric_days_before, "usage"), (topic_renamed, "tickets"), (companion_too_early, "holdings"),
    (contacts_of_takers, "contacts"), (other_model, "customers"), (reloaded_table, "customers"),
    (zone_shifted, "tickets"), (rows_twice, "tickets"), (usage_twice, "usage"), (unit_changed, "usage"),
    (version_counter, "customers"), (date_of_outcome, "customers"), (text_of_outcome, "customers"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--clean", type=int, default=50)
    parser.add_argument("--whole", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    kinds = [kind for kind in KINDS if options.only in (None, kind[0].__name__)]
    caught = sum(plant(options, *kind, seed) for kind in kinds for seed in range(1, options.seeds + 1))
    print(f"caught {caught} of {len(kinds) * options.seeds}")
    alarms = sum(clean(options, 1000 + seed, seed < options.whole) for seed in range(options.clean))
    print(f"alarms in {alarms} of {options.clean} clean companies")


def plant(options, kind, source, seed):
    with tempfile.TemporaryDirectory() as directory:
        company = Company(Path(directory) / "company", options, seed)
        kind(company)
        code, proof = company.prove("--only", "tables")
    signs = [sign for sign in proof["signs"] if sign["source"] == source]
    shown = sorted({f"{sign['kind']}({sign['column'] or 'rows'})" for sign in signs})
    is_caught = code == 16 and bool(signs)
    print(f"{'caught' if is_caught else 'MISSED'}  {kind.__name__}, seed {seed}: {', '.join(shown[:3])}", flush=True)
    return is_caught


def clean(options, seed, is_whole):
    with tempfile.TemporaryDirectory() as directory:
        company = Company(Path(directory) / "company", options, seed)
        code, proof = company.prove(*([] if is_whole else ["--only", "tables"]))
    if code != 0:
        print(f"ALARM  seed {seed}: {json.dumps(proof['signs'][:5] + proof['leaks'][:5])}", flush=True)
    return code != 0


if __name__ == "__main__":
    main()
