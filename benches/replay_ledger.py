"""What earlier runs have out with customers, found anew from those runs' files: a contact to come until it is made, reported or too late."""

import polars as pl

COLUMNS = ["customer_id", "as_of", "offer", "channel", "ends", "is_shadow"]


def out(tables, run, keys):
    """Rows of earlier runs that stand for contacts on the run's day, one row each, and whether the run's own table says the same.

    Where the pipeline counts what is out, every offer and every shadow row that has not ended does, unless a contact has taken its
    place; it may be made any day, so it is a contact of the run's own. Else only shadow rows do, as many as a draw of the program says: those are taken as they are.
    """
    theirs = pl.read_parquet(run / "outstanding.parquet")
    if not tables.config["decide"].get("contact_limit", {}).get("outstanding"):
        return theirs.select("customer_id", "channel", counted_on="as_of"), theirs.filter(~pl.col("is_shadow")).height
    rows = unexpired(run, tables.as_of)
    same = ["customer_id", "as_of", "offer", "is_shadow"]
    # Steps of the holdout's approaches stay in the table after they ended.
    listed = theirs.filter((pl.col("expires_on") > tables.as_of) & pl.col("customer_id").is_in(tables.known().implode())).select(same)
    wanted = rows.filter(pl.col("customer_id").is_in(tables.known().implode())).select(same)
    differ = listed.join(wanted, on=same, how="anti").height + wanted.join(listed, on=same, how="anti").height
    return unanswered(rows, tables, keys).select("customer_id", "channel", counted_on=pl.lit(tables.as_of)), differ


def unexpired(run, as_of):
    """Rows of the newest run of each earlier day: offers, and of the holdout what stands for them."""
    newest = {}
    for path in sorted(run.parent.iterdir()):
        if (path / "offers.parquet").exists() and path.name[:10] < run.name[:10]:
            newest[path.name[:10]] = path
    found = [pl.DataFrame(schema=dict(zip(COLUMNS, [pl.String, pl.Date, pl.String, pl.String, pl.Date, pl.Boolean])))]
    for path in newest.values():
        for name in ("offers", "shadow"):
            rows = pl.read_parquet(path / f"{name}.parquet").filter(pl.col("arm").fill_null("") != "offer_holdout")
            ends = pl.min_horizontal("expires_on", "contact_until") if "contact_until" in rows.columns else pl.col("expires_on")
            found.append(rows.with_columns(ends=ends, is_shadow=pl.lit(name == "shadow")).select(COLUMNS))
    return pl.concat(found).filter(pl.col("ends") > as_of)


def unanswered(rows, tables, keys):
    """Without the rows that a contact has taken the place of: one contact one row, on the row's day or later, about its offer or about none."""
    contacts = {}
    reported = tables.reported().filter(pl.col("customer").is_in(rows["customer_id"].implode())).sort("at", maintain_order=True)
    for customer, about, on in reported.select("customer", "about", "on").iter_rows():
        contacts.setdefault(customer, []).append((about, on))
    order, left = {key: number for number, key in enumerate(keys)}, []
    rows = rows.with_columns(turn=pl.col("offer").replace_strict(order, default=len(order), return_dtype=pl.Int64)).sort("as_of", "turn")
    for row in rows.select("customer_id", "as_of", "offer", "channel").iter_rows():
        made = contacts.get(row[0], [])
        fitting = [contact for about in (row[2], None) for contact in made if contact[0] == about and contact[1] >= row[1]]
        if fitting:
            made.remove(fitting[0])
        else:
            left.append(row)
    return pl.DataFrame(left, schema={name: rows.schema[name] for name in ("customer_id", "as_of", "offer", "channel")}, orient="row")
