"""Writes embed2d.json: what umap-learn computes for a small set of points, step by step.

Needs: pip install umap-learn (made with 0.5.12). Run from this folder: python embed2d.py
"""

import json
import warnings

import numpy as np
import umap
from sklearn.manifold import trustworthiness
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, nearest_neighbors, smooth_knn_dist

warnings.filterwarnings("ignore")
ROWS, COLUMNS, NEIGHBOURS = 90, 5, 10

rng = np.random.default_rng(16)
centres = rng.normal(size=(4, COLUMNS)) * 3
points = centres[rng.integers(0, 4, ROWS)] + rng.normal(size=(ROWS, COLUMNS)) * rng.choice([0.3, 1.0], size=(ROWS, 1))
points[7] = points[3] = 9  # duplicates, so that a nearest distance is zero; far off, so that nobody else ties over them
points = np.round(points, 3).astype(np.float32)

indices, distances, _ = nearest_neighbors(points, NEIGHBOURS, "euclidean", {}, False, np.random.RandomState(0))
sigmas, rhos = smooth_knn_dist(distances.astype(np.float32), float(NEIGHBOURS), local_connectivity=1.0)
graph = fuzzy_simplicial_set(
    points, NEIGHBOURS, np.random.RandomState(0), "euclidean", knn_indices=indices, knn_dists=distances.astype(np.float32)
)[0].tocoo()
edges = sorted((int(i), int(j), float(w)) for i, j, w in zip(graph.row, graph.col, graph.data) if i < j)

trust = []
for seed in range(5):
    layout = umap.UMAP(n_neighbors=NEIGHBOURS, min_dist=0.1, init="pca", n_epochs=500, random_state=seed, n_jobs=1)
    trust.append(float(trustworthiness(points, layout.fit_transform(points), n_neighbors=NEIGHBOURS)))

round_all = lambda values, digits: [round(float(v), digits) for v in values]
json.dump(
    {
        "rows": ROWS,
        "columns": COLUMNS,
        "neighbours": NEIGHBOURS,
        "points": round_all(points.ravel(), 3),
        "rho": round_all(rhos, 7),
        "sigma": round_all(sigmas, 7),
        "edges": [[i, j, round(w, 7)] for i, j, w in edges],
        "curves": [{"min_dist": d, "a": float(find_ab_params(1.0, d)[0]), "b": float(find_ab_params(1.0, d)[1])} for d in (0.0, 0.1, 0.5)],
        "trustworthiness": trust,
        # The formula itself, on a map that is bad on purpose: the first two coordinates of the points.
        "trustworthiness_of_first_two": float(trustworthiness(points, points[:, :2], n_neighbors=NEIGHBOURS)),
    },
    open("embed2d.json", "w"),
    separators=(",", ":"),
)
print(trust)
