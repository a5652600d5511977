"""What a run's offers are worth by the truth, between contacting nobody and the best that can be known: every generated business.

    python benches/regret.py --seeds 201 202 203 204 205
    python benches/regret.py --seeds $(seq 201 220) --cache DIR --lines results.jsonl
    python benches/regret.py --report results.jsonl
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
places, one a family, each customer through the cheapest channel allowed, capacities by channel and offer, best value first.

- random: as many random eligible pairs as the run published.
- p x margin: propensity x margin, the propensity being the run's own.
- two models: LightGBM learns takes of those contacted, and of those not, and multiplies the difference with the margin.
- p1 - p0: what the run's models say a contact adds, times the margin: its own scores with this file's allocator.
- our scores: the same, allocated as the oracle's are, fatigue and drags being known: what the scores lose by themselves.
- true effects: the true p1 - p0 x margin, as decide would weigh it, without fatigue and churn; told as a share of `known`.
- true values: the true worth of one contact, with fatigue and churn in it, each contact for itself; a share of `known`, too.
- given: the true worth of a first contact, and further ones worn by `decide.wear_out`, as decide would weigh them: what the ranking
  loses that is told the truth. Told as a share of `most`, the best set of offers of each customer, exactly, capacities left aside.

Two tables are printed, a row a world; V is in minor units a thousand customers. The first is of parts: V of `given` as a share of
`most`, mean and worst; what our scores lose with the oracle's allocator, as S and as regret (the oracle's V less theirs), with 95 %
intervals over seeds; and what lies behind. The second is of the whole: median, worst and mean S, the mean difference of V to each
baseline with the one-sided 95 % lower bound, paired by seed, and churn caused among those contacted, relative, over twelve months.

With `--lines` each world and seed is appended to the file as soon as it is known, those that are there already (of the same program,
pipeline and settings) are not measured again, and `--report` prints the table of a file. With `--cache` what does not depend on the
ranking is kept: tables and truth, what the two models and the oracle say of the same features. Then a seed costs its run and about a
second. With `--jobs 2` two processes work at once, seed by seed over all worlds, so that a cut leaves whole seeds. `--prepare` makes
and keeps tables and truth of companies that the cache lacks, and nothing else.

Wants the release build, and Python with Polars, NumPy and LightGBM.
"""

import argparse
import fcntl
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

# Before Polars and LightGBM are loaded: threads beyond the free cores cost more than they bring.
THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "1"
os.environ.setdefault("POLARS_MAX_THREADS", THREADS)
os.environ.setdefault("OMP_NUM_THREADS", THREADS)

import numpy as np

from regret_company import Company, make_tables, run
from regret_learners import Oracle, digest, file_digest, two_models

ROOT = Path(__file__).resolve().parents[1]
WORLDS = ["isp", "saas", "storage", "music", "mobile", "store", "cosmetics", "fanclub", "contacts", "restaurant"]
# Those whose customers are real: the table they want, and how many customers there are in it.
PLANTED = {
    "telco_planted": ("telco-churn/WA_Fn-UseC_-Telco-Customer-Churn.csv.gz", 7_043),
    "journey_planted": ("complete-journey/demographics.parquet", 8_010),
}
# The company that the oracle learns from.
ORACLE_SEED = 9_001
# Student's t, one-sided 95 % and two-sided 95 %, by degrees of freedom.
ONE_SIDED = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729]
TWO_SIDED = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093]
BASELINES = ["nobody", "random", "p x margin", "two models"]
PARTS = ["business", "customers", "seeds", "given, of most (worst)", "our scores, S (95 %)", "regret (95 %)", "oracle", "known", "p1 - p0", "true effects", "true values",
         "a contact", "contacts", "oracle's"]
WHOLE = ["business", "customers", "seeds", "V", "worst", "S median", "worst", "S of means (95 %)", *(f"V less {name}" for name in BASELINES), "churn, % (worst)"]


