"""Runs our bench, our command and the peer on one file."""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def built_bench():
    """Builds the bench; its executable."""
    command = ["cargo", "bench", "-p", "osusume-association", "--bench", "mining", "--no-run"]
    printed = output([*command, "--message-format", "json"], cwd=ROOT)
    built = (json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    return next(Path(it["executable"]) for it in built if it.get("executable"))


def mining(bench, path, count, n_threads):
    """What the bench prints of one case."""
    return json.loads(output([bench, "--bench", path, str(count), "all", str(n_threads)]))


def peers(peer, path, count, miners):
    """What the peer prints, a row a miner."""
    printed = output([sys.executable, peer, path, str(count), *miners])
    return [json.loads(line) for line in printed.splitlines()]


def whole_process(binary, path, count):
    """Sets and seconds of the command, its start and its reading of the file included."""
    command = [binary, "mine", path, "--min-count", str(count), "--count-only", "--threads", "1", "--output", "json"]
    started = time.perf_counter()
    printed = output([*command, "--quiet"])
    return {"seconds": time.perf_counter() - started, "sets": json.loads(printed)["sets"]}


def output(command, cwd=None):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout
