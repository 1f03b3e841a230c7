"""Clusters of embedded images: spectral clustering of the graph of nearest neighbours."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy.sparse import csgraph

from femtobarn.errors import InputError, require

Embedding = Float[np.ndarray, "image feature"]

MANY = 5000  #: images from which on k-means takes the place of spectral clustering
NEIGHBOURS = 10


def unit_rows(embedding: Float[np.ndarray, "image ..."]) -> Embedding:
    """Rows of unit length, so that the nearest neighbour is that of the largest cosine; rows of zeros stay."""
    rows = embedding.reshape(len(embedding), -1).astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def image_clusters(
    embedding: Embedding, clusters: int, *, neighbours: int = NEIGHBOURS, many: int = MANY
) -> Int64[np.ndarray, "image"]:
    """The cluster of each row, numbered by size, the largest first.

    Spectral clustering of the symmetric graph of nearest neighbours by cosine, with the labels of a pivoted QR
    factorisation (Damle, Minden, Ying 2019, arXiv:1708.07481), which depends on no random number. Where the graph falls
    apart, each piece is tied to the nearest row of another, because the eigenvectors of pieces are not defined one by
    one. With more rows than `many`, k-means of the rows with a fixed seed.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        InputError: Fewer rows than clusters, or than two.
    """
    if not 2 <= clusters <= len(embedding) - 1 or neighbours < 1:
        raise InputError(
            f"expected 2 clusters or more of more images than that: got {clusters} of {len(embedding)}"
        )
    rows = unit_rows(embedding)
    if len(rows) > many:
        means = require("sklearn.cluster", extra="baselines").KMeans(clusters, n_init=4, random_state=0)
        return _by_size(means.fit_predict(rows))
    graph = _joined_graph(rows, neighbours)
    spectral = require("sklearn.cluster", extra="baselines")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spectral.spectral_clustering(
            graph, n_clusters=clusters, assign_labels="cluster_qr", random_state=0
        )
    return _by_size(found)


def _joined_graph(rows: Embedding, neighbours: int) -> Any:
    """The sparse symmetric graph of nearest neighbours, in one piece.

    More neighbours would join pieces, too, but blur what tells them apart: a piece of few rows would soon have
    neighbours in others only.
    """
    near = require("sklearn.neighbors", extra="baselines")
    found = near.kneighbors_graph(rows, min(neighbours, len(rows)), include_self=True)
    graph = 0.5 * (found + found.T)
    while True:
        pieces, piece = csgraph.connected_components(graph, directed=False)
        if pieces == 1:
            return graph
        tied = graph.tolil()
        for one in range(pieces):
            own, others = np.flatnonzero(piece == one), np.flatnonzero(piece != one)
            place = np.unravel_index((rows[own] @ rows[others].T).argmax(), (len(own), len(others)))
            here, there = own[place[0]], others[place[1]]
            tied[here, there] = tied[there, here] = 0.5
        graph = tied.tocsr()


def _by_size(cluster: np.ndarray) -> Int64[np.ndarray, "image"]:
    """Numbered by size, so that the same clusters have the same numbers whatever the order of the rows."""
    _, first, inverse, size = np.unique(cluster, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -size))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse].astype(np.int64)
