from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, final

__all__ = [
    "Artifact",
    "RecoError",
    "Table",
    "approaches",
    "compare",
    "evaluate",
    "evaluate_scores",
    "main",
    "pairs",
    "read_table",
    "run",
    "to_toml",
    "write_frame",
]

_Path = str | PathLike[str]

class RecoError(Exception): ...

@final
class Table:
    @property
    def columns(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> Any: ...

@final
class Artifact:
    @staticmethod
    def load(path: _Path, device: str) -> Artifact: ...
    def facts(self) -> str: ...
    def recommend(
        self, users: Sequence[str] | None, k: int, exclude_seen: bool, explain: bool, context: Mapping[str, float | str]
    ) -> Table: ...
    def recommend_new(
        self,
        rated: Sequence[tuple[str, float | None]],
        likes: Sequence[str],
        attributes: Mapping[str, str],
        k: int,
        explain: bool,
        context: Mapping[str, float | str],
    ) -> Table: ...
    def export(self, format: str, path: _Path) -> None: ...
    def predict(self, pairs: Any, context: Mapping[str, float | str]) -> Table: ...

def main(arguments: Sequence[str]) -> int: ...
def approaches() -> str: ...
def to_toml(value: str) -> str: ...
def pairs(pairs: Sequence[tuple[str, str]]) -> Table: ...
def write_frame(frame: Any, columns: Sequence[str], path: _Path) -> int: ...
def read_table(path: _Path) -> Table: ...
def run(
    path: _Path | None,
    sets: Sequence[str],
    approaches: Sequence[str],
    out: _Path,
    raw: _Path,
    only: str | None,
    force: bool,
    command: str,
) -> str: ...
def evaluate(path: _Path, sets: Sequence[str], out: _Path, artifact: Artifact) -> tuple[str, Table]: ...
def evaluate_scores(
    path: _Path, sets: Sequence[str], out: _Path, scores: _Path, are_stars: bool, per_user: _Path
) -> str: ...
def compare(
    runs: Sequence[str],
    against: str | None,
    metrics: Sequence[str],
    groups: Sequence[str],
    alpha: float,
    different_tests: bool,
) -> tuple[str, str, str]: ...
