"""What a run's offers are worth by the truth, between contacting nobody and the best that can be known: every generated business.

    python benches/regret.py --seeds 101 102 103 104 105
    python benches/regret.py --worlds isp --customers 50000 --set decide.min_value_minor=0

Each seed is a company no world was tuned on. `synth --worth` tells the truth of every customer and offer: the profit that a first,
second or third contact adds within twelve months, that is the margins of the takes it brings forward or spoils, less those of
customers whom it drives away, and with the fatigue of contacts of the last weeks in it. V is the sum over the customers a policy may
contact (the holdout is left out for every policy), less what the contacts cost by the pipeline file; nobody contacted is V = 0.

    S = V of the run's published offers / V of the oracle

The oracle is given what a pipeline can observe: on a company of its own, boosted trees learn the true gains and the true chances
(not takes) from a run's features, and the best offers by them are made under the same rules, caps and capacities; of the ways to
turn them into values the best one counts, by company. The best policy is at least as good, so S is, if anything, too high. `known`
is the V of a policy that sees everything, needs and classes too.

Every policy chooses among the pairs that the run's rules leave, under the same limits: as many offers a customer as there are
places, one a family, each customer through the first channel allowed, capacities by channel and offer, best value first.

- random: as many random eligible pairs as the run published.
- p x margin: propensity x margin, the propensity being the run's own.
- two models: LightGBM learns takes of those contacted, and of those not, and multiplies the difference with the margin.
- p1 - p0: what the run's models say a contact adds, times the margin: its own scores with this file's allocator.
- our scores: the run's propensity x the true mean of what a contact adds to one: what the scores lose by themselves.
- true effects: the true p1 - p0 x margin, as decide would weigh it, without fatigue and churn; told as a share of `known`.

Printed by world: the median, worst and 95 % interval of S over seeds; V in yen a thousand customers; the one-sided 95 % lower bound
of V less each baseline's, paired by seed; churn caused among those contacted, relative, over twelve months; and the same for every
policy with --verbose. Wants the release build, and Python with Polars, NumPy and LightGBM.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import tomllib
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
WORLDS = sorted(
    (path.stem for path in (ROOT / "crates/synth/worlds").glob("*.toml")),
    key=["isp", "saas", "storage", "music", "mobile", "store", "cosmetics", "fanclub", "contacts"].index,
)
AS_OF = date(2026, 10, 1)
USAGE_ROWS_A_CUSTOMER = 60
# What leaves a pair in the running: everything else in decisions.parquet is a rule that removed it.
OPEN = {"chosen", "below_threshold", "outranked", "no_capacity", "not_drawn", "household_limit", "harmful", "negative_effect", "harms"}
TREES = {"verbosity": -1, "num_leaves": 31, "learning_rate": 0.06, "min_data_in_leaf": 200, "seed": 7, "deterministic": True}
# The company that the oracle learns from.
ORACLE_SEED = 9_001
# Codes of the label columns of features/training.parquet; others are rows that were not eligible or left.
NO_TAKE, TAKE = 0, 4
# Student's t, one-sided 95 % and two-sided 95 %, by degrees of freedom.
ONE_SIDED = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729]
TWO_SIDED = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093]
BASELINES = ["nobody", "random", "p x margin", "two models"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=WORLDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[101, 102, 103, 104, 105])
    parser.add_argument("--customers", type=int, help="20,000, and 2,000 of `contacts`, without it")
    parser.add_argument("--oracle-customers", type=int, default=40_000, help="of the company that the oracle learns from")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the pipeline, as `run --set`")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    parser.add_argument("--pipelines", type=Path, default=ROOT / "pipelines")
    parser.add_argument("--json", type=Path, help="write every number here, too")
    parser.add_argument("--verbose", action="store_true", help="every policy of every seed")
    options = parser.parse_args()
    heads = ["business", "customers", "S median", "worst", "interval", "V", "oracle", "known"]
    heads += [f"V less {name}" for name in BASELINES] + ["p1 - p0", "our scores", "true effects", "a contact", "contacts", "oracle's", "churn"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    everything = {}
    for world in options.worlds:
        customers = options.customers or (2_000 if world == "contacts" else 20_000)
        seeds = []
        with tempfile.TemporaryDirectory() as directory:
            oracle = Oracle(company(options, Path(directory), world, options.oracle_customers, ORACLE_SEED))
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as directory:
                one = company(options, Path(directory), world, customers, seed)
                seeds.append(one.measured(oracle, np.random.default_rng(seed)))
            if options.verbose:
                print(json.dumps({"world": world, "seed": seed, **seeds[-1]}), flush=True)
        everything[world] = seeds
        print("| " + " | ".join(row(world, customers, seeds)) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


def company(options, place, world, customers, seed):
    """A company with its run, and the truth of what contacts are worth."""
    (place / "pipelines").mkdir(parents=True)
    pipeline = place / f"pipelines/{world}.toml"
    shutil.copy(options.pipelines / f"{world}.toml", pipeline)
    tables = place / "data" / world
    size = ["--customers", customers, "--seed", seed, "--events", customers * USAGE_ROWS_A_CUSTOMER, "--out", tables]
    call(options.binary, "synth", world, *size, "--worth")
    sets = [word for key in options.set for word in ("--set", key)]
    call(options.binary, "run", pipeline, "--as-of", AS_OF, *sets)
    (run,) = (path for path in (place / "runs" / world).iterdir() if path.name.startswith(str(AS_OF)))
    return Company(tables, run, tomllib.loads(pipeline.read_text()), options.set)


def call(binary, *arguments):
    done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def setting(config, sets, key, default):
    """A key of the pipeline file, or what --set says."""
    for said in sets:
        name, _, value = said.partition("=")
        if name == key:
            return tomllib.loads(f"x = {value}")["x"]
    for part in key.split("."):
        config = config.get(part, {}) if isinstance(config, dict) else {}
    return config if config != {} else default


class Company:
    """The pairs of one run that its rules leave, with the truth beside them."""

    def __init__(self, tables, run, config, sets):
        self.run, self.tables = run, tables
        self.cost_by_channel = setting(config, sets, "decide.channel_cost_minor", {})
        self.any_cost = setting(config, sets, "decide.contact_cost_minor", 0)
        self.threshold = setting(config, sets, "decide.min_value_minor", 0)
        self.per_customer = setting(config, sets, "decide.per_customer", 3)
        months, survival = setting(config, sets, "decide.months", 12), setting(config, sets, "decide.monthly_survival", 0.98)
        discount = setting(config, sets, "decide.yearly_discount", 0.05)
        kept = survival * (1 - discount) ** (1 / 12)
        self.months = sum(kept**month for month in range(months))
        self.channels = setting(config, sets, "decide.channels", [])
        self.capacity = [place for place in setting(config, sets, "decide.capacity", []) if "max" in place]
        self.limit = setting(config, sets, "decide.contact_limit", {})
        self.gap = setting(config, sets, "offers.gap_days", 0)
        self.horizon = setting(config, sets, "offers.horizon_days", 60)
        self.load()

    def load(self):
        decisions = pl.read_parquet(self.run / "decisions.parquet").filter(pl.col("arm") == "offer")
        self.offers = pl.read_parquet_metadata(self.run / "scores.parquet")["offers"].split("\n")
        numbers = pl.DataFrame({"offer": self.offers, "offer_number": range(len(self.offers))})
        said = decisions.select("customer_id", *self.offers).unpivot(index="customer_id", variable_name="offer", value_name="decision")
        self.removed = dict(said.group_by("decision").len().iter_rows())
        scores = pl.read_parquet(self.run / "scores.parquet")
        scores = scores.select("customer_id", pl.col("propensity").list.to_struct(fields=self.offers)).unnest("propensity")
        scores = scores.unpivot(index="customer_id", variable_name="offer", value_name="propensity")
        worth = pl.read_parquet(self.tables / "truth/worth.parquet").drop("as_of")
        chances = pl.read_parquet(self.tables / "truth/chances.parquet").select("customer_id", "offer", "without_contact", "with_contact")
        products = pl.read_csv(self.tables / "products.csv").select(offer="product_id", family="family")
        pairs = said.filter(pl.col("decision").is_in(OPEN)).join(scores, on=["customer_id", "offer"], how="left")
        pairs = pairs.join(numbers, on="offer").join(products, on="offer")
        # A pair that the truth does not know as eligible (a late row deceives the run) earns nothing and costs a contact.
        pairs = pairs.join(worth, on=["customer_id", "offer"], how="left").join(chances, on=["customer_id", "offer"], how="left").fill_null(0.0)
        customers = worth.unique("customer_id").select("customer_id", "drag_1", "drag_2", "drag_3", "leaves_alone", "leaves_1", "leaves_2", "leaves_3")
        pairs = pairs.drop("drag_1", "drag_2", "drag_3", "leaves_alone", "leaves_1", "leaves_2", "leaves_3")
        index = pl.read_parquet(self.run / "tables/customer_index.parquet")
        scoring = pl.read_parquet(self.run / "features/scoring.parquet")
        (key,) = (name for name in index.columns if index[name].dtype == pl.String)
        ids = index.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("customer"), customer_id=key)
        self.ids = ids
        people = decisions.select("customer_id").join(customers, on="customer_id", how="left").fill_null(0.0)
        people = people.with_columns(channel=pl.Series(self.channel_of(people["customer_id"]))).with_row_index("person")
        people = people.join(self.contacts_left(), on="customer_id", how="left").join(ids, on="customer_id")
        self.people = people.with_columns(places=pl.col("places").fill_null(self.per_customer).clip(1, self.per_customer)).sort("person")
        self.pairs = pairs.join(people.select("customer_id", "person", "customer"), on="customer_id").sort("person", "offer_number")
        names = [name for name in scoring.columns if name not in ("customer", "as_of")]
        row_of = dict(zip(scoring["customer"].to_list(), range(scoring.height)))
        matrix = scoring.select(names).to_numpy().astype(np.float32)
        levels = {f["name"]: f.get("levels") for f in json.loads((self.run / "features/dictionary.json").read_text())["features"]}
        self.features, self.names, self.levels = matrix, names, levels
        self.row = np.array([row_of[customer] for customer in self.pairs["customer"].to_list()], dtype=np.int64)
        self.person_row = np.array([row_of[customer] for customer in self.people["customer"].to_list()], dtype=np.int64)
        self.person = self.pairs["person"].to_numpy().astype(np.int64)
        self.offer = self.pairs["offer_number"].to_numpy().astype(np.int64)
        families = {name: number for number, name in enumerate(sorted(set(self.pairs["family"])))}
        self.family = np.array([families[name] for name in self.pairs["family"]])
        self.margin = self.pairs["margin"].to_numpy()
        self.alone, self.contacted = (self.pairs[name].to_numpy() for name in ("without_contact", "with_contact"))
        self.gain = np.stack([self.pairs[f"gain_{k}"].to_numpy() for k in (1, 2, 3)], axis=1)
        self.drag = np.stack([self.people[f"drag_{k}"].to_numpy() for k in (1, 2, 3)], axis=1)
        self.leaves = np.stack([self.people[name].to_numpy() for name in ("leaves_alone", "leaves_1", "leaves_2", "leaves_3")], axis=1)
        self.places = self.people["places"].to_numpy().astype(np.int64)
        self.cost = np.array([self.contact_cost(channel) for channel in self.people["channel"]], dtype=float)

    def contact_cost(self, channel):
        return self.cost_by_channel.get(channel, self.any_cost)

    def channel_of(self, customers):
        """The cheapest channel that the newest answer before the run allows, the first of those that cost the same."""
        consents = pl.read_csv(self.tables / "consents.csv").filter(pl.col("recorded_at") < str(AS_OF))
        newest = consents.sort("recorded_at").unique(["customer_id", "channel"], keep="last").filter(pl.col("allowed") == "yes")
        allowed = {}
        for customer, channel in newest.select("customer_id", "channel").iter_rows():
            allowed.setdefault(customer, set()).add(channel)
        first = lambda customer: min((c for c in self.channels if c in allowed.get(customer, ())), key=self.contact_cost, default=None)
        return [first(customer) for customer in customers]

    def contacts_left(self):
        contacts = pl.read_csv(self.tables / "contacts.csv", infer_schema_length=None)
        since = str(AS_OF - timedelta(days=self.limit.get("days", 30)))
        recent = contacts.filter((pl.col("arm") != "control") & (pl.col("sent_at") >= since) & (pl.col("loaded_at") < str(AS_OF)))
        most = self.limit.get("max", 1_000_000)
        return recent.group_by("customer_id").agg(places=(most - pl.len().cast(pl.Int64)).clip(0))

    # --- policies -----------------------------------------------------------------------------------------------------------

    def chosen(self, gain, drag=None, shrink=(1.0, 1.0, 1.0), cost=None, threshold=0.0, most=None):
        """Pairs taken best first: in round k each customer's k-th contact, by what it adds to the customer's earlier ones."""
        cost = self.cost[self.person] if cost is None else cost
        drag = np.zeros((len(self.places), 3)) if drag is None else drag
        by_channel, by_offer = self.room()
        channel = self.people["channel"].to_list()
        sums, taken_families, result = np.zeros(len(self.places)), [set() for _ in self.places], []
        free = np.ones(len(self.person), dtype=bool)
        for k in range(min(3, self.per_customer)):
            before = sums * shrink[k - 1] + drag[:, k - 1] if k else np.zeros(len(self.places))
            added = (sums[self.person] + gain) * shrink[k] + drag[self.person, k] - before[self.person] - cost
            has_all_before = np.array([len(families) == k for families in taken_families])
            open_pairs = np.flatnonzero(free & (added > threshold) & has_all_before[self.person] & (self.places[self.person] > k))
            seen = set()
            for pair in open_pairs[np.argsort(-added[open_pairs], kind="stable")]:
                person, offer = self.person[pair], self.offer[pair]
                if person in seen or self.family[pair] in taken_families[person] or channel[person] is None:
                    continue
                if by_channel.get(channel[person], 1) <= 0 or by_offer.get(self.offers[offer], 1) <= 0 or (most is not None and len(result) >= most):
                    continue
                seen.add(person)
                for room, name in ((by_channel, channel[person]), (by_offer, self.offers[offer])):
                    if name in room:
                        room[name] -= 1
                result.append(pair)
                taken_families[person].add(self.family[pair])
                sums[person] += gain[pair]
                free[pair] = False
        return np.array(result, dtype=np.int64)

    def room(self):
        by_channel = {place["channel"]: place["max"] for place in self.capacity if "channel" in place and "offer" not in place}
        by_offer = {place["offer"]: place["max"] for place in self.capacity if "offer" in place and "channel" not in place}
        return by_channel, by_offer

    def value(self, pairs, costs=None):
        """V of contacts about these pairs, churn among those contacted without and with them, contacts, and customers contacted."""
        number = np.bincount(self.person[pairs], minlength=len(self.places)).clip(0, 3)
        k = number[self.person[pairs]] - 1
        contacted = np.flatnonzero(number)
        v = self.gain[pairs, k].sum() + self.drag[contacted, number[contacted] - 1].sum() - (self.cost[self.person[pairs]] if costs is None else costs).sum()
        alone, with_contacts = self.leaves[contacted, 0].sum(), self.leaves[contacted, number[contacted]].sum()
        return {"v": float(v), "contacts": len(pairs), "customers": len(contacted), "churn": float(with_contacts / alone - 1) if alone else 0.0}

    def published(self):
        """The pairs published, and what each contact costs."""
        offers = pl.read_parquet(self.run / "offers.parquet").select("customer_id", "offer", "channel")
        joined = self.pairs.with_row_index("pair").join(offers, on=["customer_id", "offer"])
        places, costs = joined["pair"].to_numpy(), np.array([self.contact_cost(channel) for channel in joined["channel"]], dtype=float)
        if len(places) != offers.height:
            raise SystemExit(f"{offers.height - len(places)} published offers are not among the pairs that the rules leave")
        return places, costs

    # --- scores -------------------------------------------------------------------------------------------------------------

    def per_pair(self, columns=slice(None)):
        return np.column_stack([self.features[self.row][:, columns], self.offer])

    def contact_parts(self):
        """What the run's models say a contact adds to each pair's probability."""
        added = np.zeros(len(self.person))
        propensity = self.pairs["propensity"].to_numpy()
        for path in sorted((self.run / "models").glob("*.json")):
            model = json.loads(path.read_text())
            here = self.offer == self.offers.index(model["offer"])
            if contact := model.get("contact"):
                added[here] = apart(propensity[here], contact["log_odds"], contact.get("contacted_share", 0.0))
        return added

    def two_models(self):
        """The difference of two LightGBM models of takes, of those contacted about the offer and of those not, all offers pooled."""
        training = pl.read_parquet(self.run / "features/training.parquet")
        labels = [name for name in training.columns if name.startswith("label_")]
        treated = self.treated(training)
        x = training.select(self.names).to_numpy().astype(np.float32)
        sets = ([], [], []), ([], [], [])
        for offer, label in enumerate(labels):
            code = training[label].to_numpy()
            known, y = (code == NO_TAKE) | (code == TAKE), (code == TAKE).astype(np.float32)
            for arm, (xs, ys, os) in enumerate(sets):
                rows = np.flatnonzero(known & (treated[:, offer] == bool(arm)))
                xs.append(x[rows]), ys.append(y[rows]), os.append(np.full(len(rows), offer))
        mine = self.per_pair()
        chance = []
        for xs, ys, os in sets:
            all_x = np.column_stack([np.concatenate(xs), np.concatenate(os)])
            y = np.concatenate(ys)
            if y.sum() < 10:
                chance.append(np.full(len(mine), y.mean() if len(y) else 0.0))
                continue
            data = lightgbm.Dataset(all_x, y, categorical_feature=[all_x.shape[1] - 1], free_raw_data=True)
            model = lightgbm.train({**TREES, "objective": "binary", "num_leaves": 15, "learning_rate": 0.05}, data, 80)
            chance.append(model.predict(mine))
        return chance[1] - chance[0]

    def treated(self, training):
        """For every training row and offer, whether a contact about it was made between the date and half its label window."""
        contacts = pl.read_csv(self.tables / "contacts.csv", infer_schema_length=None)
        contacts = contacts.filter((pl.col("arm") != "control") & (pl.col("loaded_at") < str(AS_OF)) & pl.col("offer_id").is_in(self.offers))
        days = contacts.join(self.ids, on="customer_id").select("customer", "offer_id", day=pl.col("sent_at").str.slice(0, 10).str.to_date())
        joined = training.select("customer", "as_of").with_row_index("row").join(days, on="customer")
        until = pl.col("as_of") + pl.duration(days=self.gap + self.horizon // 2)
        joined = joined.filter((pl.col("day") >= pl.col("as_of")) & (pl.col("day") < until))
        found = np.zeros((training.height, len(self.offers)), dtype=bool)
        number = {name: i for i, name in enumerate(self.offers)}
        found[joined["row"].to_numpy(), [number[name] for name in joined["offer_id"]]] = True
        return found

    def measured(self, oracle, rng):
        published, costs = self.published()
        worth = lambda chance: chance * self.margin * self.months
        propensity = self.pairs["propensity"].to_numpy()
        shrink = [self.gain[:, k].sum() / self.gain[:, 0].sum() for k in range(3)]
        drags = [self.drag[:, k].sum() / self.drag[:, 0].sum() for k in range(3)]
        observed = oracle.weigh(self)
        mean_drag = np.tile(self.drag.mean(axis=0), (len(self.places), 1))
        sure = self.gain[:, 0].sum() / (self.alone * self.margin).sum()
        policies = {
            "run": published,
            "nobody": published[:0],
            "random": self.chosen(rng.random(len(self.person)), cost=0.0, most=len(published)),
            "p x margin": self.chosen(worth(propensity), threshold=self.threshold),
            "two models": self.chosen(worth(self.two_models()), threshold=self.threshold),
            "p1 - p0": self.chosen(worth(self.contact_parts())),
            "our scores": self.chosen(propensity * self.margin * sure, mean_drag, shrink),
            "true effects": self.chosen(worth(self.contacted - self.alone)),
            "known": self.chosen(self.gain[:, 0], self.drag, shrink),
        }
        told = {name: self.value(pairs) for name, pairs in policies.items()} | {"run": self.value(published, costs)}
        ways = [self.value(self.chosen(gain, drag[:, None] * np.array(drags), shrink)) for gain, drag in observed]
        told["ways"] = [way["v"] for way in ways]
        told["oracle"] = max([*ways, told["nobody"], told["our scores"]], key=lambda way: way["v"])
        told["a contact"] = float((self.gain[:, 0] + self.drag[self.person, 0]).mean())
        return told | {"eligible": len(self.places), "pairs": len(self.person), "cost": float(self.cost.mean()), "removed": self.removed}


class Oracle:
    """What features tell of the truth, learned from a company of its own."""

    def __init__(self, company):
        self.names, self.levels = company.names, company.levels
        x, scale = company.per_pair(), np.maximum(np.abs(company.margin), 1.0)
        offer = [x.shape[1] - 1]
        self.gain = fitted(x, company.gain[:, 0] / scale, offer)
        self.alone = fitted(x, company.alone, offer)
        self.drag = fitted(company.features[company.person_row], company.drag[:, 0], [])
        self.per_taken = [
            (company.gain[here, 0].sum() / max((company.alone[here] * company.margin[here]).sum(), 1e-9)) if here.any() else 0.0
            for here in (company.offer == i for i in range(len(company.offers)))]

    def weigh(self, company):
        """Gains and drags: by trees of gains, by trees of chances and each offer's mean effect, and the mean of both."""
        if company.names != self.names or company.levels != self.levels:
            different = [n for n in self.names if n not in company.names or self.levels[n] != company.levels.get(n)]
            raise SystemExit(f"features differ between companies: {different} {set(company.names) - set(self.names)}")
        x = company.per_pair()
        first = self.gain.predict(x) * np.maximum(np.abs(company.margin), 1.0)
        second = self.alone.predict(x) * company.margin * np.array(self.per_taken)[company.offer]
        drag = self.drag.predict(company.features[company.person_row])
        return [(first, drag), (second, drag), ((first + second) / 2, drag)]


