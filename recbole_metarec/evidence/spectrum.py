"""Item vectors from a domain's own co-occurrence statistics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import svds

from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.latent import positive_information


def cooccurrence(domain: Domain, reach: int) -> csr_array:
    """Count how often two items stand at most ``reach`` places apart in a sequence.

    Parameters
    ----------
    domain : Domain
    reach : int
        Largest distance, at least 1.

    Returns
    -------
    csr_array, shape (n_items + 1, n_items + 1)
        Symmetric counts; row and column 0 are empty.
    """
    rows, columns = np.concatenate([np.stack(pair) for pair in domain.pairs(reach)], axis=1)
    shape = (domain.n_items + 1, domain.n_items + 1)
    counts = coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
    return csr_array(counts + counts.T)


def spectral_vectors(domain: Domain, width: int, reach: int, scale: float) -> npt.NDArray[np.float32]:
    """Factorize the positive pointwise mutual information of co-occurring items.

    Source: Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization, NeurIPS 2014. Each singular
    vector's sign is chosen so that its cubes sum to a positive number: the same data gives the same vectors.

    Parameters
    ----------
    domain : Domain
    width : int
        Width D of the vectors. A domain with fewer than D + 1 items leaves the last entries 0.
    reach : int
        See `cooccurrence`.
    scale : float
        Standard deviation of the result over all entries of items that co-occur with others.

    Returns
    -------
    float32 array, shape (n_items + 1, width)
        Row 0 (padding) and rows of items without a neighbour are 0.
    """
    counts = cooccurrence(domain, reach)
    ppmi = positive_information(counts)
    vectors = np.zeros((domain.n_items + 1, width), np.float32)
    rank = min(width, domain.n_items)
    if rank == 0 or ppmi.nnz == 0:
        return vectors
    start = np.random.default_rng(0).standard_normal(domain.n_items + 1)
    u, s, _ = svds(ppmi, k=rank, v0=start)
    order = np.argsort(-s)
    u, s = u[:, order], s[order]
    u *= np.where((u**3).sum(0) < 0, -1.0, 1.0)
    vectors[:, :rank] = u * np.sqrt(s)
    known = np.diff(counts.indptr) > 0
    vectors[~known] = 0
    vectors *= scale / max(float(vectors[known].std()), 1e-12)
    return vectors
