"""What boosted trees learn: the two models that a team would try, and the oracle. Every answer is a table, scoring rows by offers."""

import hashlib
import json
from datetime import timedelta

import lightgbm
import numpy as np
import polars as pl

from regret_company import AS_OF

TREES = {"verbosity": -1, "num_leaves": 31, "learning_rate": 0.06, "min_data_in_leaf": 200, "seed": 7, "deterministic": True}
# Codes of the label columns of features/training.parquet; others are rows that were not eligible or left.
NO_TAKE, TAKE = 0, 4
# Rows without a take that are learned from, by row with one; each then counts for those left out. More change nothing that shows.
OTHERS = 25


def digest(*parts):
    """A name for what these parts say."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode())
        sha.update(b"\0")
    return sha.hexdigest()[:16]


def file_digest(*paths):
    return digest(*(path.read_bytes() for path in paths))


def per_offer(model, features, offers):
    """The model's answer for every row and offer; the offer is the last column."""
    return np.stack([model.predict(np.column_stack([features, np.full(len(features), offer)])) for offer in range(offers)], axis=1)


def fitted(threads, x, y, categories, weight=None, rounds=120, **settings):
    data = lightgbm.Dataset(x, y, weight=weight, categorical_feature=categories, free_raw_data=True)
    return lightgbm.train({**TREES, "num_threads": threads, "objective": "regression", **settings}, data, rounds)


def two_models(company, threads):
    """The difference of two LightGBM models of takes, of those contacted about the offer and of those not, all offers pooled."""
    training = pl.read_parquet(company.run / "features/training.parquet")
    labels = [name for name in training.columns if name.startswith("label_")]
    treated = treated_rows(company, training)
    x = training.select(company.names).to_numpy().astype(np.float32)
    rng, chance = np.random.default_rng(1), []
    for arm in (False, True):
        rows, offers, y, weight = [], [], [], []
        for offer, label in enumerate(labels):
            code = training[label].to_numpy()
            of_arm = treated[:, offer] == arm
            takes, others = np.flatnonzero(of_arm & (code == TAKE)), np.flatnonzero(of_arm & (code == NO_TAKE))
            kept = min(len(others), max(OTHERS * len(takes), 2_000))
            some = np.sort(rng.choice(others, kept, replace=False))
            rows += [takes, some]
            offers += [np.full(len(takes) + kept, offer)]
            y += [np.ones(len(takes)), np.zeros(kept)]
            weight += [np.ones(len(takes)), np.full(kept, len(others) / max(kept, 1))]
        rows, offers, y, weight = (np.concatenate(part) for part in (rows, offers, y, weight))
        if y.sum() < 10:
            chance.append(np.full((len(company.features), len(labels)), (y * weight).sum() / max(weight.sum(), 1.0)))
            continue
        settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "rounds": 80}
        model = fitted(threads, np.column_stack([x[rows], offers]), y, [x.shape[1]], weight, **settings)
        chance.append(per_offer(model, company.features, len(labels)))
    return (chance[1] - chance[0]).astype(np.float32)


def treated_rows(company, training):
    """For every training row and offer, whether a contact about it was made between the date and half its label window."""
    contacts = pl.read_csv(company.tables / "contacts.csv", infer_schema_length=None)
    contacts = contacts.filter((pl.col("arm") != "control") & (pl.col("loaded_at") < str(AS_OF)) & pl.col("offer_id").is_in(company.offers))
    days = contacts.join(company.ids, on="customer_id").select("customer", "offer_id", day=pl.col("sent_at").str.slice(0, 10).str.to_date())
    joined = training.select("customer", "as_of").with_row_index("row").join(days, on="customer")
    until = pl.col("as_of") + pl.duration(days=company.gap + company.horizon // 2)
    joined = joined.filter((pl.col("day") >= pl.col("as_of")) & (pl.col("day") < until))
    found = np.zeros((training.height, len(company.offers)), dtype=bool)
    number = {name: i for i, name in enumerate(company.offers)}
    found[joined["row"].to_numpy(), [number[name] for name in joined["offer_id"]]] = True
    return found


class Oracle:
    """What features tell of the truth, learned from a company of its own, or as kept in a directory."""

    PARTS = ("gain", "alone", "drag")

    @classmethod
    def learn(cls, company, threads):
        self = cls()
        self.offers, self.levels = company.offers, company.levels
        self.names = company.names
        x = np.column_stack([company.features[company.row], company.offer])
        offer = [x.shape[1] - 1]
        scale = np.maximum(np.abs(company.margin), 1.0)
        people = company.features[company.person_row]
        self.models = [
            fitted(threads, x, company.gain[:, 0] / scale, offer),
            fitted(threads, x, company.alone, offer),
            fitted(threads, people, company.drag[:, 0], [], **({"min_data_in_leaf": 20} if len(people) < 2_000 else {})),
        ]
        mean = lambda here: company.gain[here, 0].sum() / max((company.alone[here] * company.margin[here]).sum(), 1e-9) if here.any() else 0.0
        self.per_taken = [float(mean(company.offer == i)) for i in range(len(company.offers))]
        return self

    def keep(self, place):
        place.mkdir(parents=True)
        for part, model in zip(self.PARTS, self.models):
            model.save_model(place / f"{part}.txt")
        about = {"per_taken": self.per_taken, "names": self.names, "levels": self.levels, "offers": self.offers}
        (place / "about.json").write_text(json.dumps(about))

    @classmethod
    def kept(cls, place):
        self = cls()
        self.models = [lightgbm.Booster(model_file=place / f"{part}.txt") for part in cls.PARTS]
        vars(self).update(json.loads((place / "about.json").read_text()))
        return self

    def fits(self, company):
        """Whether the company has the same features: a metric of which few rows were kept may be in one company and not in another."""
        mine, theirs = set(self.names), set(company.names)
        same = all(self.levels.get(name) == company.levels.get(name) for name in mine & theirs)
        return same and self.offers == company.offers and len(mine ^ theirs) <= 0.2 * len(mine)

    def features(self, company):
        """The company's features in the oracle's order; one it does not have is absent."""
        place = {name: i for i, name in enumerate(company.names)}
        absent = np.full(len(company.features), np.nan, dtype=np.float32)
        return np.column_stack([company.features[:, place[name]] if name in place else absent for name in self.names])

    def see(self, company):
        """Gains by unit of margin, chances alone, and drags, of all rows and offers."""
        offers = len(company.offers)
        features = self.features(company)
        gain, alone = (per_offer(model, features, offers).astype(np.float32) for model in self.models[:2])
        return gain, alone, self.models[2].predict(features).astype(np.float32)

    def weigh(self, company, seen):
        """Gains and drags: by trees of gains, by trees of chances and each offer's mean effect, and the mean of both."""
        gain, alone, drag = seen
        pair = company.row, company.offer
        first = gain[pair] * np.maximum(np.abs(company.margin), 1.0)
        second = alone[pair] * company.margin * np.array(self.per_taken)[company.offer]
        drag = drag[company.person_row]
        return [(first, drag), (second, drag), ((first + second) / 2, drag)]
