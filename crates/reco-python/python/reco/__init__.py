"""Recommenders from a table of ratings or events.

    import polars as pl
    import reco

    data = reco.Dataset(pl.read_parquet("ratings.parquet"), user="customer", item="product", rating="stars", time="at")
    train, test = data.split("ratio", seed=3)
    model = reco.fit(train, "ease")
    print(reco.evaluate(model, test))
    lists = pl.DataFrame(model.recommend(k=10))

Frames are anything with Arrow's PyCapsule interface: polars, pandas 2.2 or newer, pyarrow, DuckDB. What comes back is a
`reco.Table`, which all of these take. Work is done by the program `reco`, which comes with this package: the command of
the same name, and its documentation, apply.
"""

from __future__ import annotations

import atexit
import functools
import html
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from . import _reco
from ._reco import RecoError, Table

__all__ = [
    "Approach",
    "Comparison",
    "Dataset",
    "Model",
    "RecoError",
    "Result",
    "Run",
    "Table",
    "Test",
    "Train",
    "approaches",
    "compare",
    "evaluate",
    "fit",
    "load",
    "run",
]

Id = Union[str, int]
Path_ = Union[str, "os.PathLike[str]"]

#: What `Dataset.split` calls the split that papers mean by "ratio 8:1:1".
_SPLITS = {"ratio": "per-user-random"}


def approaches() -> dict[str, dict[str, Any]]:
    """Every approach by its name: `about`, and `defaults`, its options."""
    return {one["name"]: {"about": one["about"], "defaults": one["defaults"]} for one in json.loads(_reco.approaches())}


class Dataset:
    """Ratings or events, checked and numbered.

    `frame` has a row for each rating; `user`, `item`, `rating` and `time` name its columns. Without `rating`, rows are
    events. `context` names columns that describe the moment, `user_attributes` and `item_attributes` those that describe
    users and items. `items` is a further frame with one row for each item, `item_columns` says which of its columns are
    `id`, `title`, `genres` and `attributes` (a list).

    Rows are written to a folder and checked there as `reco ingest` checks a file: `folder`, a new one, which is kept,
    or else a temporary one, which goes when Python ends.
    """

    def __init__(
        self,
        frame: Any,
        *,
        user: str,
        item: str,
        rating: str | None = None,
        time: str | None = None,
        context: Sequence[str] = (),
        user_attributes: Sequence[str] = (),
        item_attributes: Sequence[str] = (),
        items: Any = None,
        item_columns: Mapping[str, Any] | None = None,
        rating_scale: tuple[float, float] | None = None,
        name: str = "frame",
        folder: Path_ | None = None,
    ) -> None:
        self._folder = _folder(folder)
        columns: dict[str, Any] = {"user": user, "item": item, "context": list(context)}
        columns |= {"user_attributes": list(user_attributes), "item_attributes": list(item_attributes)}
        columns |= {key: value for key, value in (("rating", rating), ("timestamp", time)) if value is not None}
        wanted = [user, item, *(one for one in (rating, time) if one is not None)]
        wanted += [*context, *user_attributes, *item_attributes]
        path = self._folder / "ratings.parquet"
        #: How many rows the frame has.
        self.n_rows: int = _reco.write_frame(frame, wanted, path)
        if items is not None:
            table = {"id": item, **(item_columns or {})}
            attributes = table.get("attributes", [])
            named = [value for key, value in table.items() if key in ("id", "title", "genres")]
            _reco.write_frame(items, [*named, *attributes], self._folder / "items.parquet")
            columns["item_table"] = {"path": "items.parquet", **table}
        self._data: dict[str, Any] = {"name": name, "path": str(path), "source": "table", "columns": columns}
        if rating_scale is not None:
            self._data["rating_scale"] = list(rating_scale)
        # Tables do not depend on the split: they are made once, and linked into each run.
        self._tables = self._run("tables", {}, 42)
        self._stage(self._tables, "ingest")
        self._n_splits = 0

    def split(self, kind: str = "ratio", *, seed: int = 42, **options: Any) -> tuple[Train, Test]:
        """Holds rows out: what may be learned from, and what is asked about.

        `kind` is one of reco's splits, `ratio` being a tenth of each user's rows for the test and one for validation.
        `options` are its keys: `test=0.2`, `validation=0`.
        """
        self._n_splits += 1
        split = {"kind": _SPLITS.get(kind, kind), **options}
        out = self._run(f"split-{self._n_splits}", split, seed)
        _link(self._tables / "tables", out / "tables")
        self._stage(out, "features")
        return Train(out), Test(out)

    def _run(self, name: str, split: dict[str, Any], seed: int) -> Path:
        out = self._folder / name
        out.mkdir(parents=True, exist_ok=True)
        experiment: dict[str, Any] = {"name": self._data["name"], "seed": seed, "data": self._data}
        if split:
            experiment["split"] = split
        experiment["approach"] = [{"name": "popularity"}]
        (out / "experiment.toml").write_text(_reco.to_toml(json.dumps(experiment)), encoding="utf-8")
        return out

    @staticmethod
    def _stage(out: Path, stage: str) -> None:
        _reco.run(out / "experiment.toml", [], [], out, out, stage, False, f"reco.{stage}")

    def __repr__(self) -> str:
        return f"<reco.Dataset {self._data['name']!r} of {self.n_rows} rows>"


