"""What is mined, and how much faster than the best peer it should be."""

import gzip

# At these supports a factor is asked for whatever the peer needs.
GATES = {
    ("retail", 10): 2.5,
    ("T10I4D100K", 50): 2.5,
    ("chess", 1000): 2.5,
    ("BMS-WebView-1", 33): 2.5,
    ("mushroom", 100): 1.5,
    ("chess", 1600): 1.5,
    ("mushroom", 500): 1.5,
}
# From many sets to few.
COUNTS = {
    "retail": [2, 3, 5, 10, 20, 50, 200],
    "T10I4D100K": [5, 10, 20, 50, 100, 200, 500],
    "chess": [1000, 1300, 1600, 1900, 2200, 2600],
    "BMS-WebView-1": [33, 34, 36, 40, 60, 100],
    "mushroom": [100, 200, 500, 1000, 2000, 4000],
    "groceries": [2, 5, 10, 30, 100],
    "complete-journey": [20, 50, 100, 300, 1000],
    "online-retail": [30, 50, 100, 200, 500],
}


def chosen(names):
    """The cases that `FILE` and `FILE:COUNT` name; all when none is named."""
    every = [(file, count) for file, counts in COUNTS.items() for count in counts]
    if not names:
        return every
    return [case for case in every if case[0] in names or f"{case[0]}:{case[1]}" in names]


def place(row):
    """Orders rows: gates first, then files as they stand above, from many sets to few."""
    case = row["file"], row["count"]
    return case not in GATES, list(COUNTS).index(row["file"]), row["count"]


def gate(row):
    """How many times our seconds the best peer should take."""
    swept = 2.5 if row["peer"] >= 0.1 else 1.5 if row["peer"] >= 0.01 else 1.0
    return GATES.get((row["file"], row["count"]), swept)


def gate_of_threads(row):
    """How many times the seconds of two threads one should take."""
    return 1.6 if row["seconds"] >= 0.2 else 0.0


def plain(data, file, directory):
    """A plain file with a basket of numbers a line, made in `directory` the first time; none when there is nothing to
    make it of."""
    path = directory / f"{file}.dat"
    if path.exists():
        return path
    read = {"groceries": groceries, "complete-journey": complete_journey, "online-retail": online_retail}
    text = read.get(file, fimi)(data, file)
    if text is None:
        return None
    path.write_text(text)
    return path


def find(data, name):
    return next(iter(sorted(data.rglob(name))), None)


def fimi(data, file):
    found = find(data, f"{file}.dat.gz")
    return found and gzip.decompress(found.read_bytes()).decode()


def groceries(data, _file):
    found = find(data, "groceries.basket.csv.gz")
    if found is None:
        return None
    numbers = {}
    baskets = (line.split(",") for line in gzip.decompress(found.read_bytes()).decode().splitlines())
    lines = (" ".join(str(numbers.setdefault(name, len(numbers))) for name in basket) for basket in baskets)
    return "".join(f"{line}\n" for line in lines)


def complete_journey(data, _file):
    """A receipt is a basket of products."""
    return of_rows(find(data, "complete-journey/transactions.parquet"), "basket_id", "product_id")


def online_retail(data, _file):
    """An invoice is a basket of stock codes."""
    return of_rows(find(data, "online_retail.parquet"), "InvoiceNo", "StockCode")


def of_rows(path, basket, item):
    """The baskets of a table with a row an item, those of more than a thousand different items left out as we do."""
    if path is None:
        return None
    import polars as pl

    rows = pl.read_parquet(path, columns=[basket, item]).drop_nulls().unique(maintain_order=True)
    items = rows.select(basket, pl.col(item).rank("dense").cast(pl.String))
    baskets = items.group_by(basket, maintain_order=True).agg(item).filter(pl.col(item).list.len() <= 1000)
    return "".join(f"{line}\n" for line in baskets[item].list.join(" "))
