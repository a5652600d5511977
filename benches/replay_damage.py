"""Damage to one run, breach by breach, to see that replay_check sees each of them: `python benches/replay_check.py selftest`."""

import shutil
import tempfile
import tomllib
from datetime import date, timedelta
from pathlib import Path

import polars as pl

import replay_check as replay

WORLD = "isp"


class Scene:
    """A copy of the company: its pipeline file, its tables and its newest run."""

    def __init__(self, place, run):
        self.place, self.run = place, run
        self.pipeline = place / f"pipelines/{WORLD}.toml"
        self.config = tomllib.loads(self.pipeline.read_text())
        self.as_of = date.fromisoformat(run.name[:10])
        self.offers = pl.read_parquet(run / "offers.parquet")

    def source(self, role):
        (source,) = (source for source in self.config["sources"].values() if source["role"] == role)
        return source["columns"], (self.pipeline.parent / source["path"]).resolve()

    def rows_like(self, role, customer, **changes):
        """Another row of a table for this customer, like the table's first but for what changes."""
        columns, path = self.source(role)
        table = pl.read_csv(path, infer_schema_length=0)
        row = table.head(1).with_columns(pl.lit(customer).alias(columns["customer"]))
        for name, value in changes.items():
            row = row.with_columns(pl.lit(value, pl.String).alias(columns[name]))
        pl.concat([table, row]).write_csv(path)

    def rewrite(self, name, change):
        path = self.run / name
        change(pl.read_parquet(path)).write_parquet(path)

    def day(self, before):
        return f"{self.as_of - timedelta(days=before)}T03:00:00Z"

    def offered(self):
        """A customer who is made an offer, and that offer."""
        row = self.offers.row(0, named=True)
        return row["customer_id"], row["offer"], row["channel"]

    def set(self, old, new):
        text = self.pipeline.read_text()
        assert old in text, old
        self.pipeline.write_text(text.replace(old, new, 1))


def refused(scene):
    customer, _, channel = scene.offered()
    scene.rows_like("consents", customer, channel=channel, purpose="marketing", allowed="no", at=scene.day(1))


def contacted(scene):
    customer, offer, channel = scene.offered()
    for before in (20, 30):
        scene.rows_like("contacts", customer, at=scene.day(before), arrived=scene.day(before), offer=offer, channel=channel, arm="")


def contacted_yesterday(scene):
    customer, offer, _ = scene.offered()
    scene.rows_like("contacts", customer, at=scene.day(1), arrived=scene.day(1), offer=offer, channel="post", arm="")


def complained(scene):
    scene.rows_like("voice", scene.offered()[0], at=scene.day(3), arrived=scene.day(3))


def bought(scene):
    customer, offer, _ = scene.offered()
    held = {"start": str(scene.as_of - timedelta(days=3)), "end": "", "start_arrived": scene.day(2), "end_arrived": ""}
    scene.rows_like("holdings", customer, product=offer, **held)


def held_long(scene):
    customer, offer, _ = scene.offered()
    held = {"start": "2024-11-01", "end": "", "start_arrived": "2024-11-02T03:00:00Z", "end_arrived": ""}
    scene.rows_like("holdings", customer, product=offer, **held)


def made_twice(scene):
    scene.rewrite("offers.parquet", lambda table: pl.concat([table, table.head(1)]))


def not_decided(scene):
    scene.rewrite("offers.parquet", lambda table: table.tail(-1))


def to_the_holdout(scene):
    held = pl.read_parquet(scene.run / "shadow.parquet").filter(pl.col("arm") == "holdout")["customer_id"][0]
    scene.rewrite("offers.parquet", lambda table: table.with_columns(
        customer_id=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(held)).otherwise(pl.col("customer_id"))))


def other_channel(scene):
    scene.rewrite("offers.parquet", lambda table: table.with_columns(
        channel=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("pigeon")).otherwise(pl.col("channel"))))


def over_budget(scene):
    scene.set("budget_minor = 3000", "budget_minor = 1")


def over_capacity(scene):
    scene.set("\n[[export]]", f'\n[[decide.capacity]]\noffer = "{scene.offered()[1]}"\nmax = 0\n\n[[export]]')


def fewer_places(scene):
    scene.set("max = 2, min_days_between", "max = 0, min_days_between")


def too_late(scene):
    late = scene.as_of + timedelta(days=400)
    scene.rewrite("offers.parquet", lambda table: table.with_columns(contact_from=pl.lit(late), contact_until=pl.lit(late - timedelta(days=1))))


def against_a_rule(scene):
    scene.set('when = "contacts_count_365d >= 9"', 'when = "holdings_tenure >= 0"')


def ledger_lost(scene):
    scene.rewrite("outstanding.parquet", lambda table: table.clear())


def exported_less(scene):
    path = exported(scene)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def exported_more(scene):
    path = exported(scene)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1].replace(lines[-1].split(",")[0], "C9999999", 1)]) + "\n")


def exported(scene):
    return next((scene.pipeline.parent / export["path"]).resolve() for export in scene.config["export"] if export["path"].endswith(".csv"))


DAMAGES = [refused, contacted, contacted_yesterday, complained, bought, held_long, made_twice, not_decided, to_the_holdout, other_channel,
           over_budget, over_capacity, fewer_places, too_late, against_a_rule, ledger_lost, exported_less, exported_more]


def selftest(options):
    """Whether a run of two months is found whole, and every damage to it is found."""
    options.strict, options.seed, options.pipelines = True, 101, replay.ROOT / "pipelines"
    missed = 0
    with tempfile.TemporaryDirectory() as directory:
        whole = Path(directory) / "whole"
        whole.mkdir()
        for number, day in enumerate(replay.months(2)):
            pipeline, run = replay.month(options, WORLD, whole, day, is_first=number == 0)
            replay.gather(whole, run)
        clean = replay.check(pipeline, run)
        print(f"as it is: {clean.violations} violations, {clean.disagreements} disagreements")
        for damage in DAMAGES:
            place = Path(directory) / damage.__name__
            shutil.copytree(whole, place)
            scene = Scene(place, place / run.relative_to(whole))
            damage(scene)
            found = replay.check(scene.pipeline, scene.run)
            # What is found without the damage, too, says nothing about it.
            found.what = {what: number for what, number in found.what.items() if number > clean.what.get(what, 0)}
            missed += not found.what
            print(f"{damage.__name__}: {'seen' if found.what else 'MISSED'}{found.worst()}", flush=True)
            shutil.rmtree(place)
    print(f"{len(DAMAGES) - missed} of {len(DAMAGES)} damages seen")
    return not missed and not clean.violations and not clean.disagreements