class Train:
    """The rows to learn from, those for early stopping among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def rows(self) -> Table:
        """The rows to learn from: `user` and `item`, which count the rows of `users` and `items` from 0, with stars,
        targets and contexts."""
        return _reco.read_table(self._folder / "features" / "train.parquet")

    @property
    def users(self) -> Table:
        """Everyone in the data, held out or not: `user_id`, and features."""
        return _reco.read_table(self._folder / "features" / "users.parquet")

    @property
    def items(self) -> Table:
        """All items of the data: `item_id`, `title`, and features."""
        return _reco.read_table(self._folder / "features" / "items.parquet")

    def __repr__(self) -> str:
        return f"<reco.Train in {str(self._folder)!r}>"


class Test:
    """The rows held out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def rows(self) -> Table:
        """The rows held out, as `Train.rows`."""
        return _reco.read_table(self._folder / "features" / "test.parquet")

    def __repr__(self) -> str:
        return f"<reco.Test in {str(self._folder)!r}>"


def fit(train: Train, approach: str, *, name: str | None = None, device: str = "auto", **options: Any) -> Model:
    """Trains `approach`, one of `reco.approaches()`, with its options; others keep their defaults.

    An interrupt stops the training. The model answers as `name` in tables of results.
    """
    name = name or approach
    taken = {path.name for path in train._folder.glob("models/*")}
    free, n = name, 2
    while free in taken:
        free, n = f"{name}-{n}", n + 1
    one = {"name": free, "kind": approach, **options}
    own = _asked(train._folder, {"approach": [one], "device": device})
    _reco.run(own, [], [], train._folder, train._folder, "train", False, "reco.fit")
    return Model(train._folder / "models" / free, device)


class Approach:
    """An approach with its options. `reco.Ease(reg=300)` is `Approach("ease", reg=300)`, and so for every name of
    `reco.approaches()`."""

    def __init__(self, kind: str, **options: Any) -> None:
        known = approaches()
        if kind not in known:
            raise RecoError(f"there is no approach `{kind}`\nhint: known are `{'`, `'.join(known)}`")
        unknown = options.keys() - known[kind]["defaults"].keys()
        if unknown:
            names = "`, `".join(known[kind]["defaults"])
            raise RecoError(f"`{kind}` has no option `{min(unknown)}`\nhint: it has `{names}`")
        self.kind = kind
        self.options = options

    def fit(self, train: Train, *, name: str | None = None, device: str = "auto") -> Model:
        """As `reco.fit`."""
        return fit(train, self.kind, name=name, device=device, **self.options)

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Approach({self.kind!r}{options})"


