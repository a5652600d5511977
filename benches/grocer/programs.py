"""Runs osusume and the peer program: for their predictions, and for their seconds and memory."""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipelines/grocer.toml"
# What is changed in a copy of the peer, so that it tests on another date and keeps its rows: text that must stand there
# once → what takes its place.
PATCHES = {
    '<= asof("2017-10-01")': '<= asof("{last}")',
    '== asof("2017-11-01")': '== asof("{test}")',
    'te.select("household_id", "y")': 'te.select("household_id", "product_category", "y")',
    "every = pl.concat(test)": (
        'every = pl.concat(test); every.write_parquet(r"{out}"); f.write_parquet(r"{features}")'
    ),
}


def offered():
    """The categories that are offered, in the order in which a run numbers them."""
    return tomllib.loads(PIPELINE.read_text())["offers"]["category"]["names"]


def osusume(binary, tables, runs, as_of, settings=(), export=None):
    """The command of one run."""
    paths = {"transactions": "transactions", "products": "products", "households": "demographics"}
    sets = [f"sources.{name}.path='{tables / file}.parquet'" for name, file in paths.items()]
    sets += [f"run.directory='{runs}'", *settings]
    sets += [f"export=[{{profile='csv', path='{export}'}}]"] if export else []
    command = [str(binary), "run", str(PIPELINE), "--as-of", str(as_of), "--quiet"]
    return command + ([] if export else ["--no-export"]) + [part for value in sets for part in ("--set", value)]


def published(runs):
    """The directory of the newest published run."""
    pipeline = runs / "grocer"
    return pipeline / (pipeline / "CURRENT").read_text().split()[0]


def run_as_of(binary, tables, runs, day, dates):
    """Makes a run as of that day, which learns from these dates; its directory."""
    settings = [f"train.as_of=[{','.join(map(str, dates))}]", "train.tests=[]"]
    command = osusume(binary, tables, runs / str(day), day, settings)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return published(runs / str(day))


def peer_predictions(peer, tables, day, last, directory):
    """Runs a changed copy of the peer that learns up to `last` and tests on `day`; its test rows, its features of all
    dates."""
    out, features = directory / f"peer-{day}.parquet", directory / f"peer-features-{day}.parquet"
    text = peer.read_text()
    for old, new in PATCHES.items():
        if text.count(old) != 1:
            sys.exit(f"{peer}: expected once: {old}")
        text = text.replace(old, new.format(last=last, test=day, out=out, features=features))
    copy = directory / "peer.py"
    copy.write_text(text)
    environment = os.environ | {"PYTHONPATH": str(peer.parent)}
    subprocess.run(peer_command(copy, tables), check=True, stdout=subprocess.DEVNULL, env=environment)
    return out, features


def peer_command(peer, tables):
    return [sys.executable, str(peer), str(tables / "transactions.parquet"), str(tables / "products.parquet")]


def measured(command):
    """Runs a command; its elapsed seconds, peak memory in MB, and what it printed."""
    # Through `time`, a small process: a child inherits the peak of the one it was forked from.
    with tempfile.NamedTemporaryFile("r") as found:
        timed = ["/usr/bin/env", "time", "-o", found.name, "-f", "%e %M", *command]
        environment = os.environ | {"POLARS_MAX_THREADS": str(len(os.sched_getaffinity(0)))}
        printed = subprocess.run(timed, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        seconds, kibibytes = found.read().split()
    return float(seconds), int(kibibytes) * 1024 / 1e6, printed


def stages_of(run):
    """Seconds of each stage of a run."""
    timings = json.loads((run / "timings.json").read_text())
    return {stage["stage"]: stage["duration_us"] / 1e6 for stage in timings["stages"]}
