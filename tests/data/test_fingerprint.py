import itertools

import scipy.sparse as sp

from mscape.data.fingerprint import MatrixDigest


def digest(matrix, names, *cuts):
    watched = MatrixDigest(names)
    bounds = [0, *cuts, matrix.shape[0]]
    blocks = [matrix[start:stop] for start, stop in itertools.pairwise(bounds)]
    assert (sp.vstack(list(watched.watch(blocks))) != matrix).nnz == 0
    return watched.hexdigest()


def test_the_digest_follows_names_and_counts_and_not_the_blocks(toy_counts):
    adata = toy_counts(20, 10)
    names = [*adata.obs_names, *adata.var_names]
    whole = digest(adata.X, names)
    assert digest(adata.X, names, 3, 11) == whole
    assert digest(adata.X.astype("int64"), names) == whole
    assert digest(adata.X, names[1:]) != whole
    adata.X[0, adata.X[0].indices[0]] += 1
    assert digest(adata.X, names) != whole