def __getattr__(name: str) -> Any:
    """`Ease` for `ease`, `ItemKnn` for `item-knn`."""
    for kind in approaches():
        if name == "".join(part.capitalize() for part in kind.split("-")):
            return functools.partial(Approach, kind)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(folder: Path_, *, device: str = "auto") -> Model:
    """The model that `Model.save`, `reco train` or `reco run` left in `folder`."""
    return Model(Path(folder), device)


class Model:
    """A trained model. It knows who met what, so that nobody is recommended the same again."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        self._folder = folder
        self._artifact = _reco.Artifact.load(folder, device)
        self._facts: dict[str, Any] = json.loads(self._artifact.facts())

    @property
    def name(self) -> str:
        """The name in tables of results."""
        return str(self._facts["name"])

    @property
    def options(self) -> dict[str, Any]:
        """All options of the approach."""
        return dict(self._facts["options"])

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """Losses of each epoch; empty for what is not trained by epochs."""
        return list(self._facts["epochs"] or [])

    def recommend(
        self,
        users: Iterable[Id] | None = None,
        k: int = 10,
        *,
        exclude_seen: bool = True,
        explain: bool = False,
        context: Mapping[str, float | str] | None = None,
    ) -> Table:
        """The `k` best items of each of `users`, everyone if left out: `user_id`, `item_id`, `rank`, `score`, `name`,
        `genres`, and `because` with `explain`. What a user has met, held out or not, is left out."""
        ids = None if users is None else [str(user) for user in users]
        return self._artifact.recommend(ids, k, exclude_seen, explain, dict(context or {}))

    def recommend_new(
        self,
        rated: Mapping[Id, float | None] | Iterable[Id] = (),
        k: int = 10,
        *,
        likes: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
        explain: bool = False,
        context: Mapping[str, float | str] | None = None,
    ) -> Table:
        """The `k` best items for someone new, who rated items, with stars or without, likes features of items, such as
        genres, and states attributes."""
        pairs = rated.items() if isinstance(rated, Mapping) else ((item, None) for item in rated)
        history = [(str(item), stars) for item, stars in pairs]
        said = {name: str(value) for name, value in (attributes or {}).items()}
        return self._artifact.recommend_new(history, list(likes), said, k, explain, dict(context or {}))

    def similar(self, item: Id, k: int = 10) -> Table:
        """The `k` best items for someone who met `item` alone and liked it."""
        return self.recommend_new([item], k)

    def predict(self, pairs: Any, *, context: Mapping[str, float | str] | None = None) -> Table:
        """The score of each pair: `pairs` is a frame whose first two columns are users and items, or pairs of ids."""
        if not hasattr(pairs, "__arrow_c_stream__"):
            pairs = _Pairs([(str(user), str(item)) for user, item in pairs])
        return self._artifact.predict(pairs, dict(context or {}))

    def save(self, folder: Path_) -> None:
        """Copies the model into `folder`, which must not exist: it stands alone, and `reco.load` and `reco serve` read
        it."""
        shutil.copytree(self._folder, folder)

    def export(self, path: Path_, format: str = "onnx") -> None:
        """Writes the model for other programs, as `reco export`: `onnx`, a file, or `embeddings`, a folder."""
        self._artifact.export(format, Path(path))

    @property
    def folder(self) -> Path:
        """Where it lies, with `weights.safetensors`."""
        return self._folder

    def __repr__(self) -> str:
        facts = self._facts
        return f"<reco.Model {self.name!r} of {facts['n_users']} users and {facts['n_items']} items>"

    def _repr_html_(self) -> str:
        facts = self._facts
        rows = {
            "approach": facts["kind"],
            "users": facts["n_users"],
            "items": facts["n_items"],
            "parameters": facts["n_parameters"],
            "device": facts["device"],
            **self.options,
        }
        cells = "".join(f"<tr><th>{_text(key)}</th><td>{_text(value)}</td></tr>" for key, value in rows.items())
        return f"<table><caption>{_text(self.name)}</caption>{cells}</table>{_curves(self.epochs)}"


class _Pairs:
    """Pairs of ids as a frame."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return _reco.pairs(self._pairs).__arrow_c_stream__(requested_schema)


