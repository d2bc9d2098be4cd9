"""Tables of the verdict benchmark."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

START, END = "<!-- verdict benchmark: start -->", "<!-- verdict benchmark: end -->"
VERDICTS = ("PASS", "WARN", "NOT ASSESSABLE", "FAIL")


def _markdown(table: pd.DataFrame) -> str:
    def cell(value) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")

    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns)
    return head + "\n" + "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in table.itertuples(index=False))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")


def _covered(records: list[dict], *, phenotype: bool) -> str:
    stated = [
        x["covered"]
        for r in records
        for x in r["intervals"]
        if x["covered"] is not None and (x["criterion"] == "phenotype") == phenotype
    ]
    return _share(sum(stated), len(stated))


def _range(low: float, high: float) -> str:
    return f"{low:.1%}" + (f"-{high:.1%}" if high != low else "")


def _impure(record: dict) -> bool:
    purity = next((a["verdict"] for a in record["attributes"] if a["name"] == "purity"), "")
    return purity in ("WARN", "FAIL")


def summary(records: list[dict]) -> pd.DataFrame:
    """Compute the figures that the whole benchmark is for."""
    by = {side: [r for r in records if r["side"] == side] for side in ("good", "bad", "open")}
    deep = [r for r in by["good"] if r["deep_enough"]]
    wrong = {side: [r for r in rows if r["wrong"]] for side, rows in by.items()}
    msc = sum(r["msc_cells"] for r in records)
    hek = [r for r in records if r["family"].startswith("hek")]
    pure = [r for r in by["good"] if "soup" not in r["family"]]
    cord = [r for r in by["good"] if r["family"].startswith("cord_gse")]
    foreign = [r for r in by["bad"] if r["family"] == "foreign_blood"]
    rows = [
        ("wrong PASS of bad lots", _share(len(wrong["bad"]), len(by["bad"]))),
        ("any PASS of bad lots", _share(sum(r["verdict"] == "PASS" for r in by["bad"]), len(by["bad"]))),
        ("wrong FAIL of good lots", _share(len(wrong["good"]), len(by["good"]))),
        ("wrong verdict of open lots", _share(len(wrong["open"]), len(by["open"]))),
        (
            "good lots deep and large enough that are not PASS",
            _share(sum(r["verdict"] != "PASS" for r in deep), len(deep)),
        ),
        ("FAIL at the published rates of cord MSC", _share(sum(r["verdict"] == "FAIL" for r in cord), len(cord))),
        ("PASS of kinds of blood", _share(sum(r["verdict"] == "PASS" for r in foreign), len(foreign))),
        ("lots with 5-20 % HEK293T whose purity warns or fails", _share(sum(map(_impure, hek)), len(hek))),
        ("pure lots whose purity warns or fails", _share(sum(map(_impure, pure)), len(pure))),
        ("bad lots that FAIL", _share(sum(r["verdict"] == "FAIL" for r in by["bad"]), len(by["bad"]))),
        ("criterion intervals that hold the truth", _covered(records, phenotype=False)),
        ("phenotype intervals that hold the truth", _covered(records, phenotype=True)),
        ("verdicts that change with up to 10 % ambient RNA of blood", _share(*flips(records))),
        ("MSC named as another lineage", _share(sum(r["msc_named"] for r in records), msc)),
        (
            "fibroblasts and muscle named as blood",
            _share(*(sum(r[k] for r in records) for k in ("stroma_blood", "stroma_cells"))),
        ),
    ]
    return pd.DataFrame(rows, columns=["measure", "result"])


def flips(records: list[dict]) -> tuple[int, int]:
    """Count lots whose verdict differs from that of the same lot without ambient RNA of the lane, and all such lots."""
    from families import SOUP_LEVELS

    soup = {r["number"]: r["verdict"] for r in records if r["family"] == "blood_soup_10"}
    n, free = len(SOUP_LEVELS), SOUP_LEVELS.index(0.0)
    pairs = [(v, soup[k // n * n + free]) for k, v in soup.items() if k % n != free and k // n * n + free in soup]
    return sum(a != b for a, b in pairs), len(pairs)


def by_family(records: list[dict]) -> pd.DataFrame:
    """Compute one row a family."""
    rows = []
    for name in dict.fromkeys(r["family"] for r in records):
        mine = [r for r in records if r["family"] == name]
        counts = " / ".join(str(sum(r["verdict"] == v for r in mine)) for v in VERDICTS)
        rows.append(
            {
                "family": name,
                "side": mine[0]["side"],
                "lots": len(mine),
                "PASS / WARN / not assessable / FAIL": counts,
                "wrong": sum(bool(r["wrong"]) for r in mine),
                "criteria covered": _covered(mine, phenotype=False),
                "phenotype covered": _covered(mine, phenotype=True),
                "MSC named otherwise": _share(sum(r["msc_named"] for r in mine), sum(r["msc_cells"] for r in mine)),
            }
        )
    return pd.DataFrame(rows)


def not_passed(records: list[dict]) -> pd.DataFrame:
    """Gather why good lots that are deep and large enough are not PASS."""
    rows = []
    for r in records:
        if r["side"] == "good" and r["deep_enough"] and r["verdict"] != "PASS":
            said = next(
                (x for x in r["attributes"] if x["verdict"] == r["verdict"]), {"name": "", "reason": r["reason"]}
            )
            rows.append(
                {"lot": f"{r['family']}-{r['number']:03d}", "verdict": r["verdict"], "reason": r["reason"][:260]}
            )
            rows[-1]["attribute"] = said["name"]
    return pd.DataFrame(rows, columns=["lot", "verdict", "attribute", "reason"])


def shortfalls(records: list[dict]) -> pd.DataFrame:
    """List each wrong verdict, each interval without the truth, and MSC named as something else."""
    rows = []
    for r in records:
        lot = f"{r['family']}-{r['number']:03d}"
        rows += [{"lot": lot, "what": w, "detail": r["why"][:260]} for w in r["wrong"]]
        for x in r["intervals"]:
            if x["covered"] is False:
                truth = " or ".join(dict.fromkeys((_range(x["truth_low"], x["truth_high"]), _range(*x["biology"]))))
                said = f"{x['low']:.1%}-{x['high']:.1%} {x['verdict']} {x['reason'] or ''}"
                rows.append(
                    {"lot": lot, "what": f"interval of {x['criterion']}", "detail": f"true {truth}, said {said}"}
                )
        if r["msc_cells"] and r["msc_named"] / r["msc_cells"] > 0.01:
            names = ", ".join(f"{k} {v}" for k, v in r["msc_names"].items())
            rows.append({"lot": lot, "what": "MSC named otherwise", "detail": f"{names} of {r['msc_cells']}"})
    return pd.DataFrame(rows, columns=["lot", "what", "detail"])


def gathered(table: pd.DataFrame) -> pd.DataFrame:
    """Gather the shortfalls of a family that are of one kind: the lots, and the detail of the first."""
    table = table.assign(
        family=table["lot"].str.rsplit("-", n=1).str[0], number=table["lot"].str.rsplit("-", n=1).str[1]
    )
    rows = [
        {"family": family, "what": what, "lots": ", ".join(x["number"]), "first of them": x["detail"].iloc[0]}
        for (family, what), x in table.groupby(["family", "what"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["family", "what", "lots", "first of them"])


def families_table() -> pd.DataFrame:
    """List the rule of each family."""
    import families

    return pd.DataFrame(
        {"family": f.name, "side": f.side, "lots": f.lots, "wrong": ", ".join(f.wrong_verdicts) or "none", "why": f.why}
        for f in families.FAMILIES
    )


def write(records: list[dict], skipped: dict[str, list[str]], out: Path, *, asked: int = 0) -> str:
    """Write the tables below ``out`` and return them as markdown."""
    tables = {"summary": summary(records), "families": by_family(records)}
    tables |= {"not_passed": not_passed(records), "shortfalls": shortfalls(records)}
    for name, table in tables.items():
        table.to_csv(out / f"{name}.tsv", sep="\t", index=False)
    tables["shortfalls"] = gathered(tables["shortfalls"])
    heads = {"summary": "Result", "families": "By family", "shortfalls": "Shortfalls"}
    heads["not_passed"] = "Good lots, deep and large, that are not PASS"
    text = "\n\n".join(f"### {heads[name]}\n\n{_markdown(table)}" for name, table in tables.items())
    sides = ", ".join(f"{sum(r['side'] == side for r in records)} {side}" for side in ("good", "bad", "open"))
    text = (
        f"{len(records)} lots ({sides})" + (f" of {asked} asked for" if asked > len(records) else "") + f".\n\n{text}"
    )
    for side, verdict in (("bad", "PASS"), ("good", "FAIL")):
        n = sum(r["side"] == side for r in records)
        if n and not any(r["wrong"] for r in records if r["side"] == side):
            text += (
                f"\n\nNo wrong {verdict} in {n} {side} lots leaves up to {1 - 0.05 ** (1 / n):.1%} (95 %, one-sided)."
            )
    if skipped:
        text += "\n\nSkipped for want of data: " + "; ".join(f"{k} ({', '.join(v)})" for k, v in skipped.items()) + "."
    return text


def into_docs(text: str, path: Path) -> None:
    """Put the tables between the markers of a page."""
    page = path.read_text(encoding="utf-8")
    before, rest = page.split(START)
    made = f"### Families\n\n{_markdown(families_table())}\n\n{text}"
    path.write_text(f"{before}{START}\n\n{made}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
