"""What a run finds of the truth: every generated business, several seeds, one row a business.

    python benches/worlds.py --seeds 101 102 103
    python benches/worlds.py --worlds contacts --customers 300 --seeds 101 102 103

Each seed is a company no world was tuned on: `synth` makes it, `run` offers with three tenths held out, the offers reach their
customers, and `evaluate` compares. Printed are means over seeds and offers with a model: the AUC at the newest test date, out of
time; the AUC that the scores have against the true probabilities of the day of the run, beside the AUC of these probabilities
themselves, which no score exceeds; then takes per hundred offers, of those who got them and of those held out who would have,
weighted alike by offer, with the difference and its 95 % interval over all seeds, and what the truth says the difference is; and
the seconds of a run. Wants the release build, and Python with Polars and NumPy.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
WORLDS = ["isp", "saas", "storage", "music", "mobile", "store", "cosmetics", "fanclub", "contacts", "restaurant"]
AS_OF = date(2026, 10, 1)
# Gap, label window and kept days, and three weeks so that the tables reach that far.
LATER = AS_OF + timedelta(days=97 + 21)
# The metrics that matter come first, so the others are thinned.
USAGE_ROWS_A_CUSTOMER = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=WORLDS, choices=WORLDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[101, 102, 103])
    parser.add_argument("--customers", type=int, help="20,000, and 2,000 of `contacts`, without it")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    options = parser.parse_args()
    heads = ["business", "customers", "offers", "AUC, test", "AUC, truth", "at most", "with", "without", "added (95 %)", "true", "s"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for world in options.worlds:
        customers = options.customers or (2_000 if world == "contacts" else 20_000)
        with tempfile.TemporaryDirectory() as directory:
            seeds = [of_seed(options.binary, Path(directory) / str(seed), world, customers, seed) for seed in options.seeds]
        print("| " + " | ".join(row(world, customers, seeds)) + " |", flush=True)


def of_seed(binary, place, world, customers, seed):
    """One company: what its run scored, offered and earned."""
    (place / "pipelines").mkdir(parents=True)
    pipeline = place / f"pipelines/{world}.toml"
    shutil.copy(ROOT / f"pipelines/{world}.toml", pipeline)
    tables = place / "data" / world
    size = ["--customers", customers, "--seed", seed, "--events", customers * USAGE_ROWS_A_CUSTOMER, "--out", tables]
    call(binary, "synth", world, *size)
    began = time.monotonic()
    call(binary, "run", pipeline, "--as-of", AS_OF, "--set", "decide.holdout.fraction=0.3")
    seconds = time.monotonic() - began
    (run,) = (path for path in (place / "runs" / world).iterdir() if path.name.startswith(str(AS_OF)))
    truth = pl.read_parquet(tables / "truth/chances.parquet")
    models = json.loads((run / "summary.json").read_text())["offers"]
    modelled = [offer["offer"] for offer in models if offer["basis"] == "model"]
    tests = [offer["tests"][-1].get("auc") for offer in models if offer["basis"] == "model" and offer["tests"]]
    answers = place / "answers.parquet"
    call(binary, "synth", "respond", world, run / "offers.parquet", "--seed", seed, "--expected", "--out", answers)
    call(binary, "synth", world, *size, "--until", LATER, "--offers", run / "offers.parquet")
    said = call(binary, "evaluate", pipeline, run.name, "--as-of", LATER, "--output", "json")
    return {
        "tests": [auc for auc in tests if auc is not None],
        "scores": areas(run / "scores.parquet", truth, modelled),
        "arms": [arms(offer) for offer in json.loads(said)["evaluation"]["offers"]],
        "true": true_difference(answers),
        "offers": pl.read_parquet(run / "offers.parquet").height,
        "seconds": seconds,
    }


def call(binary, *arguments):
    done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def areas(path, truth, modelled):
    """For each offer with a model, the area of its scores against the true probabilities, and that of these themselves."""
    scores = pl.read_parquet(path)
    names = pl.read_parquet_metadata(path)["offers"].split("\n")
    scores = scores.select("customer_id", pl.col("propensity").list.to_struct(fields=names)).unnest("propensity")
    scores = scores.unpivot(index="customer_id", variable_name="offer", value_name="score").drop_nulls()
    joined = scores.join(truth, on=["customer_id", "offer"])
    found = []
    for offer in modelled:
        rows = joined.filter(pl.col("offer") == offer)
        true = rows["without_contact"].to_numpy()
        if len(rows):
            found.append((expected_auc(rows["score"].to_numpy(), true), expected_auc(true, true)))
    return found


def expected_auc(scores, probabilities):
    """The area that takes drawn with these probabilities have in expectation; ties count one half."""
    values, places = np.unique(scores, return_inverse=True)
    takes = np.bincount(places, probabilities, len(values))
    others = np.bincount(places, 1 - probabilities, len(values))
    below = np.cumsum(others) - others
    return (takes * (below + others / 2)).sum() / (takes.sum() * others.sum())


def arms(offer):
    sizes = [(offer[arm]["customers"], offer[arm]["takes"]) for arm in ("assigned", "shadow")]
    return [number for pair in sizes for number in pair]


def true_difference(answers):
    """The mean over offers of the probability with contact less that without."""
    rows = pl.read_parquet(answers)
    return (rows["with_contact"] - rows["without_contact"]).mean()


def difference(all_arms):
    """Rates of both arms weighted by those assigned, and the difference with the half width of its interval."""
    table = np.array([arm for arm in all_arms if arm[0] > 0 and arm[2] > 0], dtype=float)
    assigned, taken, held_out, taken_anyway = table.T
    weight = assigned / assigned.sum()
    rates = taken / assigned, taken_anyway / held_out
    variance = sum((weight**2 * rate * (1 - rate) / size).sum() for rate, size in zip(rates, (assigned, held_out)))
    with_offer, without = ((weight * rate).sum() for rate in rates)
    return with_offer, without, 1.96 * np.sqrt(variance)


def row(world, customers, seeds):
    tests = [auc for seed in seeds for auc in seed["tests"]]
    scores = np.array([pair for seed in seeds for pair in seed["scores"]])
    with_offer, without, half = difference([arm for seed in seeds for arm in seed["arms"]])
    added = with_offer - without
    mean = lambda key: np.mean([seed[key] for seed in seeds])
    return [
        world,
        f"{customers:,}",
        f"{mean('offers'):,.0f}",
        f"{np.mean(tests):.3f}" if tests else "-",
        f"{scores[:, 0].mean():.3f}" if len(scores) else "-",
        f"{scores[:, 1].mean():.3f}" if len(scores) else "-",
        f"{100 * with_offer:.2f}",
        f"{100 * without:.2f}",
        f"{100 * added:+.2f} ({100 * (added - half):+.2f} to {100 * (added + half):+.2f})",
        f"{100 * mean('true'):+.2f}",
        f"{mean('seconds'):.1f}",
    ]


if __name__ == "__main__":
    main()
