"""Read a passport's sentences back: each claim is computed again from the tables.

Nothing here calls the rules that wrote the sentences. A sentence that no pattern knows is a fault: whoever adds one
adds how it is checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import yaml
from statsmodels.stats.proportion import proportion_confint

from mscape.data import counts
from mscape.data.table_io import read_table
from mscape.gating.reasons import Reason, parse
from mscape.gating.scope import analyzed_cells
from mscape.passports.options import PassportOptions
from mscape.passports.passport import find_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anndata import AnnData

RESOURCES = Path(__file__).parents[2] / "resources"
P = r"((?:[<>] )?[\d.]+%)"
SHARE = rf"{P} \({P} to {P}\)"
Z = r"[+-][\d.]+"
OTHER = ("unresolved", "stromal", "MSC-like")
AVERAGE = "the average of the lots of this study"
SIGNATURES = {
    "gained": "MSC_SENESCENCE_ARREST",
    "lost": "MSC_SENESCENCE_DOWN",
    "secretome": "SENMAYO__DEPLETED",
    "published": "FRIDMAN_SENESCENCE_UP__DEPLETED",
    "constitutive": "MSC_IMMUNOREG_CONSTITUTIVE",
    "licensed": "MSC_IMMUNOREG_LICENSED",
    "inflammatory": "MSC_SASP_INFLAMMATORY",
    "early": "MSC_OSTEOGENIC_EARLY",
    "late": "MSC_OSTEOGENIC_LATE",
    "adipogenic": "MSC_ADIPOGENIC_CORE",
    "chondrogenic": "MSC_CHONDROGENIC_CORE",
    "glucocorticoid": "MSC_GLUCOCORTICOID",
    "stress": "MSC_DISSOCIATION_STRESS",
    "signed": "MSC_SENESCENCE_ARREST__SIGNED",
}


@dataclass
class Tables:
    """What the sentences of a dataset are held to: its stage tables and cells, as the steps left them."""

    tables: Mapping[str, pd.DataFrame]
    cells: pd.DataFrame
    scored: Mapping[str, int]
    doublets: Mapping[str, int]
    ambient: Mapping[str, float]
    settings: Mapping[str, float]
    limits: Mapping[str, float]
    culture: str = "unknown"
    sexes: Mapping[str, Mapping] = field(default_factory=dict)
    detectable: Mapping[str, float] = field(default_factory=dict)


def find_false(record: dict, given: Tables) -> list[str]:
    """List each sentence of a lot's record that does not follow from the tables, and each that is not known."""
    lot = Lot(record, given)
    faults = []
    for attribute in record["attributes"]:
        faults += [f"{record['lot_id']}, {attribute['name']}: {fault}" for fault in lot.check(attribute)]
    return faults + [f"{record['lot_id']}: {fault}" for fault in lot.check_verdict()]


def from_run(folder: Path) -> tuple[dict, Tables]:
    """Read the passports of a finished run and what they are held to, from ``results/<dataset>``."""
    folder = Path(folder)
    document = json.loads((folder / "passports.json").read_text(encoding="utf-8"))
    names = ("accounting", "gate", "contaminants", "hidden_mixture", "flow_agreement", "composition")
    names = (*names, "stability", "signature_scores", "signatures", "priming")
    names = (*names, "certificate") if (folder / "certificate.tsv").exists() else names
    tables = {name: read_table(folder / f"{name}.tsv", name) for name in names}
    cells = counts.read_obs(folder / "counts.h5ad").join(
        counts.read_obs(folder / "gate.h5ad")[["isct_call", "isct_reason"]]
    )
    scored = counts.read_obs(folder / "scores.h5ad")
    cells = cells.join(scored[scored.columns.intersection(["phase"])])
    paths = {path.parent.name: path for path in sorted(folder.glob("samples/*/qc.h5ad"))}
    quality = {sample: counts.read_obs(path) for sample, path in paths.items()}
    records = {sample: counts.read_light(path, obs=[]).uns["mscape"]["qc_cells"] for sample, path in paths.items()}
    record = counts.read_light(folder / "counts.h5ad", obs=[]).uns["mscape"]["merge_samples"]
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    return document, Tables(
        tables=tables,
        cells=cells,
        scored={sample: int(obs["doublet_score"].notna().sum()) for sample, obs in quality.items()},
        doublets={sample: int(obs["predicted_doublet"].sum()) for sample, obs in quality.items()},
        ambient=record.get("ambient_fraction", {}),
        settings=document["thresholds"],
        limits=document["thresholds"],
        culture=config["culture"],
        sexes={sample: one["sex_mixture"] for sample, one in records.items() if one["sex_mixture"]},
        detectable={sample: float(one["doublets"]["detectable"]) for sample, one in records.items()},
    )


def from_memory(adata: AnnData, *, culture: str) -> tuple[dict, Tables]:
    """Read the passports of an AnnData that went through the verbs, and what they are held to."""
    done = adata.uns["mscape"]
    cells = adata.obs[(adata.obs["qc"] == "pass").to_numpy()]
    lots = cells.groupby("sample_id", observed=True)["lot_id"].first().astype(str)
    accounting = done["qc"]["accounting"]
    tables = {"accounting": accounting.assign(lot_id=accounting["sample_id"].map(lots))}
    tables |= {"gate": done["gate"]["table"], "contaminants": done["gate"]["contaminants"]}
    tables |= {"hidden_mixture": done["gate"]["hidden"], "stability": done["cluster"]["stability"]}
    tables |= {"flow_agreement": done["gate"]["flow_agreement"]}
    tables |= {"certificate": done["certify"]} if "certify" in done else {}
    size = cells.groupby(["lot_id", "leiden"], observed=True).size().rename("n_cells").reset_index()
    tables["composition"] = size.rename(columns={"leiden": "cluster"}).astype({"cluster": str})
    tables |= {"priming": done["score"]["priming"]}
    tables |= {"signature_scores": done["score"]["summary"], "signatures": done["score"]["table"]}
    by = adata.obs.groupby(adata.obs["sample_id"].astype(str))
    limits = find_limits(done["gate"])
    given = Tables(
        tables=tables,
        cells=cells,
        scored=by["doublet_score"].count().to_dict(),
        doublets=by["predicted_doublet"].sum().to_dict(),
        ambient={sample: one["ambient_fraction"] for sample, one in done["qc"].get("samples", {}).items()},
        settings=asdict(PassportOptions()),
        limits=limits,
        culture=culture,
        sexes={name: one["sex_mixture"] for name, one in done["qc"].get("samples", {}).items() if one["sex_mixture"]},
        detectable={name: one["doublets"]["detectable"] for name, one in done["qc"].get("samples", {}).items()},
    )
    return {"lots": json.loads(done["passport"])}, given


