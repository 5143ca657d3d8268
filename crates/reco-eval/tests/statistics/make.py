"""Writes statistics.json: what scipy and statsmodels say of samples that the tests of `reco_eval::compare` are held against.

    python3 -m venv venv && venv/bin/pip install scipy statsmodels
    venv/bin/python crates/reco-eval/tests/statistics/make.py

Numbers are multiples of 1/1024, so that what is tied on paper is tied in binary, and JSON has every bit.
"""

import json
import pathlib

import numpy
import scipy.stats
from statsmodels.stats.multitest import multipletests

random = numpy.random.default_rng(20)


def case(name, a, b):
    a, b = numpy.asarray(a, float), numpy.asarray(b, float)
    d = b - a
    differing = d[d != 0]
    sizes = numpy.abs(differing)
    t = scipy.stats.ttest_rel(b, a)
    interval = t.confidence_interval(0.95)
    n = len(differing)
    exact = n <= 25 and len(set(sizes)) == n
    wilcoxon = scipy.stats.wilcoxon(
        differing, zero_method="wilcox", correction=False, method="exact" if exact else "asymptotic"
    )
    up = int((d > 0).sum())
    ranks = scipy.stats.rankdata(sizes)
    rank_biserial = (ranks[differing > 0].sum() - ranks[differing < 0].sum()) / ranks.sum()
    return {
        "name": name,
        "a": a.tolist(),
        "b": b.tolist(),
        "t": t.statistic,
        "t_p": t.pvalue,
        "low": interval.low,
        "high": interval.high,
        "d_z": d.mean() / d.std(ddof=1),
        "wilcoxon": wilcoxon.statistic,
        "wilcoxon_p": wilcoxon.pvalue,
        "exact": exact,
        "rank_biserial": rank_biserial,
        "sign_p": scipy.stats.binomtest(up, n, 0.5).pvalue,
    }


def values(n, shift=0.0, steps=1024, deviation=0.15):
    """Two samples of n users, B above A by `shift` on average, in `steps` steps between 0 and 1."""
    base = random.beta(1.2, 4, n)
    other = base + shift + random.normal(0, deviation, n)
    return [numpy.round(numpy.clip(x, 0, 1) * steps) / steps for x in (base, other)]


def distinct(n, shift):
    """As `values`, and no two differences of one size, none of them zero."""
    while True:
        a, b = values(n, shift)
        sizes = numpy.abs(b - a)
        if len(set(sizes)) == n and sizes.min() > 0:
            return a, b


cases = [
    case("two users", [0.25, 0.5], [0.375, 0.8125]),
    case("five users, exact", *distinct(5, 0.1)),
    case("five users, ties", [0, 0, 0, 0, 0.5], [0.25, 0.25, 0.5, -0.25, 0.625]),
    case("25 users, exact", *distinct(25, 0.05)),
    case("26 users, no ties", *distinct(26, 0.05)),
    case("30 users, ties and zeros", *values(30, 0.03, steps=16)),
    case("30 users, few differ", [0.0] * 27 + [0.25, 0.5, 0.5], [0.0] * 27 + [0.5, 0.25, 1.0]),
    case("hits, 1000 users", *values(1000, 0.02, steps=1)),
    case("1000 users, ties and zeros", *values(1000, 0.005, steps=64)),
    case("1000 users, a clear difference", *values(1000, 0.1)),
    case("1000 users, far out", *values(1000, 0.3, deviation=0.1)),
]
# statsmodels' Holm of p values with ties, some of them near 0 or 1.
raw = [0.04, 1e-12, 0.9, 0.012, 0.04, 0.011, 0.5, 1.0, 3e-5, 0.3]
holm = {"raw": raw, "corrected": multipletests(raw, method="holm")[1].tolist()}
quantiles = [
    {"two_sided": p, "freedom": f, "t": scipy.stats.t.isf(p / 2, f)}
    for p in (0.2, 0.05, 0.01, 0.001)
    for f in (1, 2, 4, 24, 99, 999, 100_000)
]
content = {"cases": cases, "holm": holm, "quantiles": quantiles}
path = pathlib.Path(__file__).with_name("statistics.json")
# One line per case: a difference that can be read.
parts = ",\n".join(json.dumps(one, default=float) for one in content["cases"])
text = f'{{"cases": [\n{parts}\n],\n"holm": {json.dumps(holm)},\n"quantiles": {json.dumps(quantiles)}}}\n'
path.write_text(text)
assert json.loads(text)["holm"] == holm
