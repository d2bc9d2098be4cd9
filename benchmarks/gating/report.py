"""Turn the benchmark's tables into the section of docs/benchmarks/gating.md and its figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

START, END = "<!-- benchmark: start -->", "<!-- benchmark: end -->"
ORDER = ["gate", "cluster mean > tau", "kNN15 mean > tau", "rank score + kNN", "count > 0"]
GRID = ("none", "distinct")  # subsets of the grid proper; the others have no contaminants
VALUES = ["mcc_determinate", "mcc_all", "sensitivity", "specificity", "indeterminate"]
COLOURS = dict(zip(ORDER, ["#0b3c5d", "#328cc1", "#d9a441", "#a05195", "#8c8c8c"], strict=True))


def _read(folder: Path, name: str) -> pd.DataFrame | None:
    path = folder / f"{name}.tsv"
    return pd.read_csv(path, sep="\t") if path.exists() else None


def _markdown(table: pd.DataFrame) -> str:
    def cell(value) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"
        return str(value).replace("|", "\\|")

    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns)
    return head + "\n" + "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in table.itertuples(index=False))


def _methods(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row a point and method: determinate and all-cell MCC, sensitivity, specificity, indeterminate."""
    table = table.assign(order=table["method"].map(ORDER.index))
    mean = table.groupby([*keys, "order", "method"], sort=True)[VALUES].mean().reset_index().drop(columns="order")
    names = {"mcc_determinate": "MCC (determinate)", "mcc_all": "MCC (all cells)"}
    return mean.rename(columns=names)