def main():
    options = arguments()
    if options.report:
        newest = {(line["world"], line["customers"], line["seed"]): line for line in lines_of(options.report)}
        print_table(newest.values())
        return
    # The seeds outside, so that a cut leaves whole seeds of every world; the worlds outside where no oracle is kept.
    tasks = [(world, seed) for seed in options.seeds for world in options.worlds]
    tasks = tasks if options.cache else sorted(tasks, key=lambda task: options.worlds.index(task[0]))
    if options.cache and not options.prepare and len(tasks) > 1:
        tasks = oracles_first(options, tasks)
    lines, began = [], time.monotonic()
    if options.jobs == 1:
        for world, seed in tasks:
            lines.append(of_seed(options, world, seed))
            progress(options, lines, len(tasks), began)
    else:
        with ProcessPoolExecutor(options.jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
            for done in as_completed([workers.submit(of_seed, options, world, seed) for world, seed in tasks]):
                lines.append(done.result())
                progress(options, lines, len(tasks), began)
    if not options.prepare:
        print_table(lines)


def oracles_first(options, tasks):
    """The first seed of every world before the others: whoever comes first waits for the world's oracle, and nobody for two."""
    first = options.seeds[0]
    return sorted(tasks, key=lambda task: task[1] != first)


def progress(options, lines, tasks, began):
    line, seconds = lines[-1], time.monotonic() - began
    left = seconds / len(lines) * (tasks - len(lines)) / 60
    told = f", {left:.0f} minutes left" if len(lines) < tasks else ""
    print(f"{line['world']} {line['seed']}: {line.get('seconds', 0):.0f} s; {len(lines)} of {tasks}{told}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", help="all of them without it, those with real customers where --data has their tables")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("OSUSUME_DATA", ROOT / "../shared/data")), help="of the published tables")
    parser.add_argument("--seeds", nargs="+", type=int, default=[101, 102, 103, 104, 105])
    parser.add_argument("--customers", type=int, help="20,000, 2,000 of `contacts`, and as many as are real, without it")
    parser.add_argument("--oracle-customers", type=int, default=40_000, help="of the company that the oracle learns from")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the pipeline, as `run --set`")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/osusume")
    parser.add_argument("--pipelines", type=Path, default=ROOT / "pipelines")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--cache", type=Path, help="keep here what does not depend on the ranking")
    parser.add_argument("--prepare", action="store_true", help="only make and keep the companies that --cache lacks")
    parser.add_argument("--lines", type=Path, help="append each result here, and measure none anew that is there")
    parser.add_argument("--report", type=Path, help="print the table of such a file, nothing else")
    options = parser.parse_args()
    for world in PLANTED:
        if not options.report and not options.worlds and not (options.data / PLANTED[world][0]).exists():
            print(f"skipped: {world}, there is no {options.data / PLANTED[world][0]}", file=sys.stderr)
    options.worlds = options.worlds or WORLDS + [world for world in PLANTED if (options.data / PLANTED[world][0]).exists()]
    options.covariates = {world: (options.data / table).resolve() for world, (table, _) in PLANTED.items()}
    # A program that is built anew meanwhile is another one.
    options.program = None if options.report else file_digest(options.binary)
    if options.prepare and not options.cache:
        parser.error("--prepare wants --cache")
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    return options


def lines_of(path):
    """The results noted so far; the last may have been cut."""
    found = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            print(f"passed over: a line of {path} that is not whole", file=sys.stderr)
    return found


def of_seed(options, world, seed):
    """The line of one company: found, or measured and noted."""
    began = time.monotonic()
    customers = options.customers or (PLANTED[world][1] if world in PLANTED else 2_000 if world == "contacts" else 20_000)
    text = (options.pipelines / f"{world}.toml").read_bytes()
    key = digest(options.program, text, options.set, customers, options.oracle_customers)
    if options.lines:
        for line in lines_of(options.lines):
            if (line["key"], line["world"], line["seed"]) == (key, world, seed):
                return line
    with tempfile.TemporaryDirectory() as directory:
        if options.prepare:
            pack = pack_of(options, world, customers, seed)
            if not (pack / "tables.tar.gz").exists():
                make_tables(options, Path(directory), pack / "tables.tar.gz", world, customers, seed)
            return {"world": world, "seed": seed, "seconds": time.monotonic() - began}
        if file_digest(options.binary) != options.program:
            raise SystemExit(f"{options.binary} has been built anew since this began")
        company, pack = make_company(options, Path(directory), world, customers, seed)
        policies = measured(options, world, company, pack, np.random.default_rng(seed))
    line = {"world": world, "seed": seed, "customers": customers, "key": key, "seconds": time.monotonic() - began, **policies}
    if options.lines:
        # One write a line: another process appends to the same file. A line that was cut before stays a line of its own.
        text = options.lines.read_bytes() if options.lines.exists() else b""
        start = "\n" if text and not text.endswith(b"\n") else ""
        with options.lines.open("ab", buffering=0) as file:
            file.write((start + json.dumps(line) + "\n").encode())
    return line


def pack_of(options, world, customers, seed):
    truth = (ROOT / f"crates/synth/worlds/{world}.toml").read_bytes()
    pack = options.cache / f"{world}-{customers}-{seed}-{digest(truth)}"
    pack.mkdir(exist_ok=True)
    return pack


