"""Outputs are the same bytes for any number of threads and on a repeated run, as Snakemake runs the steps."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from cluster_cases import MARKERS, draw_counts, study_paths, write_study
from snakemake.iocontainers import Namedlist
from toy_study import default_settings

import cluster_cells
import compute_umap
import embed_cells
import rank_markers
from mscape.run import fork_server, forked_steps, step


def run_steps(study, threads):
    """Run the steps from counts and gate to markers; the digest of each file that they write."""
    cluster, embed = default_settings("cluster") | {"n_boot": 5}, default_settings("embed")
    embeddings = {"all": study.embedding_all, "msc": study.embedding_msc}
    common = {"organism": "human", "seed": 0}
    tables = {name: getattr(study, name) for name in ("stability", "resolutions", "paga", "heterogeneity")}
    counts = {"h5ad": study.counts, "markers": MARKERS}
    jobs = [
        (
            embed_cells,
            {**counts, "gate": study.gate},
            {"h5ad": path},
            {"settings": embed, "cluster": cluster, "scope": scope},
        )
        for scope, path in embeddings.items()
    ]
    jobs += [
        (
            compute_umap,
            {"h5ad": path},
            {"h5ad": study.folder / f"umap.{scope}.h5ad"},
            {"settings": embed | {"umap_epochs": 20}},
        )
        for scope, path in embeddings.items()
    ]
    jobs += [
        (
            cluster_cells,
            {**counts, "embedding": study.embedding_msc},
            {"h5ad": study.clusters, **tables},
            {"settings": cluster},
        ),
        (
            rank_markers,
            {"h5ad": study.counts, "clusters": study.clusters},
            {"table": study.markers, "surface": study.surface},
            {},
        ),
    ]
    digests = {}
    for script, given, written, params in jobs:
        job = SimpleNamespace(
            rule=script.__name__,
            log=[study.folder / "log"],
            threads=threads,
            input=Namedlist(fromdict=given),
            output=Namedlist(fromdict=written),
            params={**common, **params},
        )
        step.run(getattr(script, "job", script.main), job)
        digests |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written.values()}
    return digests


def run_alone(folder, threads):
    """As `run_steps`, in a process that starts with nothing but the number of threads, as a job does."""
    limits = {name for name in os.environ if name.endswith("_NUM_THREADS")}
    environment = {name: value for name, value in os.environ.items() if name not in limits}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, __file__, str(folder), str(threads)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


FORKED = """
import json, sys
sys.path[:0] = {path!r}
from test_determinism import run_steps, study_paths
from pathlib import Path
Path({said!r}).write_text(json.dumps(run_steps(study_paths(Path({folder!r})), {threads})))
"""


def run_forked(folder, threads):
    """As `run_steps`, in a fork of a process that has imported all that the server of a run imports."""
    script, said = folder / "forked.py", folder / "said.json"
    environment = dict(os.environ) | dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    server = forked_steps.ForkServer()
    try:
        script.write_text(f"import sys; sys.exit({fork_server.LATER[-1]!r} not in sys.modules)")
        while server.run(str(script), environment):
            time.sleep(0.1)
        path = [*sys.path, str(Path(__file__).parent)]
        script.write_text(FORKED.format(path=path, folder=str(folder), threads=threads, said=str(said)))
        assert server.run(str(script), environment) == 0
    finally:
        server.close()
    return json.loads(said.read_text())


def test_threads_repeats_and_forks_change_no_byte(tmp_path):
    x, _, batch = draw_counts(n=600, genes=900, shares=(0.6, 0.3, 0.1), batches=2, batch_sd=0.4)
    study = write_study(tmp_path, x, batch=batch)
    first = run_alone(tmp_path, 1)
    assert len(first) == 11
    assert study.markers.stat().st_size > 10_000  # several clusters
    assert run_alone(tmp_path, 8) == first
    assert run_forked(tmp_path, 2) == first


if __name__ == "__main__":
    print(json.dumps(run_steps(study_paths(Path(sys.argv[1])), int(sys.argv[2]))))