def evaluate(
    model: Model | Any,
    test: Test,
    *,
    metrics: Sequence[str] = (),
    k: Sequence[int] = (10,),
    stars: bool = False,
    **protocol: Any,
) -> Result:
    """Measures a model on held-out rows, or scores of any other program: a frame with `user`, `item` and `score`, in
    which a pair that is left out is never recommended. `stars` says that such scores are stars, so that errors are
    measured.

    `metrics` are names such as `ndcg@10`, all if left out; `k` the lengths of lists; `protocol` further keys of
    `[evaluate]`, such as `relevance_threshold=4`.
    """
    table: dict[str, Any] = {"k": list(k), "metrics": list(metrics), **protocol}
    path = _asked(test._folder, {"evaluate": table})
    if isinstance(model, Model):
        results, users = _reco.evaluate(path, [], test._folder, model._artifact)
        return Result(json.loads(results), users)
    scores, per_user = test._folder / "scores.parquet", test._folder / "users.parquet"
    _reco.write_frame(model, ["user", "item", "score"], scores)
    results = _reco.evaluate_scores(path, [], test._folder, scores, stars, per_user)
    return Result(json.loads(results), _reco.read_table(per_user))


class Result:
    """What an evaluation found."""

    def __init__(self, results: dict[str, Any], users: Table) -> None:
        self._results = results
        #: Each user's share: `user_id`, counts, and a column for each metric.
        self.users = users

    @property
    def metrics(self) -> dict[str, float | None]:
        """Each metric by its name; `None` where it does not apply."""
        return dict(self._results["approaches"][0]["metrics"])

    def __getitem__(self, metric: str) -> float | None:
        return self.metrics[metric]

    def __repr__(self) -> str:
        width = max((len(name) for name in self.metrics), default=0)
        shown = {name: "–" if value is None else f"{value:.4f}" for name, value in self.metrics.items()}
        return "\n".join(f"{name:{width}}  {value:>9}" for name, value in shown.items())

    def _repr_html_(self) -> str:
        return _table_html([self._results["approaches"][0]])


def run(
    experiment: Path_ | None = None,
    *,
    set: Mapping[str, Any] | None = None,
    approaches: Sequence[str] = (),
    out: Path_ = "data",
    raw: Path_ = "data/raw",
    force: bool = False,
) -> Run:
    """Runs a whole experiment, as `reco run`: the file, or the built-in one. `set` overrides keys:
    `{"seed": 3, "split.kind": "temporal"}`; with `{"tracking.tensorboard": "runs"}` the run is followed there. What did
    not change is not done again."""
    sets = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in (set or {}).items()]
    path = None if experiment is None else Path(experiment)
    summary = _reco.run(path, sets, list(approaches), Path(out), Path(raw), None, force, "reco.run")
    return Run(Path(out), json.loads(summary))


class Run:
    """What a run left."""

    def __init__(self, folder: Path, summary: dict[str, Any]) -> None:
        #: The folder of the run.
        self.folder = folder
        self._summary = summary

    @property
    def results(self) -> dict[str, Any]:
        """All of results.json."""
        return dict(self._summary["results"])

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """The metrics of each approach."""
        return {one["name"]: dict(one["metrics"]) for one in self.results["approaches"]}

    @property
    def page(self) -> Path:
        """The report for people."""
        return Path(self._summary["page"])

    def model(self, name: str, *, device: str = "auto") -> Model:
        """One of the trained models."""
        return Model(self.folder / "models" / name, device)

    def __repr__(self) -> str:
        return f"<reco.Run in {str(self.folder)!r}: {', '.join(self.metrics)}>"

    def _repr_html_(self) -> str:
        return _table_html(self.results["approaches"])


