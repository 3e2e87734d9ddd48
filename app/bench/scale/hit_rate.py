"""The share of questions whose passages are kept, by the approximation of Che, Tung and Wang (2002).

H. Che, Y. Tung and Z. Wang, Hierarchical Web caching systems: modeling, design and experimental results,
IEEE JSAC 20(7): a thing is kept if it was asked for within the last T requests, T the same for all things,
and such that as many are kept as there is room for.
"""

import numpy as np

from app.bench.scale.popularity import Zipf


def hit_rate(popularity: Zipf, places: int, kept: int) -> float:
    """The hit rate of a least-recently-used cache that keeps so many places of all books, from 0 to 1.

    A book has so many `places`, the passages that one question reads, all equally often asked about.
    """
    if kept <= 0:
        return 0.0
    things = popularity.counts * places
    if kept >= things.sum():
        return 1.0
    each = popularity.masses / things

    def room(requests: float) -> float:
        return float((things * -np.expm1(-each * requests)).sum())

    low, high = 0.0, 1.0
    while room(high) < kept:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if room(middle) < kept else (low, middle)
    return float((popularity.masses * -np.expm1(-each * high)).sum())