def make_company(options, place, world, customers, seed):
    """A company with its run, and where what is learned from it may be kept."""
    (place / "pipelines").mkdir(parents=True)
    pipeline = place / f"pipelines/{world}.toml"
    shutil.copy(options.pipelines / f"{world}.toml", pipeline)
    tables = place / "data" / world
    tables.mkdir(parents=True)
    pack = pack_of(options, world, customers, seed) if options.cache else None
    make_tables(options, tables, pack and pack / "tables.tar.gz", world, customers, seed)
    return Company(tables, run(options, pipeline, world), tomllib.loads(pipeline.read_text()), options.set), pack


def measured(options, world, company, pack, rng):
    """Every policy with what it is worth."""
    features = file_digest(company.run / "features/training.parquet", company.run / "features/scoring.parquet")
    two = remembered(pack, f"two-{features}", lambda: [two_models(company, options.threads)])[0]
    oracle = find_oracle(options, world, company)
    seen = remembered(pack, f"seen-{digest(oracle.names, oracle.levels, oracle.per_taken)}-{features}", lambda: oracle.see(company))

    published, costs = company.published()
    worth = lambda chance: chance * company.margin * company.months
    propensity = company.pairs["propensity"].to_numpy()
    added = company.own_effects()
    shrink = [ratio(company.gain[:, k].sum(), company.gain[:, 0].sum()) for k in range(3)]
    drags = [ratio(company.drag[:, k].sum(), company.drag[:, 0].sum()) for k in range(3)]
    mean_drag = np.tile(company.drag.mean(axis=0), (len(company.places), 1))
    alone = company.gain[:, 0] + company.drag[company.person, 0]
    policies = {
        "nobody": published[:0],
        "random": company.chosen(rng.random(len(company.person)), cost=0.0, most=len(published)),
        "p x margin": company.chosen(worth(propensity), threshold=company.threshold),
        "two models": company.chosen(worth(two[company.row, company.offer]), threshold=company.threshold),
        "p1 - p0": company.chosen(worth(added)),
        "our scores": company.chosen(worth(added), mean_drag, shrink),
        "true effects": company.chosen(worth(company.contacted - company.alone)),
        "true values": company.chosen(alone),
        "given": company.chosen(company.gain[:, 0], company.drag[:, :1] * np.arange(1, 4), company.wear, has_room=True),
        "known": company.chosen(company.gain[:, 0], company.drag, shrink),
    }
    told = {name: company.value(pairs) for name, pairs in policies.items()} | {"run": company.value(published, costs)}
    told["most"] = {"v": company.most()}
    ways = [company.value(company.chosen(gain, drag[:, None] * np.array(drags), shrink)) for gain, drag in oracle.weigh(company, seen)]
    told["ways"] = [way["v"] for way in ways]
    told["oracle"] = max([*ways, told["nobody"], told["our scores"]], key=lambda way: way["v"])
    told["a contact"] = float(alone.mean())
    return told | {"eligible": len(company.places), "pairs": len(company.person), "cost": float(company.cost.mean()), "removed": company.removed}


def ratio(part, whole):
    return part / whole if whole else 1.0


def remembered(pack, name, make):
    """Arrays made once; those of other features under the same name are forgotten."""
    if pack is None:
        return make()
    path = pack / f"{name}.npz"
    if path.exists():
        with np.load(path) as kept:
            return [kept[key] for key in sorted(kept.files)]
    arrays = make()
    for old in pack.glob(f"{name.split('-')[0]}-*.npz"):
        old.unlink()
    part = pack / "part.npz"
    np.savez_compressed(part, **{f"a{i}": array for i, array in enumerate(arrays)})
    part.rename(path)
    return arrays


FOUND = {}


def find_oracle(options, world, company):
    """The oracle of such features: known already, kept, or learned on a company of its own."""
    if world in FOUND and FOUND[world].fits(company):
        return FOUND[world]
    stem = f"oracle-{world}-{options.oracle_customers}"
    kept = sorted(options.cache.glob(f"{stem}-*/about.json")) if options.cache else []
    fitting = (oracle for oracle in (Oracle.kept(path.parent) for path in kept) if oracle.fits(company))
    oracle = next(fitting, None)
    if oracle is None:
        with tempfile.TemporaryDirectory() as directory:
            own, _ = make_company(options, Path(directory), world, options.oracle_customers, ORACLE_SEED)
            oracle = Oracle.learn(own, options.threads)
        if not oracle.fits(company):
            raise SystemExit(f"features differ between companies: {set(oracle.names) ^ set(company.names)}")
        if options.cache:
            oracle.keep(options.cache / f"{stem}-{digest(oracle.names, oracle.levels)}")
    FOUND.clear()
    FOUND[world] = oracle
    return oracle