def _spread(table: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """Mean and, where the data sets of a point differ, the lowest and highest of them."""

    def cell(x: pd.Series) -> str:
        low, high = f"{x.min():.3f}", f"{x.max():.3f}"
        return f"{x.mean():.3f}" + (f" ({low}-{high})" if low != high else "")

    return table.groupby(keys, sort=True)[values].agg(cell).reset_index()


def _simulation(folder: Path, parts: list[str]) -> None:
    table, reliability = _read(folder, "simulation"), _read(folder, "reliability")
    if table is None:
        return
    keys = ["depth", "rho", "subset"]
    gate = table[table["method"] == "gate"]
    gate = gate.merge(reliability.groupby([*keys, "seed"])["ece"].first().reset_index(), on=[*keys, "seed"])
    shown = gate[gate["subset"].isin(GRID)].rename(columns={"ece": "ECE"})
    values = ["mcc_determinate", "mcc_all", "sensitivity", "specificity", "indeterminate", "ECE"]
    parts += [
        "### Simulated libraries",
        "2,400 MSC and 240 T cells, monocytes, B cells, progenitors and endothelial cells, 3 % doublets; "
        f"{table['seed'].nunique()} data sets a point: mean (lowest-highest). *Distinct*: 20 % of the MSC lack CD73 "
        "and differ in 50 other genes too. ECE: expected calibration error of the probabilities of ten markers.",
        _markdown(_spread(shown, keys, values).rename(columns={"depth": "UMI", "rho": "ambient"})),
        "The baselines on the same cells, all points of a depth together (without the hidden subsets):",
        _markdown(_methods(table[table["subset"].isin(GRID)], ["depth"]).rename(columns={"depth": "UMI"})),
    ]
    parts += [
        "Pure cultures of 2,400 MSC, and such of which 20 % lack one marker and differ in nothing else. CD90 has "
        "counts enough in a cell to show it. CD73 has not: its pooled estimate is wrong, and what keeps the criterion "
        "from being met is `max_hidden_fraction`, the share that the counts alone would allow.",
        _markdown(_verdicts(_read(folder, "verdicts"))),
    ]


def _verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Count the verdicts of the pure cultures over the data sets."""
    rows = []
    for (depth, subset, criterion), part in table[~table["subset"].isin(GRID)].groupby(
        ["depth", "subset", "criterion"]
    ):
        if subset.startswith("hidden") and criterion != subset.removeprefix("hidden "):
            continue
        hidden = part["max_hidden_fraction"]
        said = (part["verdict"] + (" (" + part["reason"].fillna("") + ")").replace(" ()", "")).value_counts()
        rows.append(
            {"UMI": depth, "culture": subset, "criterion": criterion, "truth": part["truth"].mean()}
            | {"estimate": part["estimate"].mean(), "max_hidden_fraction": f"{hidden.min():.2f}-{hidden.max():.2f}"}
            | {"verdicts": ", ".join(f"{n} {name}" for name, n in said.items())}
            | {"hidden mixture found": f"{part['hidden_mixture'].astype(str).eq('True').sum()} of {len(part)}"}
        )
    return pd.DataFrame(rows)


def _semireal(folder: Path, parts: list[str]) -> None:
    table = _read(folder, "semireal")
    if table is None:
        return
    parts += [
        "### Semi-real cells",
        "Semi-real, easy, and at given thresholds: MSC and iPSC drawn around 10x sums of four donors (iPSC-derived "
        "MSC, GSE181744), HUVEC around bulk counts, real blood cells; 3 % doublets. The truth is the phenotype: the "
        "rates of the donor's cluster beyond the thresholds by a factor of 1.5; two of the four donors are "
        f"negative by RNA. Passing is necessary, not sufficient. {table['seed'].nunique()} data sets a point.",
        _markdown(_methods(table, ["depth", "rho"]).rename(columns={"depth": "UMI", "rho": "ambient"})),
    ]
    wide = table.pivot_table(index=["depth", "rho", "seed"], columns="method", values="mcc_all")
    lead = (wide["gate"] - wide["kNN15 mean > tau"])[20_000].rename("lead") if 20_000 in wide.index else None
    if lead is not None:
        parts.append(
            "At 20,000 UMI the gate's MCC on all cells exceeds that of the mean of 15 neighbours by "
            f"{lead.mean():.3f} ({lead.min():.3f} to {lead.max():.3f}, {len(lead)} data sets, lower in "
            f"{(lead < 0).sum()}). Its MCC on determinate cells is at least "
            f"{table[(table['method'] == 'gate') & (table['depth'] == 20_000)]['mcc_determinate'].min():.3f}."
        )
    gate = table[table["method"] == "gate"]
    kinds = [c.removeprefix("fail_") for c in gate if c.startswith("fail_")]
    recall = pd.DataFrame(
        [
            {
                "contaminant": k,
                "FAIL (lowest point)": gate[f"fail_{k}"].min(),
                "PASS (highest point)": gate[f"pass_{k}"].max(),
            }
            for k in kinds
        ]
    )
    parts += ["Contaminants, over all data sets:", _markdown(recall)]
    thinned = _read(folder, "thinning")
    if thinned is not None and len(thinned):
        lost, found = thinned["new_indeterminate"], thinned["newly_determinate"]
        parts.append(
            f"The same cells at half the depth (10,000 to 5,000 UMI, {len(thinned)} data sets): "
            f"{thinned['flips'].mean():.2%} of the calls flip; {lost.mean():.1%} become indeterminate "
            f"({lost.min():.1%} to {lost.max():.1%}), of the cells with the phenotype "
            f"{thinned['new_indeterminate_positive'].mean():.2%}; {found.mean():.1%} become determinate "
            f"({found.min():.1%} to {found.max():.1%})."
        )


def _isolated(folder: Path, parts: list[str]) -> None:
    table = _read(folder, "isolated")
    if table is None:
        return
    numbers = table.groupby(["case", "n_msc", "kind"])[["n", "pass", "fail", "indeterminate"]].sum().reset_index()
    parts += [
        "### Isolated contaminants, and kinds without a panel",
        "Semi-real, 5,000 UMI, ambient 5 %, two donors. MSC: those with the positive phenotype.",
        _markdown(numbers),
    ]


def _coverage(folder: Path, parts: list[str]) -> None:
    table = _read(folder, "coverage")
    if table is None:
        return
    table["width"] = table["high"] - table["low"]
    by = table.groupby("criterion", sort=False)[["covered", "width"]].mean().reset_index()
    parts += [
        "### Lot intervals",
        f"{table['lot'].nunique()} simulated lots of about 550 cells, 4,000 to 15,000 UMI, with up to 60 contaminants "
        f"and up to 30 % of the MSC without CD73: the interval holds the truth in {table['covered'].mean():.1%} of all "
        "criteria.",
        _markdown(by),
    ]


def _figures(folder: Path, figures: Path, parts: list[str]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "mscape"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    figures.mkdir(parents=True, exist_ok=True)
    panels = [
        (n, t)
        for n, t in (("Simulated", _read(folder, "simulation")), ("Semi-real", _read(folder, "semireal")))
        if t is not None
    ]
    if panels:
        figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), sharey=True, squeeze=False)
        for axis, (name, table) in zip(axes[0], panels, strict=True):
            if "subset" in table:
                table = table[table["subset"].isin(GRID)]
            for method in ORDER:
                line = table[table["method"] == method].groupby("depth")["mcc_all"].mean()
                axis.plot(
                    line.index, line, "o-", ms=4, color=COLOURS[method], label=method, lw=2 if method == "gate" else 1.2
                )
            axis.set_xscale("log")
            axis.set_xticks([2000, 5000, 10_000, 20_000], ["2k", "5k", "10k", "20k"])
            axis.minorticks_off()
            axis.set(title=name, xlabel="median UMI a cell", ylim=(-0.02, 1.02))
        axes[0, 0].set_ylabel("MCC, all cells")
        axes[0, -1].legend(frameon=False, fontsize=7)
        _save(figure, figures / "gate_accuracy.svg")
        parts.append(
            "![Accuracy of the gate and four baselines by depth](figures/gate_accuracy.svg)\n\nMatthews correlation on "
            "all cells, an indeterminate call counted as not passing; mean over ambient fractions and subsets."
        )
    reliability = _read(folder, "reliability")
    if reliability is not None:
        figure, axis = plt.subplots(figsize=(3.6, 3.4))
        axis.plot([0, 1], [0, 1], color="#bbbbbb", lw=1)
        for depth, part in reliability[reliability["subset"].isin(GRID)].groupby("depth"):
            part = part.assign(p=part["probability"] * part["n"], y=part["observed"] * part["n"])
            line = part.groupby("bin")[["p", "y", "n"]].sum()
            axis.plot(line["p"] / line["n"], line["y"] / line["n"], "o-", ms=4, lw=1.2, label=f"{depth:,} UMI")
        axis.set(xlabel="probability given", ylabel="share of cells above the threshold", xlim=(0, 1), ylim=(0, 1))
        axis.legend(frameon=False, fontsize=7)
        _save(figure, figures / "gate_reliability.svg")
        parts.append(
            "![Reliability of the marker probabilities](figures/gate_reliability.svg)\n\nReliability of the marker "
            "probabilities in the simulated libraries (few of them lie between 0.1 and 0.9)."
        )


def _save(figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def write(folder: Path, docs: Path) -> None:
    """Replace the benchmark section of ``docs/benchmarks/gating.md`` and the figures."""
    parts: list[str] = []
    _figures(folder, docs / "figures", parts)
    for part in (_simulation, _semireal, _isolated, _coverage):
        part(folder, parts)
    page = docs / "gating.md"
    text = page.read_text()
    before, after = text.split(START)[0], text.split(END)[1]
    page.write_text(f"{before}{START}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")
