"""What a recipe is worth: the same pipeline with it and without it, at every test date of every seed.

    python benches/rule_features.py pipelines/grocer.toml --data TABLES --as-of 2018-01-01
    python benches/rule_features.py pipelines/isp.toml --customers 20000 --seeds 5 --as-of 2026-10-01
    python benches/rule_features.py pipelines/isp.toml --recipe weekend season --customers 20000 --seeds 5 --as-of 2026-10-01
    python benches/rule_features.py pipelines/isp.toml --recipe tone --customers 20000 --first-seed 11 --seeds 4 --as-of 2026-10-01

TABLES is the directory that the pipeline file calls `../data`. With `--customers` the tables are those of so many generated
customers of an internet provider, new ones for each seed. Prints mean AUC and log loss over the offers with a model in both runs,
the paired differences, and for how many pairs of an offer and a test the AUC rose and fell. The intervals are 95 % of a bootstrap
over offers; runs of several seeds are resampled by seed and offer. The recipe is `rules` unless `--recipe` names others. Wants the
release build, and Python with NumPy.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--customers", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="a setting of both runs, as of `osusume run`")
    parser.add_argument("--recipe", nargs="+", default=["rules"], help="what only one of the two runs has")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds) if options.customers else [None]
    with tempfile.TemporaryDirectory() as directory:
        pairs = [pair for seed in seeds for pair in of_seed(options, Path(directory), seed)]
    print_table(pairs)


def of_seed(options, directory, seed):
    """Every test of every offer that has a model in both runs: (seed, offer, date, without, with, takes, rows)."""
    company = directory / f"company-{seed}"
    (company / "pipelines").mkdir(parents=True)
    for file in options.pipeline.resolve().parent.iterdir():
        shutil.copy(file, company / "pipelines")
    if seed is None:
        (company / "data").symlink_to(options.data.resolve())
    else:
        made = ["synth", "isp", "--customers", options.customers, "--events", 20 * options.customers, "--seed", seed]
        run(options.binary, *made, "--out", company / "data/isp", "--quiet")
    found = {}
    for is_with in (False, True):
        others = [name for name in recipes_of(options.pipeline) if name not in options.recipe]
        recipes = others + options.recipe * is_with
        found[is_with], seconds = tests(options, company, recipes)
        print(f"seed {seed}, {'with' if is_with else 'without'}: " + ", ".join(f"{k} {v:.2f} s" for k, v in seconds))
    both = sorted(found[False].keys() & found[True].keys())
    return [(seed, *key, found[False][key], found[True][key]) for key in both]


def recipes_of(pipeline):
    """The recipes of a pipeline file, or those it has without saying."""
    asked = tomllib.loads(pipeline.read_text()).get("features", {}).get("recipes")
    schema = json.loads((ROOT / "docs/pipeline.schema.json").read_text())
    return asked or schema["properties"]["features"]["properties"]["recipes"]["default"]


def tests(options, company, recipes):
    """The out-of-time tests of one run by offer and date, and the seconds of its stages."""
    settings = [f"features.recipes={json.dumps(recipes)}", *options.set]
    sets = [part for setting in settings for part in ("--set", setting)]
    command = ["run", company / "pipelines" / options.pipeline.name, "--as-of", options.as_of, "--no-export", "--quiet"]
    name = tomllib.loads(options.pipeline.read_text())["pipeline"]["name"]
    runs = company / f"runs-{len(recipes)}"
    run(options.binary, *command, *sets, "--set", f"run.directory='{runs}'")
    published = runs / name / (runs / name / "CURRENT").read_text().split()[0]
    summary = json.loads((published / "summary.json").read_text())
    stages = json.loads((published / "timings.json").read_text())["stages"]
    learned = [offer for offer in summary["offers"] if offer["basis"] == "model"]
    found = {(offer["offer"], test["as_of"]): test for offer in learned for test in offer["tests"]}
    return found, [(stage["stage"], stage["duration_us"] / 1e6) for stage in stages]


def run(binary, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OSUSUME")}
    subprocess.run([binary, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, env=environment)


def print_table(pairs):
    dates = sorted({pair[2] for pair in pairs})
    print(f"\n{'':<12}{'tests':>6}{'takes':>8}   {'AUC without':>11}{'with':>9}   {'difference [95 %]':<30}{'rose/fell':>10}")
    for date in [*dates, None]:
        of_date = [pair for pair in pairs if date in (None, pair[2])]
        without, with_them = (np.array([pair[side]["auc"] for pair in of_date]) for side in (3, 4))
        signs = f"{(with_them > without).sum()}/{(with_them < without).sum()}"
        takes = sum(pair[3]["positives"] for pair in of_date)
        told = interval(of_date, with_them - without, 4)
        means = f"{without.mean():>11.4f}{with_them.mean():>9.4f}"
        print(f"{date or 'all':<12}{len(of_date):>6}{takes:>8}   {means}   {told:<30}{signs:>10}")
    print(f"\n{'':<12}{'tests':>6}{'rows':>9}  {'log loss without':>16}{'with':>10}   difference [95 %]")
    for date in [*dates, None]:
        of_date = [pair for pair in pairs if date in (None, pair[2])]
        without, with_them = (np.array([pair[side]["log_loss"] for pair in of_date]) for side in (3, 4))
        rows = sum(pair[3]["rows"] for pair in of_date)
        told = interval(of_date, with_them - without, 5)
        print(f"{date or 'all':<12}{len(of_date):>6}{rows:>9}  {without.mean():>16.5f}{with_them.mean():>10.5f}   {told}")


def interval(pairs, differences, digits):
    """The mean difference, and where a bootstrap over the offers of every seed puts it."""
    units = {}
    for pair, difference in zip(pairs, differences):
        units.setdefault(pair[:2], []).append(difference)
    sums = np.array([[sum(unit), len(unit)] for unit in units.values()])
    drawn = np.random.default_rng(1).integers(0, len(sums), (2000, len(sums)))
    totals = sums[drawn].sum(1)
    low, high = np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975])
    return f"{np.mean(differences):+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


if __name__ == "__main__":
    main()