# --- the table --------------------------------------------------------------------------------------------------------------


def print_table(lines):
    """Two tables: of the parts, scores and ranking, and of the whole."""
    groups = {}
    for line in lines:
        groups.setdefault((line["world"], line["customers"]), []).append(line)
    order = lambda key: ((WORLDS + list(PLANTED)).index(key[0]), -key[1])
    groups = [sorted(groups[key], key=lambda line: line["seed"]) for key in sorted(groups, key=order)]
    for heads, row in ((PARTS, of_parts), (WHOLE, of_the_whole)):
        print("\n| " + " | ".join(heads) + " |\n| --- |" + " ---: |" * (len(heads) - 1))
        for group in groups:
            print("| " + " | ".join(row(group)) + " |", flush=True)


def half(values, table):
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    t = table[len(values) - 2] if len(values) - 2 < len(table) else (1.66 if table is ONE_SIDED else 1.98)
    return t * values.std(ddof=1) / np.sqrt(len(values))


def a_thousand(lines, name):
    """V of a policy, a thousand customers, by seed."""
    return np.array([line[name]["v"] for line in lines]) * 1_000 / lines[0]["customers"]


def of_the_whole(lines):
    run, oracle = a_thousand(lines, "run"), a_thousand(lines, "oracle")
    # Where the oracle earns nothing there is no ratio.
    s = run[oracle > 0] / oracle[oracle > 0] if (oracle > 0).any() else np.array([np.nan])
    beside = []
    for name in BASELINES:
        difference = run - a_thousand(lines, name)
        bound = difference.mean() - half(difference, ONE_SIDED)
        beside.append(f"{difference.mean():+,.0f}" + ("" if np.isnan(bound) else f" (> {bound:+,.0f})"))
    churn = np.array([100 * line["run"]["churn"] for line in lines])
    return [
        lines[0]["world"], f"{lines[0]['customers']:,}", f"{len(lines)}", f"{run.mean():+,.0f}", f"{run.min():+,.0f}", f"{np.median(s):.2f}", f"{s.min():.2f}",
        told_ratio(run, oracle), *beside, f"{churn.mean():+.2f} ({churn.max():+.2f})",
    ]


def interval(middle, width, digits):
    """Nothing where one company alone is told."""
    return "" if np.isnan(width) else f" ({middle - width:{digits}} to {middle + width:{digits}})"


def told_ratio(top, bottom):
    """The ratio of means: of companies whose oracle earns next to nothing, single ratios say little."""
    whole, width = ratio_of_means(top, bottom)
    return f"{whole:.2f}{interval(whole, width, '.2f')}"


def ratio_of_means(top, bottom):
    """The ratio with half the width of its 95 % interval over companies, linearised."""
    if bottom.mean() <= 0:
        return np.nan, np.nan
    whole = top.mean() / bottom.mean()
    return whole, half((top - whole * bottom) / bottom.mean(), TWO_SIDED)


def of_parts(lines):
    mean = lambda name, key: np.mean([line[name][key] for line in lines])
    v = lambda name: f"{a_thousand(lines, name).mean():+,.0f}"
    share = lambda name: f"{a_thousand(lines, name).sum() / a_thousand(lines, 'known').sum():.3f}" if a_thousand(lines, "known").sum() > 0 else "-"
    ours, oracle = a_thousand(lines, "our scores"), a_thousand(lines, "oracle")
    lost = oracle - ours
    return [
        lines[0]["world"], f"{lines[0]['customers']:,}", f"{len(lines)}", given(lines), told_ratio(ours, oracle),
        f"{lost.mean():,.0f}{interval(lost.mean(), half(lost, TWO_SIDED), ',.0f')}", v("oracle"), v("known"), v("p1 - p0"),
        share("true effects"), share("true values"), f"{np.mean([line['a contact'] for line in lines]):.1f} of {np.mean([line['cost'] for line in lines]):.1f}",
        f"{mean('run', 'contacts'):,.0f}", f"{mean('oracle', 'contacts'):,.0f}",
    ]


def given(lines):
    """Lines of former versions of this file lack it."""
    lines = [line for line in lines if "most" in line and line["most"]["v"] > 0]
    if not lines:
        return "-"
    given, most = a_thousand(lines, "given"), a_thousand(lines, "most")
    return f"{given.sum() / most.sum():.3f} ({(given / most).min():.3f})"


if __name__ == "__main__":
    main()