def compare(
    *runs: Run | Path_,
    against: str | None = None,
    metrics: Sequence[str] = (),
    groups: Sequence[str] = (),
    alpha: float = 0.05,
    different_tests: bool = False,
) -> Comparison:
    """Compares runs user by user, and says which differences could be luck, as `reco compare`. Of one run, its
    approaches are compared; `FOLDER:APPROACH` names one of a run."""
    folders = [str(one.folder) if isinstance(one, Run) else str(one) for one in runs]
    found = _reco.compare(folders, against, list(metrics), list(groups), alpha, different_tests)
    return Comparison(json.loads(found[0]), found[1], found[2])


class Comparison:
    """Differences between runs, with what could be luck."""

    def __init__(self, results: dict[str, Any], words: str, page: str) -> None:
        #: All of it, as `reco compare --json` prints it.
        self.results = results
        #: A page of its own, as `reco compare --html` writes it.
        self.page = page
        self._words = words

    def __repr__(self) -> str:
        return self._words


def _asked(folder: Path, keys: dict[str, Any]) -> Path:
    """A new experiment on the split in `folder`: its own, with `keys` over it."""
    asked = folder / "asked"
    asked.mkdir(exist_ok=True)
    path = asked / f"{len(list(asked.iterdir())) + 1}.toml"
    path.write_text(_reco.to_toml(json.dumps({"extends": str(folder / "experiment.toml"), **keys})), encoding="utf-8")
    return path


def _folder(folder: Path_ | None) -> Path:
    if folder is not None:
        path = Path(folder).resolve()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RecoError(f"`{path}` is there already\nhint: name a new folder, in which a data set is made")
        path.mkdir(parents=True, exist_ok=True)
        return path
    temporary = tempfile.mkdtemp(prefix="reco-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary)


def _link(source: Path, target: Path) -> None:
    """The same folder of files once more, without their bytes where the disk can do that."""

    def link(one: str, other: str) -> object:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)
        return other

    shutil.copytree(source, target, copy_function=link)


def _text(value: object) -> str:
    return html.escape(str(value))


def _table_html(approaches: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for one in approaches for name, value in one["metrics"].items() if value is not None))
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    lines = ""
    for one in approaches:
        values = (one["metrics"].get(name) for name in columns)
        cells = "".join(f"<td>{'–' if value is None else f'{value:.4f}'}</td>" for value in values)
        lines += f"<tr><th>{_text(one['name'])}</th>{cells}</tr>"
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _curves(epochs: list[dict[str, Any]]) -> str:
    """Losses by epoch, of training and validation, as lines."""
    losses = {key: [one[key] for one in epochs if one.get(key) is not None] for key in ("train_loss", "validation_loss")}
    losses = {key: values for key, values in losses.items() if len(values) > 1}
    if not losses:
        return ""
    low = min(min(values) for values in losses.values())
    high = max(max(values) for values in losses.values())
    lines = ""
    for row, (colour, (key, values)) in enumerate(zip(("#2a78d6", "#d6762a"), losses.items())):
        step = 280 / (len(values) - 1)
        points = " ".join(
            f"{10 + at * step:.1f},{90 - 80 * (value - low) / ((high - low) or 1):.1f}" for at, value in enumerate(values)
        )
        lines += f'<polyline points="{points}" fill="none" stroke="{colour}"><title>{key}</title></polyline>'
        said = f"{key}: {values[0]:.4g}, after {len(values)} epochs {values[-1]:.4g}"
        lines += f'<text x="10" y="{108 + 14 * row}" font-size="11" fill="{colour}">{said}</text>'
    return f'<svg viewBox="0 0 300 {100 + 14 * len(losses)}" width="300" role="img" aria-label="losses by epoch">{lines}</svg>'


def _main() -> None:
    """The command `reco`."""
    # Mesa's device-choosing layer prints an error where there is no desktop session, though all is well. Nothing else
    # runs yet that might read the environment.
    if not {"XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT"} & os.environ.keys():
        os.environ["NODEVICE_SELECT"] = "1"
    sys.exit(_reco.main(["reco", *sys.argv[1:]]))