def agrees(printed: str, value: float) -> bool:
    """Whether a printed per cent is the fraction, to the digit shown."""
    number = float(printed.strip("<>% "))
    if printed.startswith("<"):
        return 0 < value * 100 < number <= 0.1
    if printed.startswith(">"):
        return 99.9 <= number < value * 100 < 100
    digits = max(len(printed.strip("%").partition(".")[2]), 1)
    return abs(value * 100 - number) <= 0.5 * 10**-digits + 1e-4  # records keep six digits


def wilson(k: float, n: float) -> tuple[float, float]:
    return proportion_confint(k, n, method="wilson")


class Lot:
    """One lot: its record, and its rows of the tables."""

    def __init__(self, record: dict, given: Tables):
        self.record, self.given, self.name = record, given, record["lot_id"]
        self.attributes = {a["name"]: a for a in record["attributes"]}
        self.cells = given.cells[given.cells["lot_id"].astype(str) == self.name]
        self.call = self.cells["isct_call"].astype(str)
        self.set = given.settings
        self.own: dict[str, pd.DataFrame] = {}

    def rows(self, table: str) -> pd.DataFrame:
        if table not in self.own:
            frame = self.given.tables[table]
            self.own[table] = frame[frame["lot_id"] == self.name] if "lot_id" in frame else frame
        return self.own[table]

    def check(self, a: dict) -> list[str]:
        """Check the reason, value, interval and verdict of one attribute."""
        kind = "criterion" if a["name"].startswith("criterion_") else a["name"]
        few = r"The lot has (\d+) of the 20 cells that a statement about a lot needs\."
        parts = [(few, lambda n: int(n) == len(self.cells) < 20 and a["verdict"] == "NOT ASSESSABLE")]
        parts += self.patterns(kind, a)
        faults, text = [], a["reason"]
        while text:
            for pattern, claim in parts:
                found = re.match(rf"{pattern}(?: |$)", text)
                if found:
                    if not claim(*found.groups()):
                        faults.append(f"not true: {found.group(0)!r}")
                    text = text[found.end() :]
                    break
            else:
                faults.append(f"no check for: {text!r}")
                break
        if a["verdict"] == "NOT ASSESSABLE" and kind in {"phenotype", "criterion"} and a["value"] is not None:
            faults.append("a value of what could not be assessed")
        if a["verdict"] == "PASS" and a["weight"] == "describes" and kind != "criterion":
            faults.append("PASS of what only describes")
        return faults

    def patterns(self, kind: str, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        """List the sentences that an attribute may have, each with what must hold."""
        if kind in {"phenotype", "criterion"}:
            return self.of_gate(a)
        if kind in {"senescence", "immune_constitutive", "immune_licensed", "osteogenic", "trilineage", "stress"}:
            return self.of_scores(kind, a)
        return getattr(self, f"of_{kind}")(a)

    # ---- gate

    @cached_property
    def criteria(self) -> dict[str, pd.Series]:
        return {row["criterion"]: row for _, row in self.rows("gate").iterrows()}

    @cached_property
    def z(self) -> dict[str, float]:
        own = self.rows("signature_scores")
        z = dict(zip(own["signature"], own["z"].astype(float), strict=True)) if len(own) else {}
        return {role: z[name] for role, name in SIGNATURES.items() if not np.isnan(z.get(name, np.nan))}

    def of_gate(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        name = a["name"].removeprefix("criterion_")
        if not len(self.cells):
            return [(r"The lot has no cells that pass quality control\.", lambda: True)]
        whole = self.criteria["phenotype"]
        plain = {criterion.replace("|", " or "): row for criterion, row in self.criteria.items()}
        at = [self.criteria[name]]  # the row that the next sentence is about

        def share(v: str, low: str, high: str, row: pd.Series) -> bool:
            return all(agrees(p, row[k]) for p, k in ((v, "estimate"), (low, "low"), (high, "high")))

        def of_callable(v: str, low: str, high: str, n: str, total: str) -> bool:
            callable_ = round(whole["resolved_fraction"] * whole["n_cells"])
            exact = int((self.call != "indeterminate").sum())
            return (
                share(v, low, high, whole)
                and (int(n), int(total)) == (callable_, len(self.cells))
                and int(n) <= exact  # a cell that fails by what cannot be assessed is not counted as called
                and a["n"] == int(n)
            )

        def of_cells(v: str, low: str, high: str, n: str | None, total: str | None, marker: str) -> bool:
            at[0] = plain[marker]
            counts = (int(n), int(total)) if n else (len(self.cells),) * 2
            return share(v, low, high, at[0]) and counts == (at[0]["n_judged"], at[0]["n_cells"])

        def side(row: pd.Series) -> tuple[float, bool, bool]:
            limit = self.given.limits["max_negative" if row["kind"] == "negative" else "min_positive"]
            if row["kind"] == "negative":
                return limit, row["high"] <= limit, row["low"] > limit
            return limit, row["low"] >= limit, row["high"] < limit

        def where(words: str, limit: str) -> bool:
            value, within, beyond = side(at[0])
            held = {"within": within, "inside": not within and not beyond, "above": beyond, "below": beyond}[words]
            right = words not in {"above", "below"} or (words == "above") == (at[0]["kind"] == "negative")
            return held and right and agrees(limit, value)

        def only_hidden(limit: str) -> bool:
            value, within, beyond = side(at[0])
            hidden = at[0]["max_hidden_fraction"]
            low, high = at[0]["low"] / (1 - hidden), (at[0]["high"] - hidden) / (1 - hidden)  # before it was added
            met = high <= value + 1e-9 if at[0]["kind"] == "negative" else low >= value - 1e-9
            return not within and not beyond and met and agrees(limit, value)

        def ceiling(percent: str, verb: str, marker: str) -> bool:
            row, hidden = plain[marker], plain[marker]["max_hidden_fraction"]
            kind = {"without": "positive", "with": "negative", "lack": "positive", "have": "negative"}[verb]
            return kind == row["kind"] and hidden * 100 <= int(percent) <= max(1, hidden * 100 + 1)

        def decides(verb: str, marker: str) -> bool:
            row = plain[marker]
            verdict = {"fails": "fails", "is open": "inconclusive"}[verb]
            at[0] = row
            rest = self.rows("gate").query("kind != 'overall'")
            first = rest[rest["verdict"] == "fails"]
            return row["verdict"] == whole["verdict"] == verdict and (verdict == "fails" or first.empty)

        def same(markers: str) -> bool:
            rest = self.rows("gate").query("kind != 'overall'")
            group = rest.loc[rest["verdict"] == at[0]["verdict"], "criterion"].str.replace("|", " or ")
            return set(markers.split(", ")) == set(group) - {at[0]["criterion"].replace("|", " or ")}

        def most() -> bool:
            named = self.rows("contaminants")
            named = named[~named["identity"].isin(OTHER) & (named["call"] == "fail")]
            estimate = at[0]["estimate"]
            failing = estimate if at[0]["kind"] == "negative" else 1 - estimate
            return named["n_cells"].sum() / len(self.cells) >= failing / 2

        def not_assessed(marker: str) -> bool:
            at[0] = plain[marker]
            return plain[marker]["verdict"] == whole["verdict"] == "not_assessable"

        lies = rf"the whole interval lies (above|below) the limit of {P}"
        hid = r"Fewer than (\d+)% (without|with) (.+?) could not be seen\."
        return [
            (rf"{SHARE} of callable cells \((\d+) of (\d+)\) agree with the phenotype[.:]", of_callable),
            (rf"It (fails|is open) (?:by|because of) ({'|'.join(map(re.escape, plain))}):", decides),
            (
                rf"{SHARE} of cells (?:in which it was measured \((\d+) of (\d+)\) )?have RNA of (.+?) above its "
                r"threshold:",
                of_cells,
            ),
            (rf"the whole interval is (within) the limit of {P}\.", where),
            (rf"{lies}(?:, which is informative, not decisive)?\.", where),
            (rf"{lies}, but too few cells are called so one by one to fail it\.", where),
            (rf"the limit of {P} lies (inside) the interval\.", lambda limit, word: where(word, limit)),
            (
                rf"within the limit of {P}; the interval lies across it only by a subset that counts could hide\.",
                only_hidden,
            ),
            (
                r"not settled by RNA\.",
                lambda: at[0]["reason"] in {Reason.HOMOGENEITY_ASSUMED, Reason.HIDDEN_MIXTURE},
            ),
            (hid, lambda n, verb, marker: a["verdict"] == "PASS" and ceiling(n, verb, marker)),
            (r"Up to (\d+)% of the cells could (lack|have) (.+?) and give the same counts\.", ceiling),
            (r"The same holds for (.+?)\.", same),
            (r"Cells of other lineages account for most of it\.", most),
            (r"(\S.*?) could not be assessed\.", not_assessed),
            *((re.escape(said), lambda code=code: self.has_code(at[0], code)) for code, said in lot_sentences(plain)),
        ]

    @staticmethod
    def has_code(row: pd.Series, code: str) -> bool:
        return str(row["reason"]) == code

    # ---- purity and quality

    def interval(self, k: float, n: float, *printed: str) -> bool:
        return all(agrees(p, v) for p, v in zip(printed, (k / n, *wilson(k, n)), strict=True))

    def of_purity(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        n, rows = len(self.cells), self.rows("contaminants")
        named = rows[~rows["identity"].isin(OTHER) & (rows["call"] == "fail")]
        unexplained = int(rows.loc[rows["call"] == "unexplained", "n_cells"].sum())
        k = int(named["n_cells"].sum()) + unexplained
        most, fails = self.set["max_contaminants"], self.set["fail_contaminants"]
        low, high = wilson(k, n) if n else (0, 1)

        def share(v: str, lo: str, hi: str, fit: str | None, which: str | None) -> bool:
            parts = re.findall(rf"([^,()]+?) {P}", which or "")
            of = named.set_index("identity")["n_cells"]
            kinds = all(agrees(p, of[name.strip()] / n) for name, p in parts)
            return self.interval(k, n, v, lo, hi) and kinds and bool(fit) == (unexplained > 0) and a["n"] == n

        def side(verdict: str, held: bool, **printed: str) -> bool:
            limits = {"most": most, "fails": fails}
            return a["verdict"] == verdict and held and all(agrees(p, limits[name]) for name, p in printed.items())

        return [
            (r"The lot has no cells that pass quality control\.", lambda: n == 0),
            (re.escape(Reason.SPECIES_NOT_COVERED.lot), lambda: a["verdict"] == "NOT ASSESSABLE"),
            (rf"{SHARE} of cells belong to another lineage( or fit none)?(?: \((.+?)\))?:", share),
            (rf"the whole interval lies above {P}\.", lambda p: side("FAIL", low > fails, fails=p)),
            (
                rf"above {P}, but the interval is not wholly above {P}\.",
                lambda p, q: side("WARN", k / n > most and low <= fails, most=p, fails=q),
            ),
            (
                rf"within {P}, but the interval of so few cells reaches above {P}\.",
                lambda p, q: side("WARN", k / n <= most and high > fails, most=p, fails=q),
            ),
            (
                rf"within {P}, and the whole interval is within {P}\.",
                lambda p, q: side("PASS", k / n <= most and high <= fails, most=p, fails=q),
            ),
            (
                rf"{SHARE} fit no lineage panel and lack the collagen matrix of stroma\.",
                lambda *p: self.interval(unexplained, n, *p),
            ),
        ]

    def of_cells(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        loaded = int(self.rows("accounting")["loaded"].sum())
        passing = int((self.call == "pass").sum())
        enough = len(self.cells) >= self.set["min_cells"] and len(self.cells) >= self.set["min_kept"] * loaded
        return [
            (
                r"(\d+) of (\d+) cells pass quality control; (\d+) of them pass the gate\.",
                lambda *n: (
                    tuple(map(int, n)) == (len(self.cells), loaded, passing)
                    and (a["verdict"] == "PASS") == (enough and loaded > 0)
                ),
            )
        ]

    def of_depth(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        depth = self.cells["total_counts"].astype(float)

        def said(median: str, low: str, high: str) -> bool:
            value = depth.median()
            written = float(median.replace(",", ""))
            near = abs(written - value) <= 0.5 and all(
                (written >= self.set[k]) == (value >= self.set[k]) for k in ("min_depth", "floor_depth")
            )
            ends = zip((low, high), depth.quantile([0.25, 0.75]), strict=True)
            verdict = "PASS" if value >= self.set["min_depth"] else "WARN"
            judged = a["verdict"] in {verdict, "NOT ASSESSABLE"}
            return near and judged and all(abs(float(p.replace(",", "")) - v) <= 0.5 for p, v in ends)

        def empty(share: str) -> bool:
            few = (depth < 0.2 * depth.quantile(0.95)).mean()
            return abs(few * 100 - int(share)) <= 0.5 and few > 0.5

        return [
            (r"No cell passes quality control\.", lambda: depth.empty),
            (r"The median cell has ([\d,.]+) counts \(middle half ([\d,]+) to ([\d,]+)\)\.", said),
            (r"(\d+)% of [\d,]+ barcodes hold less than a fifth .*\.", empty),
            (
                r"Markers with low rates are mostly missed at this depth\.",
                lambda: depth.median() < self.set["floor_depth"] and a["verdict"] == "NOT ASSESSABLE",
            ),
        ]

    def samples(self) -> list[str]:
        return list(self.rows("accounting")["sample_id"])

    def of_doublets(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        n = sum(self.given.scored.get(s, 0) for s in self.samples())
        k = sum(self.given.doublets.get(s, 0) for s in self.samples())
        loaded, most = int(self.rows("accounting")["loaded"].sum()), self.set["max_doublets"]
        low, high = wilson(k, n) if n else (0, 1)
        seen = [self.given.detectable.get(sample, np.nan) for sample in self.samples()]
        unseen = r"oublets of like cells are not seen, and the total is not assessable\."
        return [
            (rf"D{unseen}", lambda: bool(np.isnan(seen).all())),
            (
                rf"Of doublets simulated from its cells, {P} would be called; d{unseen}",
                lambda p: agrees(p, np.nanmin(seen)),
            ),
            (r"No cells were read\.", lambda: loaded == 0 and a["verdict"] == "NOT ASSESSABLE"),
            (r"No cell was scored for doublets\.", lambda: n == 0 and a["verdict"] == "NOT ASSESSABLE"),
            (
                rf"{SHARE} of the cells scored \((\d+) of (\d+) read\) look like doublets of unlike cells:",
                lambda v, lo, hi, of, read: self.interval(k, n, v, lo, hi) and (int(of), int(read)) == (n, loaded),
            ),
            *self.beside(a, good=high <= most, bad=low > most, limit=most, over="above"),
        ]

    def beside(self, a: dict, *, good: bool, bad: bool, limit: float, over: str) -> list:
        """Where an interval lies beside a limit: three sentences, of which one is true."""
        rest = r"(?:; (\d+) of the sub-populations hold at least 5% of them)?\."
        large = 0
        if over == "below":
            rows = self.rows("composition")
            large = int((rows["n_cells"] / max(rows["n_cells"].sum(), 1) >= 0.05).sum())

        def held(verdict: str, truth: bool) -> Callable[..., bool]:
            return lambda p, m: (
                a["verdict"] == verdict and truth and agrees(p, limit) and (m is None or int(m) == large)
            )

        return [
            (rf"the whole interval is within the limit of {P}{rest}", held("PASS", good)),
            (rf"the whole interval lies {over} the limit of {P}{rest}", held("WARN", bad)),
            (rf"the limit of {P} lies inside the interval{rest}", held("WARN", not good and not bad)),
        ]

    def of_mitochondria(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        share = self.cells["pct_counts_mt"].astype(float).dropna()

        def said(median: str, low: str, high: str) -> bool:
            values = zip((median, low, high), share.quantile([0.5, 0.25, 0.75]), strict=True)
            verdict = "WARN" if share.median() > self.set["max_mt"] else "PASS"
            side = (float(median) > self.set["max_mt"]) == (share.median() > self.set["max_mt"])
            return a["verdict"] == verdict and side and all(abs(float(p) - v) <= 0.05 + 1e-6 for p, v in values)

        return [
            (r"The feature table has no mitochondrial genes\.", lambda: share.empty),
            (
                r"Mitochondrial genes give ([\d.]+)% of the counts of the median cell \(middle half ([\d.]+) to "
                r"([\d.]+)%\)\.",
                said,
            ),
        ]

    def of_ambient(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        known = [v for v in (self.given.ambient.get(s, np.nan) for s in self.samples()) if not np.isnan(v)]
        return [
            (r"It could not be estimated: .*\.", lambda: not known and a["verdict"] == "NOT ASSESSABLE"),
            (
                rf"About {P} of the counts come from other cells' RNA in solution(?: in the worst of (\d+) samples)?\.",
                lambda p, n: (
                    agrees(p, max(known))
                    and (int(n) if n else 1) == len(known)
                    and a["verdict"] == ("WARN" if max(known) > self.set["max_ambient"] else "PASS")
                ),
            ),
        ]

    def of_hidden_mixture(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        rows = self.rows("hidden_mixture")
        tested = rows[rows["finding"] != "not_assessable"]
        found = tested[tested["finding"] == "hidden_mixture"]

        def worst(gene: str, cluster: str, share: str) -> bool:
            row = found.loc[found["hidden_fraction"].astype(float).idxmax()]
            return (row["gene"], str(row["cluster"])) == (gene, cluster) and agrees(share, row["hidden_fraction"])

        return [
            (
                r"The markers' counts are too low to decide: a subset without a marker would not be seen\.",
                lambda: tested.empty and a["verdict"] == "NOT ASSESSABLE",
            ),
            (
                r"The counts of (.+?) fit one population per cluster\.",
                lambda genes: found.empty and set(genes.split(", ")) == set(tested["gene"]) and a["verdict"] == "PASS",
            ),
            (
                rf"(\S+) in cluster (\S+): about {P} of cells may lack it although their neighbors carry it\.",
                worst,
            ),
        ]

    def of_structure(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        rows = self.rows("composition")
        n, stable = int(rows["n_cells"].sum()), self.given.tables["stability"].set_index("cluster")["stable"]
        inside = int(rows.loc[rows["cluster"].map(stable).fillna(value=False).astype(bool), "n_cells"].sum())
        low, high = wilson(inside, n) if n else (0, 1)
        least = self.set["min_stable"]
        return [
            (r"No cell of this lot was clustered\.", lambda: n == 0 and a["verdict"] == "NOT ASSESSABLE"),
            (r"No cell of this lot passes as MSC\.", lambda: not (self.call == "pass").any()),
            (
                r"The sub-populations are labels that the user gave: whether they come back in resampling was not "
                r"measured\.",
                lambda: stable.isna().all() and n > 0 and a["verdict"] == "NOT ASSESSABLE" and a["value"] is None,
            ),
            (
                r"One population in this study: no split of its clustered cells is supported by resampling\.",
                lambda: len(stable) == 1 and n > 0,
            ),
            (
                rf"{SHARE} of its (\d+) clustered cells lie in sub-populations of this study that come back in "
                r"resampling:",
                lambda v, lo, hi, m: self.interval(inside, n, v, lo, hi) and int(m) == n,
            ),
            *self.beside(a, good=low >= least, bad=high < least, limit=least, over="below"),
        ]

    def of_cycling(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        own = self.cells[analyzed_cells(self.cells)]  # which open cells are left out is the gate's rule, tested there
        phase = own["phase"].dropna().astype(str) if "phase" in own else pd.Series(dtype=str)
        cycling = phase.isin(["S", "G2M"])
        passing = cycling[(own["isct_call"].astype(str) == "pass").reindex(cycling.index)]

        def corrected(share: float, sensitivity: float, specificity: float) -> float:  # Rogan and Gladen 1978
            return min(max((share + specificity - 1) / (sensitivity + specificity - 1), 0), 1)

        def said(v: str, lo: str, hi: str, k: str, n: str) -> bool:
            low, high = wilson(cycling.sum(), len(cycling))
            values = corrected(cycling.mean(), 0.98, 0.99), corrected(low, 1.0, 0.90), corrected(high, 0.85, 1.0)
            counts = (int(k), int(n)) == (int(cycling.sum()), len(cycling))
            warns = self.given.culture == "expanded" and values[2] < self.set["min_cycling"]
            right = a["verdict"] == ("WARN" if warns else "DESCRIBED")
            return counts and right and all(agrees(p, x) for p, x in zip((v, lo, hi), values, strict=True))

        return [
            (
                r"(\d+) MSC with a phase are fewer than the (\d+) that their share takes\.",
                lambda n, least: int(n) == len(phase) < int(least) == self.set["min_cells"],
            ),
            (r"No cell has a phase: cell-cycle genes are missing\.", lambda: phase.empty and len(own) > 0),
            (rf"{SHARE} of MSC cycle: (\d+) of (\d+) are called S or G2M, corrected for the call's errors\.", said),
            (
                rf"(\d+) of these (\d+) cells are left open by the gate; of the (\d+) that pass it is {P}\.",
                lambda open_, n, m, p: (
                    (int(open_), int(n), int(m)) == (len(cycling) - len(passing), len(cycling), len(passing))
                    and agrees(p, corrected(passing.mean(), 0.98, 0.99))
                ),
            ),
        ]

    # ---- beside published MSC

    def of_published_rates(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        known = pd.read_csv(RESOURCES / "published_marker_rates.tsv", sep="\t", comment="#")
        given = self.cells["tissue"].astype(str).str.lower() if "tissue" in self.cells else []
        tissue = given.iloc[0] if len(given) else "unknown"
        rows = self.rows("gate").query("kind in ['positive', 'negative'] and verdict != 'not_assessable'")
        lot = {
            gene: float(rate)
            for row in rows.itertuples()
            if row.n_judged == row.n_cells
            for gene, rate in zip(row.genes.split(";"), row.gene_rate_cpm.split(";"), strict=True)
        }
        at = ["", known]  # gene that the next sentence is about, and its published rates

        def near(printed: str, rate: float) -> bool:
            if printed.startswith("<"):
                return rate < 0.1
            return rate >= 0.1 and abs(float(printed.replace(",", "")) - rate) <= (0.5 if rate >= 100 else 0.05) + 1e-9

        def rate(gene: str, printed: str) -> bool:
            at[:] = gene, known[known["gene"] == gene]
            return near(printed, lot[gene])

        def between(low: str, high: str, rates: pd.Series) -> bool:
            return (high != low) and near(low, rates.min()) and near(high or low, rates.max())

        def of_tissue(listed: str, of: str) -> bool:
            each = re.findall(rf"{number}(?: to {number})? \((\w+)(?:, (\d+) populations)?\)(?:, |$)", listed)
            own = dict(list(at[1][at[1]["tissue"] == tissue].groupby("study", sort=False)["cpm"]))
            same = [between(low, high, own[study]) and int(n or 1) == len(own[study]) for low, high, study, n in each]
            return of == tissue and [study for *_, study, _ in each] == list(own) and all(same)

        def over_all(low: str, high: str | None, n: str, which: str) -> bool:
            named = "other" if tissue not in {"unknown", "heart"} else "all"  # "heart" is no word of the table
            none = not (at[1]["tissue"] == tissue).any()
            return none and between(low, high or "", at[1]["cpm"]) and int(n) == len(at[1]) and which == named

        number = r"((?:< )?[\d.,]+)"
        return [
            (r"No marker that was measured has a published rate\.", lambda: a["verdict"] == "NOT ASSESSABLE"),
            (rf"(\S+) {number} CPM:", rate),
            (r"([^:]+?) in published MSC of ([^.]+)\.", of_tissue),
            (rf"{number}(?: to {number})? in (\d+) published populations of MSC of (other|all) tissues\.", over_all),
        ]

    def of_clinical_lots(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        known = pd.read_csv(RESOURCES / "clinical_lot_flow.tsv", sep="\t", comment="#", index_col="marker")

        def placed(marker: str, p: str, low: str, high: str, n: str, middle: str, p5: str, p95: str) -> bool:
            value, lots = self.criteria[marker]["estimate"] * 100, known.loc[marker]
            if not {f"p{low}", f"p{high}"} <= set(lots.index):
                return False
            inside = [int(low) == 0 or lots[f"p{low}"] < value, int(high) == 100 or lots[f"p{high}"] > value]
            step = {f"p{int(low) + 5}": lambda q: q >= value, f"p{int(high) - 5}": lambda q: q <= value}
            tight = [test(lots[q]) for q, test in step.items() if q in lots]
            facts = int(n) == lots["lots"] and [float(x) for x in (middle, p5, p95)] == list(lots[["p50", "p5", "p95"]])
            return agrees(p, value / 100) and all(inside) and all(tight) and facts

        return [
            (r"No marker of the clinical lots was measured\.", lambda: a["verdict"] == "NOT ASSESSABLE"),
            (
                rf"(\S+) {P} of cells by RNA: percentile (\d+) to (\d+) of (\d+) clinical lots by flow cytometry "
                r"\(median ([\d.]+)%, 5th to 95th percentile ([\d.]+)% to ([\d.]+)%\)\.",
                placed,
            ),
        ]

    def of_one_donor(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        sexes = {s: self.given.sexes[s] for s in self.samples() if s in self.given.sexes}
        found = {s: one for s, one in sexes.items() if one["finding"] == "found"}
        clear = {s: one["sex"] for s, one in sexes.items() if one["finding"] == "not_found"}
        other = {"female": "male", "male": "female"}
        sex = next(iter(clear.values()), "")

        def mixed(v: str, low: str, high: str, sample: str | None, rare: str, common: str) -> bool:
            name = max(found, key=lambda s: found[s]["share"])
            one = found[name]
            same = all(agrees(p, one[k]) for p, k in ((v, "share"), (low, "low"), (high, "high")))
            named = (sample or name) == name and (common, rare) == (one["sex"], other[one["sex"]])
            return same and named and a["verdict"] == "WARN"

        def none(rare: str, common: str, bound: str, cpm: str, gene: str) -> bool:
            level = {"male": (150, "Y-linked genes"), "female": (60, "XIST")}[rare]
            right = (common, rare) == (sex, other[sex]) and (float(cpm), gene) == level and not found
            most = max(one["bound"] for one in sexes.values())
            return right and agrees(bound, most) and a["verdict"] == "PASS" and len(clear) == len(sexes)

        def of_donor(own: str, lots: str, theirs: str) -> bool:
            donors = self.given.cells.groupby("lot_id", observed=True)["donor_id"].first().astype(str)
            accounting = self.given.tables["accounting"]
            said = set(lots.split(", "))
            rows = accounting[accounting["lot_id"].isin(said)]
            same = {donors[lot] for lot in said} == {donors[self.name]}
            return own == sex and same and {self.given.sexes[s]["sex"] for s in rows["sample_id"]} == {theirs} != {own}

        def of_sheet(own: str, stated: str) -> bool:
            given = set(self.cells["sex"].astype(str).str.lower())
            return own == sex and stated == other[own] and given <= {stated, stated[0], "unknown"}

        return [
            (rf"{SHARE} of the cells(?: of sample (\S+))? are (\w+) among (\w+) ones: two donors in one lot\.", mixed),
            (
                rf"No (\w+) cells were found among the (\w+) ones; more than {P} with ([\d.]+) CPM of "
                r"(XIST|Y-linked genes) would have been seen\.",
                none,
            ),
            (r"A second donor of the same sex is not seen this way\.", lambda: not found),
            (
                r"Its cells are (\w+), those of (.+?) of the same donor (\w+): labels may be swapped\.",
                of_donor,
            ),
            (r"Its cells are (\w+), the sheet says (\w+)\.", of_sheet),
            (r"Its samples differ in sex: .*\.", lambda: len(set(clear.values())) == 2),
            (
                r"Whether all cells are of one donor cannot be said by sex: (.+?)\.",
                lambda why: why in {one["reason"] for one in sexes.values()} and a["verdict"] == "NOT ASSESSABLE",
            ),
            (r"Quality control did not look for cells of the other sex\.", lambda: not sexes),
            (r"The lot has no cells\.", lambda: self.cells.empty),
        ]

    def of_flow_agreement(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        rows = self.rows("flow_agreement")
        own = rows.set_index("criterion")

        def both(marker: str, v: str, low: str, high: str, flow: str) -> bool:
            row = own.loc[marker]
            printed = ((v, "estimate"), (low, "low"), (high, "high"), (flow, "flow"))
            return all(agrees(p, row[k]) for p, k in printed)

        def set_from(markers: str, basis: str, which: str) -> bool:
            used = "among" in which
            same = own[(own["basis"] == basis) & (own["used"] == used) & (own["reason"] == "")]
            return set(markers.split(", ")) == set(same.index) and basis.startswith("flow cytometry of ")

        independent = r"this one among them: for these markers its RNA and its flow cytometry are not independent\."
        return [
            (
                r"The sheet gives no flow cytometry of this lot for a marker that was judged\.",
                lambda: rows.empty and a["verdict"] == "NOT ASSESSABLE",
            ),
            (rf"(\S+) {SHARE} of cells by RNA, {P} by flow cytometry\.", both),
            (
                r"The threshold of (.+?) was set from (flow cytometry of \d+ lots), "
                rf"({independent}|without this one\.)",
                set_from,
            ),
        ]

    def of_certificate(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        rows = self.rows("certificate")
        words = {"meets": "PASS", "inconclusive": "WARN", "fails": "FAIL", "not_assessable": "NOT ASSESSABLE"}
        verdict = words[rows["verdict"].iloc[0]] if len(rows) else ""
        copies = r"copies of ([\d,]+) cells and ([\d,]+) counts a cell"

        def row(cells: str, counts: str) -> pd.Series:
            cells, counts = (int(x.replace(",", "")) for x in (cells, counts))
            (own,) = (r for _, r in rows.iterrows() if r["n_cells"] == cells and abs(r["median_counts"] - counts) < 1)
            return own

        def held(said: str, kept: str, repeats: str, cells: str, counts: str) -> bool:
            own = row(cells, counts)
            larger = rows[(rows["n_cells"] >= own["n_cells"]) & (rows["median_counts"] >= own["median_counts"])]
            same = (int(kept), int(repeats)) == (own["kept"], own["repeats"])
            return same and said == verdict and bool((larger["kept"] == larger["repeats"]).all())

        def lost(cells: str, counts: str, kept: str, repeats: str, said: str, others: str | None) -> bool:
            own = row(cells, counts)
            other = {k: int(n) for n, k in re.findall(r"(\d+) ([A-Z ]+)", others or "")}
            numbers = {w: own[name] for name, w in words.items() if own[name] and w != verdict}
            same = (int(kept), int(repeats)) == (own["kept"], own["repeats"])
            return same and said == verdict and other == numbers

        return [
            (r"The phenotype is open, and only a verdict of PASS or FAIL is tried on smaller copies of the lot\.",
             lambda: rows.empty),
            (r"Embedded without the other lots of the study, the lot's phenotype is (.+) and not (\w+): its stability "
             r"cannot be said\.",
             lambda found, said: len(rows) == 1 and said == verdict and rows["kept"].iloc[0] == 0
             and rows[next(k for k, w in words.items() if w == found)].iloc[0] == 1),
            (rf"(PASS|FAIL) held in (\d+) of (\d+) {copies}\.", held),
            (rf"Of {copies}, (\d+) of (\d+) were (PASS|FAIL)(?: \((.+?)\))?\.", lost),
            (r"No smaller size was found of which all copies are (PASS|FAIL)\.",
             lambda said: said == verdict and not (rows["held"] & (rows["repeats"] > 1)).any()),
        ]  # fmt: skip

    def of_priming(self, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        rows = self.rows("priming")
        row = None if rows.empty else rows.iloc[0]

        def compared(kind: str, moved: str, of: str, n: str, donor: str | None, effect: str, answer: str) -> bool:
            counts = (int(moved), int(of), int(n)) == (row["moved"], row["measurable"], row["controls"])
            same = (row["relative_to"] == "donor") == bool(donor)
            right = (a["verdict"] == "DESCRIBED") == (answer == "yes")
            rounded = abs(float(effect.replace("−", "-")) - row["effect"]) <= 0.0501
            return counts and same and right and rounded and (kind, answer) == (row["stated"], row["answer"])

        return [
            (
                r"The sheet does not state the priming of this lot, or it was not compared\.",
                lambda: rows.empty and a["verdict"] == "NOT ASSESSABLE",
            ),
            (r"Stated none: it is a control of the lots that were primed\.", lambda: row["stated"] == "none"),
            (
                r"Stated (\S+): undecided\. (.+)",
                lambda kind, why: (kind, why, "undecided") == (row["stated"], row["reason"], row["answer"]),
            ),
            (
                r"Stated (\S+): (\d+) of (\d+) expected genes are up against (\d+) lots? with none"
                r"( of the same donor)?, on average by (\S+) log2: (yes|partly|no)\.",
                compared,
            ),
        ]

    # ---- scores

    def of_scores(self, kind: str, a: dict) -> list[tuple[str, Callable[..., bool]]]:
        table = self.given.tables["signature_scores"]
        own, value = self.rows("signature_scores"), dict(self.z)
        value |= {"osteogenic": max((value[r] for r in ("early", "late") if r in value), default=np.nan)}
        most = self.set["score_threshold"]
        least = max(most, 4.0)
        one = {"immune_constitutive": "constitutive", "stress": "stress"}.get(kind)
        known = {r: value[r] for r in ("osteogenic", "adipogenic", "chondrogenic") if r in value}
        gluco = value.get("glucocorticoid", -np.inf) >= 3
        named = {r: v for r, v in known.items() if not (gluco and r == "adipogenic")}
        ranked = sorted(named.values(), reverse=True)
        condition = " ".join(self.cells.get("condition", pd.Series(dtype=str)).astype(str).unique()).lower()
        meant = any(word in condition for word in ("prim", "licens", "ifn", "tnf", "stim", "interferon"))

        def above(role: str) -> bool:
            return value.get(role, -np.inf) >= most

        def below(role: str) -> bool:
            return value.get(role, np.inf) <= -most

        def level(text: str) -> bool:
            pairs = [part.rsplit(" ", 1) for part in text.split(", ")]
            pairs = [[one, pair[0]] if len(pair) == 1 else pair for pair in pairs]
            edges = (most, -most, least, -least)

            def right(printed: str, number: float) -> bool:
                digits = len(printed.partition(".")[2])
                near = abs(float(printed) - number) <= 0.5 * 10**-digits + 1e-6
                limits = edges[2:] if kind in {"osteogenic", "trilineage"} else edges[:2]
                return near and all((float(printed) >= e) == (number >= e) for e in limits)

            return all(right(printed, value[role]) for role, printed in pairs)

        secretory = above("secretome") or above("published")
        signed = rf"Genes gained in senescence are above and genes lost below {AVERAGE}"
        inflamed = rf"Inflammatory genes are above {AVERAGE}"
        licensed = rf"Licensed genes are above {AVERAGE}, as after interferon"
        stress = "cells that stop to differentiate look the same, and senescence is not claimed"
        cause = "priming or inflammation can do this, and senescence is not claimed"
        steroid = "and dexamethasone raises genes of adipocytes: these say nothing"

        def agree() -> bool:
            return above("gained") and below("lost")

        def only_inflamed() -> bool:
            return above("inflammatory") and not above("licensed")

        said = {
            rf"{signed}: it looks more senescent than they do\.": lambda: agree() and not above("early"),
            rf"{signed}, but osteogenic genes are above it too: {stress}\.": lambda: agree() and above("early"),
            rf"Genes gained in senescence are above {AVERAGE}, genes lost are not below: no claim of "
            r"senescence\.": lambda: above("gained") and not below("lost"),
            rf"Genes lost in senescence are below {AVERAGE}, genes gained are not above: no claim of "
            r"senescence\.": lambda: below("lost") and not above("gained"),
            rf"Only secretory scores are above {AVERAGE}: {cause}\.": lambda: secretory and not above("gained"),
            rf"Neither licensed nor inflammatory genes are above {AVERAGE}\.": lambda: (
                not above("licensed") and not above("inflammatory")
            ),
            rf"Resting genes are above {AVERAGE}\.": lambda: above("constitutive"),
            r"Whether all its lots are licensed or none is can be decided only by a lot of known state\.": lambda: True,
            rf"{inflamed} and licensed genes are not: inflammation, not licensing\.": only_inflamed,
            rf"{inflamed} together with senescence and licensed genes are not: inflammation, not licensing\.": lambda: (
                only_inflamed() and agree()
            ),
            rf"{licensed}, as the sheet's condition says\.": lambda: above("licensed") and meant,
            rf"{licensed}, which the sheet's condition does not explain\.": lambda: above("licensed") and not meant,
            rf"No lineage is above {AVERAGE}\.": lambda: max(known.values()) < least,
            rf"No other lineage is above {AVERAGE}\.": lambda: gluco and ranked[0] < least,
            rf"The highest lineage is above {AVERAGE}, and a second is too near it to name one\.": lambda: (
                ranked[0] >= least and ranked[0] - ranked[1] < 1
            ),
            rf"The response to glucocorticoids is above {AVERAGE}, {steroid}\.": lambda: gluco,
        }

        def stands(negated: str | None, direction: str) -> bool:
            side = value[one] >= most if direction == "above" else value[one] <= -most
            return side != bool(negated)

        def quiet() -> bool:  # in senescence and in osteogenic scores
            if kind == "osteogenic":
                return value["osteogenic"] < least
            return not above("gained") and not below("lost") and not secretory

        return [
            (rf"Against {AVERAGE}, z: ((?:\S+ )?{Z}(?:, \S+ {Z})*)\.", level),
            (r"There is no second lot in this study to compare with\.", lambda: table["lot_id"].nunique() < 2),
            (r"It could not be scored.*", lambda: a["verdict"] == "NOT ASSESSABLE"),
            *said.items(),
            *(
                [(rf"It is (not )?(above|below) {AVERAGE}\.", stands)]
                if one
                else [(rf"It is not above {AVERAGE}\.", quiet)]
            ),
            (
                rf"It is above {AVERAGE}: (late|early) osteogenic genes\.",
                lambda role: value["osteogenic"] == value[role] >= least,
            ),
            (
                rf"Its lineage bias is (\w+), against {AVERAGE}\.",
                lambda lineage: named[lineage] == ranked[0] >= least,
            ),
            (
                r"Scored were (.+?) cells, because the lot has too few MSC\.",
                lambda which: str(own["cells"].iloc[0]) == which != "MSC",
            ),
        ]

    # ---- the lot

    def check_verdict(self) -> list[str]:
        """Check the lot's verdict and its sentence against its attributes."""
        by = {verdict: [] for verdict in ("FAIL", "NOT ASSESSABLE", "WARN", "PASS", "DESCRIBED")}
        warned = []
        for a in self.record["attributes"]:
            if a["weight"] == "decides":
                by[a["verdict"]].append(a)
            elif a["weight"] == "warns" and a["verdict"] in {"WARN", "FAIL"}:
                warned.append(a)
        worst = next(verdict for verdict in ("FAIL", "NOT ASSESSABLE", "WARN", "PASS") if by[verdict])
        expected = "WARN" if worst == "PASS" and warned else worst
        verdict, text = self.record["verdict"], self.record["verdict_reason"]
        faults = [] if verdict == expected else [f"verdict {verdict}, by its attributes {expected}"]
        if verdict != "PASS":
            parts = [f"{a['title']}: {a['reason']}" for a in (warned if worst == "PASS" else by[worst])]
            return faults if text == " ".join(parts) else [*faults, f"its reason is not that of what decides: {text!r}"]
        unknown = [
            a["title"] for a in self.record["attributes"] if a["weight"] == "warns" and a["verdict"] == "NOT ASSESSABLE"
        ]
        tail = f"Not assessed: {', '.join(unknown)}." if unknown else "of the data's quality warns."
        return faults if text.endswith(tail) else [*faults, f"it does not say what was not assessed: {text!r}"]


def lot_sentences(plain: Mapping[str, pd.Series]) -> list[tuple[str, str]]:
    """Sentences of the gate's reasons for lots, by code; a named reason once for each name that the table holds."""
    codes = {str(row["reason"]) for row in plain.values()} | {str(reason) for reason in Reason if not reason.named}
    made = []
    for code in sorted(codes - {"", "nan"}):
        reason, name = parse(code)
        made.append((code, reason.lot.format(name=name.replace("|", " or "))))
    return made