def fitted(x, y, categories):
    data = lightgbm.Dataset(x, y, categorical_feature=categories, free_raw_data=True)
    return lightgbm.train({**TREES, "objective": "regression"}, data, 120)


def apart(propensity, log_odds, contacted_share):
    """The difference of the two probabilities that lie apart by so much and whose mixture is the propensity."""
    low, high = np.zeros_like(propensity), np.ones_like(propensity)
    contacted = lambda alone: alone * np.exp(log_odds) / (1 - alone + alone * np.exp(log_odds))
    for _ in range(50):
        middle = (low + high) / 2
        mixed = contacted_share * contacted(middle) + (1 - contacted_share) * middle
        low, high = np.where(mixed < propensity, middle, low), np.where(mixed < propensity, high, middle)
    return contacted(low) - low


# --- the table --------------------------------------------------------------------------------------------------------------


def half(values, table):
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    t = table[len(values) - 2] if len(values) - 2 < len(table) else (1.66 if table is ONE_SIDED else 1.98)
    return t * values.std(ddof=1) / np.sqrt(len(values))


def row(world, customers, seeds):
    a_thousand = 1_000 / customers
    v = lambda name: np.array([seed[name]["v"] for seed in seeds]) * a_thousand
    run, oracle = v("run"), v("oracle")
    s = run / oracle
    # The ratio of means: of companies whose oracle earns next to nothing, single ratios say little.
    whole = run.sum() / oracle.sum()
    mean = lambda name, key: np.mean([seed[name][key] for seed in seeds])
    beside = []
    for name in BASELINES:
        difference = run - v(name)
        beside.append(f"{difference.mean():+,.0f} (> {difference.mean() - half(difference, ONE_SIDED):+,.0f})")
    return [
        world, f"{customers:,}", f"{np.median(s):.2f}", f"{s.min():.2f}", f"{whole:.2f} ± {half(s, TWO_SIDED):.2f}", f"{run.mean():+,.0f}",
        f"{oracle.mean():,.0f}", f"{v('known').mean():,.0f}", *beside, f"{v('p1 - p0').mean():+,.0f}", f"{v('our scores').mean():+,.0f}",
        f"{(v('true effects') / v('known')).mean():.3f}", f"{np.mean([s['a contact'] for s in seeds]):.1f} of {np.mean([s['cost'] for s in seeds]):.1f}", f"{mean('run', 'contacts'):,.0f}",
        f"{mean('oracle', 'contacts'):,.0f}", f"{100 * mean('run', 'churn'):+.2f} %",
    ]


if __name__ == "__main__":
    main()
