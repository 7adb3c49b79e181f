"""HR@k, recall@k, NDCG@k and MRR of ranked lists, computed by scikit-learn.

Reads from the standard input {"cutoffs": [k, ...], "cases": [{"candidates": n, "users": [{"targets": [t, ...], "list": [...],
"scores": [...]} ...]} ...]}. Candidates are numbered from 0 to n - 1; a user's list holds some of them, best first, with
scores that may be equal. Prints a list with a {metric: value} for each case.

scikit-learn takes scores, not lists, and has rules of its own for equal ones. So candidates get new, distinct scores: the
order is by the given score, highest first, and among equals as in the list, which is the order that our stage documents.
"""

import json
import sys

import numpy as np
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, recall_score, top_k_accuracy_score


def matrix_row(user, candidates, longest):
    """Distinct scores of the candidates, then of dummies that stand between the list and what is not in it."""
    ordered = sorted(range(len(user["list"])), key=lambda place: (-user["scores"][place], place))
    row = np.full(candidates + longest, -1.0)
    for place, index in enumerate(ordered):
        row[user["list"][index]] = 2.0 * longest + candidates - place
    # Nobody may come by a hit because a list is shorter than k.
    row[candidates:] = longest - np.arange(longest)
    unlisted = np.flatnonzero(row[:candidates] < 0)
    row[unlisted] = -1.0 - np.arange(len(unlisted))
    return row


def measures(case, cutoffs):
    candidates, users = case["candidates"], case["users"]
    longest = max(cutoffs)
    scores = np.array([matrix_row(user, candidates, longest) for user in users])
    truth = np.zeros(scores.shape)
    best = np.zeros(len(users), dtype=int)
    for row, user in enumerate(users):
        truth[row, user["targets"]] = 1
        best[row] = max(user["targets"], key=lambda target: scores[row, target])
    labels = np.arange(scores.shape[1])
    found = {}
    for cutoff in cutoffs:
        found[f"HR@{cutoff}"] = top_k_accuracy_score(best, scores, k=cutoff, labels=labels)
    if any(len(user["targets"]) > 1 for user in users):
        for cutoff in cutoffs:
            top = np.zeros(scores.shape)
            np.put_along_axis(top, np.argsort(-scores, axis=1)[:, :cutoff], 1, axis=1)
            found[f"recall@{cutoff}"] = recall_score(truth, top, average="samples")
    for cutoff in cutoffs:
        found[f"NDCG@{cutoff}"] = ndcg_score(truth, scores, k=cutoff)
    # With one relevant item the average precision of a ranking is 1 / rank. Who has no list with an item adds 0.
    listed = np.array([user["list"] != [] and target in user["list"] for user, target in zip(users, best)])
    only_best = np.zeros(scores.shape)
    only_best[np.arange(len(users)), best] = 1
    ranked = label_ranking_average_precision_score(only_best[listed], scores[listed]) if listed.any() else 0.0
    found["MRR"] = ranked * listed.sum() / len(users)
    return found


request = json.load(sys.stdin)
json.dump([measures(case, request["cutoffs"]) for case in request["cases"]], sys.stdout)
