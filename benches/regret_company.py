"""One company with a run over it: the pairs that the run's rules leave, the truth beside them, and what a policy over them is worth."""

import json
import subprocess
import tarfile
import tomllib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

AS_OF = date(2026, 10, 1)
USAGE_ROWS_A_CUSTOMER = 60
# What leaves a pair in the running: everything else in decisions.parquet is a rule that removed it.
OPEN = {"chosen", "below_threshold", "outranked", "no_capacity", "not_drawn", "household_limit", "harmful", "negative_effect", "harms"}
# What the truth's tables hold that nothing here reads.
UNREAD = {"truth/customers.csv", "truth/triggers.csv", "truth/holdings.csv"}


def call(binary, *arguments):
    done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_tables(options, place, kept, world, customers, seed):
    """The company's tables in `place`: unpacked where `kept` holds them, otherwise made, and kept there."""
    if kept and kept.exists():
        with tarfile.open(kept) as packed:
            packed.extractall(place, filter="data")
        return
    size = ["--customers", customers, "--seed", seed, "--events", customers * USAGE_ROWS_A_CUSTOMER, "--out", place]
    source = [world, "--covariates", options.covariates[world]] if world in options.covariates else [world]
    call(options.binary, "synth", *source, *size, "--worth", "--threads", options.threads)
    if kept:
        part = kept.with_suffix(".part")
        with tarfile.open(part, "w:gz", compresslevel=1) as packed:
            for path in sorted(p for p in place.rglob("*") if p.is_file() and str(p.relative_to(place)) not in UNREAD):
                packed.add(path, path.relative_to(place))
        part.rename(kept)


