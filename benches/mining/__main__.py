"""Itemsets of many files at many counts: osusume beside other miners, the programs in turn on the same file.

usage: python benches/mining DATA PEER [--only FILE[:COUNT] ...] [--mining FILE] [--binary FILE] [--kept FILE] [--rounds 3]

DATA is a directory somewhere below which the files of `cases.py` lie. PEER is a Python program that takes the path of a
file with a basket a line, a least count and names of miners, and prints one JSON line a miner with its `seconds` and
`sets`, only counting.

Ours are seconds from unsorted baskets in memory to the last count (`cargo bench -p osusume-association --bench mining`,
which repeats a run until half a second has passed), the peer's what it says; the whole process is `osusume mine FILE
--count-only`, from a plain file to the printed counts. In every round each of them has a turn; medians over the rounds.
With `--kept` what was measured is kept in a file, and is not measured again by the next call.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import cases
import programs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=lambda text: Path(text).resolve())
    parser.add_argument("peer", type=lambda text: Path(text).resolve())
    parser.add_argument("--only", nargs="+", metavar="FILE[:COUNT]", help="what to measure instead of everything")
    parser.add_argument("--miners", nargs="+", default=["borgelt_fpgrowth", "borgelt_eclat"], help="names PEER knows")
    parser.add_argument("--mining", type=Path, help="the built bench; without it cargo builds it")
    parser.add_argument("--binary", type=Path, default=programs.ROOT / "target/release/osusume")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kept", type=Path, help="one JSON line a case")
    return parser.parse_args()


def main():
    options = arguments()
    options.mining = options.mining or programs.built_bench()
    rows = [json.loads(line) for line in options.kept.read_text().splitlines()] if known(options.kept) else []
    done = {(row["file"], row["count"]) for row in rows}
    with tempfile.TemporaryDirectory() as directory:
        for file, count in cases.chosen(options.only):
            if (file, count) in done:
                continue
            path = cases.plain(options.data, file, Path(directory))
            if path is None:
                print(f"{file}: not below {options.data}, left out", file=sys.stderr)
                continue
            rows.append({"file": file, "count": count, **measured(options, path, count)})
            if options.kept:
                with options.kept.open("a") as kept:
                    print(json.dumps(rows[-1]), file=kept)
    print_table(sorted(rows, key=cases.place))


def known(path):
    return path is not None and path.exists()


def measured(options, path, count):
    """Medians over the rounds, and the sets all programs agree on."""
    found = []
    for _ in range(options.rounds):
        one = programs.mining(options.mining, path, count, n_threads=1)
        peers = programs.peers(options.peer, path, count, options.miners)
        two = programs.mining(options.mining, path, count, n_threads=2)
        process = programs.whole_process(options.binary, path, count)
        sets = one["sets"]
        # Two of the miners miss one set where an item is in every basket: the item alone.
        is_other = any(peer["sets"] not in (sets, sets - 1) for peer in peers)
        if is_other or {two["sets"], process["sets"]} != {sets}:
            sys.exit(f"{path.name} {count}: the programs disagree: {one} {two} {process} {peers}")
        best = min(peers, key=lambda peer: peer["seconds"])
        found.append((one["mine_seconds"], two["mine_seconds"], process["seconds"], best["seconds"]))
    seconds, two, process, peer = (statistics.median(column) for column in zip(*found))
    return {"sets": sets, "seconds": seconds, "two": two, "process": process, "peer": peer, "best": best["peer"]}


def print_table(rows):
    print("| file, count | sets | ours | best peer | ratio | gate | | two threads | whole process |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        ratio, gate = row["peer"] / row["seconds"], cases.gate(row)
        speedup, wanted = row["seconds"] / row["two"], cases.gate_of_threads(row)
        verdict = "met" if ratio >= gate and speedup >= wanted else "**missed**"
        print(
            f"| {row['file']} {row['count']} | {row['sets']:,} | {row['seconds']:.4f} s | {row['peer']:.4f} s "
            f"| {ratio:.1f} | {gate:g} | {verdict} | {speedup:.2f} | {row['process']:.3f} s |"
        )
    missed = sum(row["peer"] / row["seconds"] < cases.gate(row) for row in rows)
    slow = sum(row["seconds"] / row["two"] < cases.gate_of_threads(row) for row in rows)
    print(f"\n{len(rows)} cases: {missed} miss the gate of one thread, {slow} that of two")


if __name__ == "__main__":
    main()
