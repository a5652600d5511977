"""Compares the propensities of `osusume score` with those another program computes from the converted model.

    osusume score MODEL FILE --out SCORES.csv
    osusume convert MODEL --out MODEL.onnx
    python benches/convert_equal.py MODEL.onnx FILE SCORES.csv
    osusume convert MODEL --out MODEL.pmml
    python benches/convert_equal.py MODEL.pmml FILE SCORES.csv
    osusume convert RUN --out RUN.onnx
    python benches/convert_equal.py RUN.onnx RUN

ONNX is checked by onnx.checker and computed by onnxruntime, PMML by jpmml_evaluator, or by pypmml with
`--engine pypmml`, which keeps more digits of a linear model's numbers than the document asks for.
Prints one JSON line: rows, the largest difference of propensities, also as a share of ours, and the engine's
seconds.
Exits with 1 where a propensity differs by more than 1e-9; those of a run, which have 32 bits, by more than 2e-7.
"""

import argparse
import csv
import datetime
import json
import math
import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np

ASKED = 1e-9
# A run keeps 32 bits of a propensity, and sums additive models in units of as many.
OF_32_BITS = 2e-7
EPOCH = datetime.date(1970, 1, 1).toordinal()


def columns_of(path):
    """The cells of a CSV file by column, without blanks at their ends."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        delimiter = max(",;\t|", key=first.count)
        file.seek(0)
        header, *rows = csv.reader(file, delimiter=delimiter)
    return {name: [row[at].strip() for row in rows if row] for at, name in enumerate(header)}


def number(text, is_date):
    """A number, or the days of a date; NaN for anything else."""
    try:
        if is_date:
            return float(datetime.date.fromisoformat(text[:10].replace("/", "-")).toordinal() - EPOCH)
        return float(text)
    except ValueError:
        return math.nan


def by_onnx(path, feed):
    """Propensities and seconds of onnxruntime; `feed` gives the values of an input."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    feeds = {taken.name: feed(taken) for taken in model.graph.input}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    began = time.perf_counter()
    propensity, log_odds = session.run(None, feeds)
    seconds = time.perf_counter() - began
    with np.errstate(over="ignore"):
        assert np.abs(propensity - 1 / (1 + np.exp(-log_odds))).max() < ASKED
    return propensity, seconds


def is_text(taken):
    return taken.type.tensor_type.elem_type == 8


def of_file(path):
    """What an input takes of the columns of a CSV file."""
    columns = columns_of(path)

    def feed(taken):
        texts = columns[taken.name]
        if is_text(taken):
            return np.array(texts, dtype=object).reshape(-1, 1)
        is_date = taken.doc_string.startswith("days")
        return np.array([[number(text, is_date)] for text in texts], dtype=np.float64)

    return feed


def of_run(path):
    """What an input takes of the features of a run, and the run's propensities."""
    import pyarrow.parquet as parquet

    with open(f"{path}/features/dictionary.json", encoding="utf-8") as file:
        levels = {feature["name"]: feature.get("levels") for feature in json.load(file)["features"]}
    features = parquet.read_table(f"{path}/features/scoring.parquet")

    def feed(taken):
        values = features[taken.name].to_numpy().astype(np.float64).reshape(-1, 1)
        if not is_text(taken):
            return values
        names = [*levels[taken.name], "none of those named"]
        return np.array([["" if math.isnan(code) else names[int(code)]] for code in values[:, 0]], dtype=object)

    lists = parquet.read_table(f"{path}/scores.parquet")["propensity"].to_pylist()
    return feed, np.array([[math.nan if p is None else p for p in row] for row in lists])


def by_pmml(path, columns, engine):
    """Propensities and seconds of a PMML engine."""
    import pandas

    root = ElementTree.parse(path).getroot()
    space = {"p": root.tag[1 : root.tag.index("}")]}
    target = root.find(".//p:MiningField[@usageType='target']", space).get("name")
    output = root.find(".//p:OutputField", space).get("name")
    cells = {}
    for field in root.iterfind("./p:DataDictionary/p:DataField", space):
        name = field.get("name")
        if name == target:
            continue
        if field.get("optype") == "continuous":
            is_date = "days" in field.get("displayName", "")
            numbers = [number(text, is_date) for text in columns[name]]
            cells[name] = [None if math.isnan(value) else value for value in numbers]
        else:
            cells[name] = [text or None for text in columns[name]]
    frame = pandas.DataFrame(cells, dtype=object)
    if engine == "jpmml":
        from jpmml_evaluator import make_evaluator

        evaluator = make_evaluator(path).verify()
        began = time.perf_counter()
        results = evaluator.evaluateAll(frame)
    else:
        from pypmml import Model

        evaluator = Model.load(path)
        began = time.perf_counter()
        results = evaluator.predict(frame)
    seconds = time.perf_counter() - began
    return results[output].to_numpy(dtype=np.float64), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file", help="a CSV file, or the directory of a run")
    parser.add_argument("scores", nargs="?", help="what `osusume score` wrote; a run has scores of its own")
    parser.add_argument("--engine", choices=["jpmml", "pypmml"], default="jpmml", help="what computes PMML")
    asked = parser.parse_args()
    allowed = ASKED
    if asked.scores is None:
        feed, ours = of_run(asked.file)
        propensity, seconds = by_onnx(asked.model, feed)
        is_scored = ~np.isnan(ours[:, 0])
        ours, propensity, allowed = ours[is_scored], propensity[is_scored], OF_32_BITS
    else:
        with open(asked.scores, encoding="utf-8", newline="") as file:
            ours = np.array([float(row["propensity"]) for row in csv.DictReader(file)])
        if asked.model.endswith(".onnx"):
            propensity, seconds = by_onnx(asked.model, of_file(asked.file))
        else:
            propensity, seconds = by_pmml(asked.model, columns_of(asked.file), asked.engine)
    assert ours.shape == propensity.shape, (ours.shape, propensity.shape)
    difference = float(np.abs(ours - propensity).max())
    told = {
        "model": asked.model,
        "rows": len(ours),
        "offers": ours.size // len(ours),
        "largest_difference": difference,
        "largest_relative_difference": float((np.abs(ours - propensity) / ours).max()),
        "seconds": round(seconds, 3),
    }
    print(json.dumps(told))
    return int(not difference <= allowed)


if __name__ == "__main__":
    sys.exit(main())
