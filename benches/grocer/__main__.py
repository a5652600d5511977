"""The grocer's year: osusume, the best single column, another program and popularity on the same rows; seconds, memory.

usage: python benches/grocer TABLES PEER [--binary FILE] [--households-times 10] [--only quality|time]

TABLES holds transactions.parquet, products.parquet and demographics.parquet (data/README.md says how to get them). PEER
is the other program, a Python file that takes the paths of transactions and products and prints its seconds a stage as
JSON. It is run as it is for its time, and in a changed copy (programs.py) for its predictions at each of three tests.

A test on a day asks a run made as of that day, which knows only the label windows that had ended by then.
Needs polars, numpy and whatever the peer needs.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from datetime import date
from pathlib import Path

import programs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=lambda text: Path(text).resolve())
    parser.add_argument("peer", type=lambda text: Path(text).resolve())
    parser.add_argument("--binary", type=Path, default=programs.ROOT / "target/release/osusume")
    parser.add_argument("--households-times", type=int, default=10, help="how many households the larger tables have")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each program; the median counts")
    parser.add_argument("--only", choices=["quality", "time"])
    return parser.parse_args()


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        # Times first: what comes later leaves this process large.
        if options.only != "quality":
            print_times(options, options.tables, directory / "runs", "the grocer's year")
        if options.only != "quality" and options.households_times > 1:
            large = larger(options, directory / "large")
            print_times(options, large, directory / "large-runs", f"{options.households_times} times the households")
        if options.only != "time":
            import quality

            quality.print_table(options, directory)


def larger(options, out):
    import tenfold

    out.mkdir()
    tenfold.write(options.tables, options.households_times, out)
    return out


def print_times(options, tables, runs, title):
    """Both programs in turn: medians of seconds and of peak memory, and the ratios."""
    ours, theirs, stages, peer_stages = [], [], [], []
    for _ in range(options.repeats):
        # What is published already would not be made again.
        shutil.rmtree(runs, ignore_errors=True)
        command = programs.osusume(options.binary, tables, runs, date(2018, 1, 1), export=runs.with_suffix(".csv"))
        ours.append(programs.measured(command)[:2])
        stages.append(programs.stages_of(programs.published(runs)))
        *found, printed = programs.measured(programs.peer_command(options.peer, tables))
        theirs.append(found)
        peer_stages.append(json.loads(printed.splitlines()[-1])["stages"])
    (seconds, memory), (peer_seconds, peer_memory) = medians(ours), medians(theirs)
    # Starting Python, and what it measures of itself afterwards, are in no stage.
    peer_work = statistics.median(sum(found.values()) for found in peer_stages)
    print(f"{title}: median of {options.repeats}, the programs in turn")
    print(f"  osusume {seconds:8.2f} s {memory:8.0f} MB   {listed(stages)}")
    print(f"  peer    {peer_seconds:8.2f} s {peer_memory:8.0f} MB   {listed(peer_stages)}")
    print(
        f"  the peer takes {peer_seconds / seconds:.2f} times our seconds, its stages alone {peer_work / seconds:.2f}; "
        f"we take {memory / peer_memory:.2f} of its memory",
        flush=True,
    )


def medians(pairs):
    return [statistics.median(values) for values in zip(*pairs)]


def listed(stages):
    return ", ".join(f"{name} {statistics.median(found[name] for found in stages):.2f}" for name in stages[0])


if __name__ == "__main__":
    main()
