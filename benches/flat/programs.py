"""What is run: osusume on files, other models in this process, on the same folds."""

import csv
import importlib.util
import subprocess
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def peers_of(path):
    """The module at `path`, for its `load(directory, name)` of a data set and its `models()`."""
    spec = importlib.util.spec_from_file_location("quality_peers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def folds_of(peers, tables, name):
    """Columns, target, and pairs of training and test rows; `NAME@time` is the first 70 % and the last 30 % of the file."""
    from sklearn.model_selection import StratifiedKFold

    x, y = peers.load(str(tables), name.removesuffix("@time"))
    split = x.attrs.get("split")
    bools = x.select_dtypes("bool").columns
    x[bools] = x[bools].astype(str)
    y = y.to_numpy()
    if name.endswith("@time"):
        split = len(x) * 7 // 10
    if split:
        return x, y, [(np.arange(split), np.arange(split, len(x)))]
    return x, y, list(StratifiedKFold(5, shuffle=True, random_state=1).split(x, y))


def run(*command):
    """Seconds of a program as a whole process."""
    started = time.perf_counter()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} {command[1]}: exit code {done.returncode}\n{done.stderr}")
    return time.perf_counter() - started


def osusume(options, x, y, train, test, directory):
    """Predictions of the test rows and the seconds of `osusume train`, from file to file."""
    rows, others = directory / "train.csv", directory / "test.csv"
    x.iloc[train].assign(y=y[train]).to_csv(rows, index=False)
    x.iloc[test].to_csv(others, index=False)
    model, scores = directory / "model", directory / "scores.csv"
    for path in (model, scores):
        path.unlink(missing_ok=True)
    seconds = run(options.binary, "train", rows, "--target", "y", "--positive", "1", "--model", options.model, "--out", model)
    run(options.binary, "score", model, others, "--out", scores)
    with open(scores, newline="", encoding="utf-8") as file:
        p = np.array([float(row["propensity"]) for row in csv.DictReader(file)])
    if len(p) != len(test):
        raise SystemExit(f"{len(p)} scores for {len(test)} rows")
    return p, seconds


def peer(make, x, y, train, test):
    """Predictions of the test rows and the seconds of fitting, in this process."""
    model = make()
    started = time.perf_counter()
    model = model.fit(x.iloc[train], y[train])
    seconds = time.perf_counter() - started
    p = model.predict_proba(x.iloc[test])[:, 1] if hasattr(model, "predict_proba") else model.predict(x.iloc[test])
    return np.asarray(p, dtype=float), seconds