def run(options, pipeline, world):
    sets = [word for key in options.set for word in ("--set", key)]
    call(options.binary, "run", pipeline, "--as-of", AS_OF, "--threads", options.threads, *sets)
    (run,) = (path for path in (pipeline.parent.parent / "runs" / world).iterdir() if path.name.startswith(str(AS_OF)))
    return run


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
        # What is left of the effect of each of one, two and three contacts, as the ranking takes it.
        self.wear = (1 - setting(config, sets, "decide.wear_out", 0.25)) ** np.arange(3)
        self.channels = setting(config, sets, "decide.channels", ["mail"])
        self.capacity = [place for place in setting(config, sets, "decide.capacity", []) if "max" in place]
        self.limit = setting(config, sets, "decide.contact_limit", {})
        self.gap = setting(config, sets, "offers.gap_days", 0)
        self.horizon = setting(config, sets, "offers.horizon_days", 60)
        self.load_pairs()
        self.load_features()

    def load_pairs(self):
        decisions = pl.read_parquet(self.run / "decisions.parquet").filter(pl.col("arm") == "offer")
        self.offers = pl.read_parquet_metadata(self.run / "scores.parquet")["offers"].split("\n")
        numbers = pl.DataFrame({"offer": self.offers, "offer_number": range(len(self.offers))})
        said = decisions.select("customer_id", *self.offers).unpivot(index="customer_id", variable_name="offer", value_name="decision")
        self.removed = dict(said.group_by("decision").len().sort("decision").iter_rows())
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
        (key,) = (name for name in index.columns if index[name].dtype == pl.String)
        ids = index.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("customer"), customer_id=key)
        self.ids = ids
        people = decisions.select("customer_id").join(customers, on="customer_id", how="left").fill_null(0.0)
        people = people.with_columns(channel=pl.Series(self.channel_of(people["customer_id"]), dtype=pl.String)).with_row_index("person")
        people = people.join(self.contacts_left(), on="customer_id", how="left").join(ids, on="customer_id")
        self.people = people.with_columns(places=pl.col("places").fill_null(self.per_customer).clip(1, self.per_customer)).sort("person")
        self.pairs = pairs.join(people.select("customer_id", "person", "customer"), on="customer_id").sort("person", "offer_number")
        self.person = self.pairs["person"].to_numpy().astype(np.int64)
        self.offer = self.pairs["offer_number"].to_numpy().astype(np.int64)
        families = {name: number for number, name in enumerate(sorted(set(self.pairs["family"])))}
        self.family = np.array([families[name] for name in self.pairs["family"]], dtype=np.int64)
        self.margin = self.pairs["margin"].to_numpy()
        self.alone, self.contacted = (self.pairs[name].to_numpy() for name in ("without_contact", "with_contact"))
        self.gain = np.stack([self.pairs[f"gain_{k}"].to_numpy() for k in (1, 2, 3)], axis=1)
        self.drag = np.stack([self.people[f"drag_{k}"].to_numpy() for k in (1, 2, 3)], axis=1)
        self.leaves = np.stack([self.people[name].to_numpy() for name in ("leaves_alone", "leaves_1", "leaves_2", "leaves_3")], axis=1)
        self.places = self.people["places"].to_numpy().astype(np.int64)
        self.cost = np.array([self.contact_cost(channel) for channel in self.people["channel"]], dtype=float)

    def load_features(self):
        scoring = pl.read_parquet(self.run / "features/scoring.parquet")
        self.names = [name for name in scoring.columns if name not in ("customer", "as_of")]
        dictionary = json.loads((self.run / "features/dictionary.json").read_text())["features"]
        self.levels = {feature["name"]: feature.get("levels") for feature in dictionary}
        self.features = scoring.select(self.names).to_numpy().astype(np.float32)
        row_of = np.zeros(int(scoring["customer"].max()) + 1, dtype=np.int64)
        row_of[scoring["customer"].to_numpy()] = np.arange(scoring.height)
        self.row = row_of[self.pairs["customer"].to_numpy()]
        self.person_row = row_of[self.people["customer"].to_numpy()]

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
        most = self.limit.get("max", 2)
        return recent.group_by("customer_id").agg(places=(most - pl.len().cast(pl.Int64)).clip(0))

    # --- policies -----------------------------------------------------------------------------------------------------------

    def chosen(self, gain, drag=None, shrink=(1.0, 1.0, 1.0), cost=None, threshold=0.0, most=None, has_room=False):
        """Pairs taken best first: in round k each customer's k-th contact, by what it adds to the customer's earlier ones. With
        `has_room` there are places for all."""
        cost = self.cost[self.person] if cost is None else cost
        drag = np.zeros((len(self.places), 3)) if drag is None else drag
        by_channel, by_offer = ({}, {}) if has_room else self.room()
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

    def most(self):
        """V of the best set for every customer: of each number of contacts the best ones, one a family. Capacities are left aside."""
        best = np.zeros(len(self.places))
        for k in range(1, min(3, self.per_customer) + 1):
            pairs = pl.DataFrame({"person": self.person, "family": self.family, "gain": self.gain[:, k - 1]})
            top = pairs.group_by("person", "family").agg(pl.col("gain").max()).sort("gain", descending=True).group_by("person").head(k)
            sums = top.group_by("person").agg(pl.col("gain").sum(), n=pl.len()).filter(pl.col("n") == k)
            person, gain = sums["person"].to_numpy(), sums["gain"].to_numpy()
            v = gain + self.drag[person, k - 1] - k * self.cost[person]
            open_to = (self.places[person] >= k) & self.people["channel"].is_not_null().to_numpy()[person]
            best[person] = np.maximum(best[person], np.where(open_to, v, 0.0))
        return float(best.sum())

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

    def own_effects(self):
        """What the run's models say a contact adds to each pair's probability."""
        added = np.zeros(len(self.person))
        propensity = self.pairs["propensity"].to_numpy()
        for path in sorted((self.run / "models").glob("*.json")):
            model = json.loads(path.read_text())
            contact = model.get("contact") if model.get("offer") in self.offers else None
            if contact:
                here = self.offer == self.offers.index(model["offer"])
                added[here] = apart(propensity[here], contact["log_odds"], contact.get("contacted_share", 0.0))
        return added


def apart(propensity, log_odds, contacted_share):
    """The difference of the two probabilities that lie apart by so much and whose mixture is the propensity."""
    low, high = np.zeros_like(propensity), np.ones_like(propensity)
    contacted = lambda alone: alone * np.exp(log_odds) / (1 - alone + alone * np.exp(log_odds))
    for _ in range(50):
        middle = (low + high) / 2
        mixed = contacted_share * contacted(middle) + (1 - contacted_share) * middle
        low, high = np.where(mixed < propensity, middle, low), np.where(mixed < propensity, high, middle)
    return contacted(low) - low
