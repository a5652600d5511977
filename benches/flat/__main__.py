"""Files with a row a case: osusume and what else a data team would fit, on the same rows.

usage: python benches/flat TABLES PEERS [DATASET ...] [--peers lightgbm,logistic,ebm] [--model additive|linear] [--binary FILE]
       [--calibrators]

PEERS is a Python file with `load(directory, name)`, which gives columns and target, and `models()`, which gives by name
what makes a model with `fit` and `predict_proba` or `predict`. A data set comes with a split of its own or in five folds,
the same for all; NAME@time learns from the first 70 % of the file and is tested on the last 30 %.

Prints AUC, log loss, slope of calibration, reliability (what miscalibration adds to the Brier score, less chance's part)
and seconds of training; and, against each peer, paired differences with 95 % intervals (ours less theirs).
With --calibrators, instead, the log loss that our predictions would have after other calibrators (`calibrators.py`).
Needs numpy, pandas, scikit-learn and whatever PEERS needs.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import calibrators
import measures
import programs

DATASETS = ["bank", "shoppers", "telco", "telco_security", "adult", "bank@time"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=lambda text: Path(text).resolve())
    parser.add_argument("peer_file", type=lambda text: Path(text).resolve(), metavar="PEERS")
    parser.add_argument("datasets", nargs="*", metavar="DATASET")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=["lightgbm", "logistic"])
    parser.add_argument("--model", choices=["additive", "linear"], default="additive")
    parser.add_argument("--binary", type=Path, default=programs.ROOT / "target/release/osusume")
    parser.add_argument("--calibrators", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    peers = programs.peers_of(options.peer_file)
    if options.calibrators:
        return calibrated(options, peers)
    makers = peers.models()
    print("| data set | program | AUC | log loss | slope | reliability × 10⁴ | seconds |\n|---|---|---|---|---|---|---|")
    differences, means = [], {}
    for name in options.datasets or DATASETS:
        found, folds = predictions(options, peers, makers, name)
        for program in found:
            print(summary(name, program, found, folds), flush=True)
            tell(means, program, name, found[program], folds)
        differences += [compared(name, program, found, folds) for program in options.peers]
    for program, rows in means.items():
        mean_auc, mean_loss = np.mean(rows, axis=0)
        print(f"| mean without @time | {program} | {mean_auc:.4f} | {mean_loss:.4f} | | | |")
    print("\n| data set | against | AUC | log loss | reliability × 10⁴ | our share of its seconds |\n|---|---|---|---|---|---|")
    print("\n".join(differences))


def calibrated(options, peers):
    options.peers = []
    print("| data set | " + " | ".join(calibrators.KINDS) + " |\n" + "|---" * (1 + len(calibrators.KINDS)) + "|")
    for name in options.datasets or DATASETS:
        found, folds = predictions(options, peers, {}, name)
        losses = [calibrators.held_out(y, p) for y, p in zip(folds, found["osusume"][0])]
        means = [f"{np.mean([loss[kind] for loss in losses]):.5f}" for kind in calibrators.KINDS]
        print(f"| {name} | " + " | ".join(means) + " |", flush=True)


def predictions(options, peers, makers, name):
    """By program, the predictions of each fold's test rows and the seconds of all its fits; the targets of the folds."""
    x, y, folds = programs.folds_of(peers, options.tables, name)
    with tempfile.TemporaryDirectory() as directory:
        ours = [programs.osusume(options, x, y, *fold, Path(directory)) for fold in folds]
    found = {"osusume": ours}
    for program in options.peers:
        found[program] = [programs.peer(makers[program], x, y, *fold) for fold in folds]
    found = {program: ([p for p, _ in fits], sum(seconds for _, seconds in fits)) for program, fits in found.items()}
    return found, [y[test] for _, test in folds]


def tell(means, program, name, found, folds):
    if "@" not in name:
        pairs = list(zip(folds, found[0]))
        aucs, losses = [measures.auc(y, p) for y, p in pairs], [measures.losses(y, p).mean() for y, p in pairs]
        means.setdefault(program, []).append((np.mean(aucs), np.mean(losses)))


def summary(name, program, found, folds):
    fits, seconds = found[program]
    auc = np.mean([measures.auc(y, p) for y, p in zip(folds, fits)])
    loss = np.mean([measures.losses(y, p).mean() for y, p in zip(folds, fits)])
    y, p = np.concatenate(folds), np.concatenate(fits)
    slope, low, high = measures.slope(y, p)
    excess = measures.reliability(measures.group_of(p), y, p, np.ones((len(y), 1)))[0]
    return f"| {name} | {program} | {auc:.4f} | {loss:.4f} | {slope:.3f} [{low:.3f}, {high:.3f}] | {1e4 * excess:.2f} | {seconds:.2f} |"


def compared(name, program, found, folds):
    (ours, seconds), (theirs, their_seconds) = found["osusume"], found[program]
    y = np.concatenate(folds)
    _, excess = measures.reliability_difference(y, np.concatenate(ours), np.concatenate(theirs))
    cells = [measures.auc_difference(folds, ours, theirs), measures.loss_difference(folds, ours, theirs)]
    auc, loss = (f"{value:+.4f} [{low:+.4f}, {high:+.4f}]" for value, low, high in cells)
    excess = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(1e4 * value for value in excess))
    return f"| {name} | {program} | {auc} | {loss} | {excess} | {seconds / their_seconds:.2f} |"


if __name__ == "__main__":
    main()
