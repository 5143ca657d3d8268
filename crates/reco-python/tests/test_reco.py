"""What the package promises, on frames of every kind. Run with pytest where the wheel is installed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import numpy
import onnx
import onnxruntime
import pandas
import polars
import pyarrow
import pytest
import safetensors.numpy

import reco

N_USERS, N_ITEMS = 60, 40


def rows() -> dict[str, list]:
    """Two tastes: a user likes the items of their own half, and rated two thirds of all."""
    found: dict[str, list] = {"customer": [], "product": [], "stars": [], "at": []}
    for user in range(N_USERS):
        for item in range(N_ITEMS):
            if (user * 7 + item * 5) % 3:
                found["customer"].append(f"u{user}")
                found["product"].append(item)
                found["stars"].append(4.5 if user % 2 == item % 2 else 1.5)
                found["at"].append(1_000_000_000 + 3_600 * (user * N_ITEMS + item))
    return found


FRAMES = {
    "polars": lambda: polars.DataFrame(rows()),
    "polars categories": lambda: polars.DataFrame(rows()).with_columns(polars.col("customer").cast(polars.Categorical)),
    "polars times": lambda: polars.DataFrame(rows()).with_columns(polars.from_epoch("at", time_unit="s")),
    "pandas": lambda: pandas.DataFrame(rows()),
    "pandas times": lambda: pandas.DataFrame(rows()).assign(at=lambda frame: pandas.to_datetime(frame["at"], unit="s")),
    "pyarrow": lambda: pyarrow.table(rows()),
    "pyarrow batches": lambda: pyarrow.table(rows()).to_reader(max_chunksize=100),
    "duckdb": lambda: duckdb.from_arrow(pyarrow.table(rows())),
    "duckdb small integers": lambda: duckdb.from_arrow(pyarrow.table(rows())).project(
        'customer, product::SMALLINT AS product, stars::FLOAT AS stars, "at"'
    ),
}


def dataset(frame=None) -> reco.Dataset:
    frame = FRAMES["polars"]() if frame is None else frame
    return reco.Dataset(frame, user="customer", item="product", rating="stars", time="at")


@pytest.fixture(scope="module")
def parts():
    return dataset().split("ratio", seed=3)


@pytest.fixture(scope="module")
def ease(parts):
    return reco.fit(parts[0], "ease", reg=10)


@pytest.fixture(scope="module")
def expected(parts, ease):
    return reco.evaluate(ease, parts[1], metrics=["ndcg@10", "hit@10"])


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_of_any_kind_is_the_same_data(kind, expected):
    train, test = dataset(FRAMES[kind]()).split("ratio", seed=3)
    result = reco.evaluate(reco.Ease(reg=10).fit(train), test, metrics=["ndcg@10", "hit@10"])
    assert result.metrics == expected.metrics
    assert result["ndcg@10"] > 0.2


def test_lists_are_frames_of_whoever_asks(ease):
    table = ease.recommend(["u1", "u2"], k=3, explain=True)
    frame = polars.DataFrame(table)
    assert frame.columns == ["user_id", "item_id", "rank", "score", "name", "genres", "because"]
    assert frame["user_id"].to_list() == ["u1"] * 3 + ["u2"] * 3
    assert frame["item_id"].dtype == polars.Int64
    assert pyarrow.table(table).num_rows == len(table) == 6
    assert pandas.DataFrame.from_arrow(table)["rank"].tolist() == [1, 2, 3] * 2
    assert duckdb.from_arrow(pyarrow.table(table)).shape == (6, 7)
    # Nobody is recommended what they have met, unless that is asked for; all users are asked for if none is named.
    met = set(zip(rows()["customer"], rows()["product"]))
    assert not met & set(frame.select("user_id", "item_id").iter_rows())
    again = polars.DataFrame(ease.recommend(["u1"], k=40, exclude_seen=False))
    assert again.height == N_ITEMS
    assert len(ease.recommend(k=2)) == 2 * N_USERS


@pytest.fixture(scope="module")
def svd(parts):
    return reco.fit(parts[0], "svd", epochs=60, learning_rate=0.02)


def test_someone_new_and_items_alike(ease, svd):
    new = polars.DataFrame(svd.recommend_new({"0": 4.5, 2: 4.5, 1: 1.5}, k=5))
    assert all(item % 2 == 0 for item in new["item_id"]) and new["rank"].to_list() == [1, 2, 3, 4, 5]
    alike = polars.DataFrame(ease.similar(3, k=3))
    assert alike.equals(polars.DataFrame(ease.recommend_new([3], k=3)))


def test_scores_of_pairs(svd):
    pairs = [("u1", 1), ("u1", 0), ("u2", 0)]
    scores = polars.DataFrame(svd.predict(pairs))
    assert scores["user_id"].to_list() == ["u1", "u1", "u2"]
    assert scores["score"][0] > 4 and scores["score"][1] < 2
    frame = polars.DataFrame(pairs, schema=["who", "what"], orient="row")
    assert polars.DataFrame(svd.predict(frame)).equals(scores)


def test_a_saved_model_answers_the_same(ease, tmp_path):
    ease.save(tmp_path / "m")
    loaded = reco.load(tmp_path / "m")
    assert polars.DataFrame(loaded.recommend(k=5)).equals(polars.DataFrame(ease.recommend(k=5)))
    assert (loaded.name, loaded.options["reg"]) == ("ease", 10)


def test_each_users_share_adds_up(expected):
    users = polars.DataFrame(expected.users)
    assert users["user_id"].n_unique() == users.height
    assert abs(users["ndcg@10"].mean() - expected["ndcg@10"]) < 1e-12


def test_others_scores_are_measured_by_the_same_ruler(parts, ease, expected):
    pairs = [(f"u{user}", item) for user in range(N_USERS) for item in range(N_ITEMS)]
    scores = polars.DataFrame(ease.predict(pairs)).rename({"user_id": "user", "item_id": "item"})
    result = reco.evaluate(scores, parts[1], metrics=["ndcg@10", "hit@10"])
    assert result["ndcg@10"] == pytest.approx(expected["ndcg@10"], abs=1e-12)


def test_rows_count_the_users_and_items_of_the_data(parts):
    train = parts[0]
    known, users, items = (polars.DataFrame(table) for table in (train.rows, train.users, train.items))
    pairs = zip(users["user_id"].gather(known["user"]), items["item_id"].gather(known["item"]))
    assert set(pairs) < set(zip(rows()["customer"], rows()["product"]))
    assert (users.height, items.height) == (N_USERS, N_ITEMS)


def test_a_network_trains_and_tells_its_losses(parts):
    model = reco.fit(parts[0], "neural", device="cpu", epochs=3, patience=0)
    assert [one["epoch"] for one in model.epochs] == [1, 2, 3]
    shown = model._repr_html_()
    assert "<svg" in shown and "neural" in shown and f", after 3 epochs {model.epochs[-1]['train_loss']:.4g}<" in shown
    assert polars.DataFrame(model.recommend(["u1"], k=3)).height == 3


EXPORTED = {
    "svd": {},
    "svdpp": {},
    "ials": {},
    "ease": {"reg": 10},
    "collaborative": {"epochs": 2},
    "neural": {"epochs": 2},
    "hybrid": {"epochs": 2},
    "hybrid for lists": {"kind": "hybrid", "loss": "softmax", "epochs": 2},
}


@pytest.mark.parametrize("name", EXPORTED)
def test_a_runtime_of_onnx_gives_the_same_scores_and_the_same_ten(name, tmp_path):
    items = polars.DataFrame({"id": range(N_ITEMS), "kinds": ["a|b", "b", "c", "a"] * 10})
    columns = {"id": "id", "genres": "kinds"}
    frame = FRAMES["polars"]()
    data = reco.Dataset(
        frame, user="customer", item="product", rating="stars", time="at", items=items, item_columns=columns
    )
    train, _ = data.split(seed=3)
    options = dict(EXPORTED[name])
    model = reco.fit(train, options.pop("kind", name), device="cpu", **options)
    path = tmp_path / "model.onnx"
    model.export(path)
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path))
    users = [polars.read_parquet(model.folder / "catalogue/users.parquet")["user_id"].to_list(), [0, 7, 33]]
    names = [users[0][row] for row in users[1]]
    order = polars.read_parquet(model.folder / "catalogue/items.parquet")["item_id"].to_list()
    inputs = {}
    for one in session.get_inputs():
        if one.name == "user":
            inputs["user"] = numpy.array(users[1], dtype=numpy.int64)
        elif one.name == "contexts":
            means = json.loads((model.folder / "catalogue/catalogue.json").read_text())["contexts"]
            inputs["contexts"] = numpy.array([[of["mean"] for of in means]] * 3, dtype=numpy.float32)
        else:
            history = numpy.zeros((3, one.shape[1]), dtype=numpy.float32)
            met = polars.read_parquet(model.folder / "seen.parquet").filter(polars.col("part") == 0)
            for place, row in enumerate(users[1]):
                of_user = met.filter((polars.col("user_row") == row))
                history[place, of_user["item_row"].to_numpy()] = 1
            inputs[one.name] = history
    (scores,) = session.run(["scores"], inputs)
    assert scores.shape == (3, N_ITEMS)
    for place, user in enumerate(names):
        ours = polars.DataFrame(model.predict([(user, item) for item in order]))["score"].to_numpy()
        assert numpy.abs(scores[place] - ours).max() < 1e-5 * max(1, numpy.abs(ours).max())
        best = polars.DataFrame(model.recommend([user], k=10, exclude_seen=False))["item_id"].to_list()
        theirs = [order[at] for at in numpy.argsort(-scores[place], kind="stable")[:10]]
        assert [ours[order.index(item)] for item in theirs] == pytest.approx(
            [ours[order.index(item)] for item in best], abs=2e-5
        )


def test_embeddings_are_tables_whose_products_are_the_scores(parts, tmp_path):
    model = reco.fit(parts[0], "ials", epochs=3)
    model.export(tmp_path / "vectors", "embeddings")
    users, items = (polars.read_parquet(tmp_path / f"vectors/{name}.parquet") for name in ("users", "items"))
    user = numpy.array(users.filter(polars.col("id") == "u7")["vector"][0].to_list())
    scores = numpy.array(items["vector"].to_list()) @ user
    ours = polars.DataFrame(model.predict([("u7", item) for item in items["id"]]))["score"].to_numpy()
    assert numpy.abs(scores - ours).max() < 1e-5
    with pytest.raises(reco.RecoError, match="cannot be written as `embeddings`\nhint: "):
        reco.fit(parts[0], "popularity").export(tmp_path / "none", "embeddings")


def test_weights_are_read_by_anyone(parts):
    model = reco.fit(parts[0], "svd", name="plain")
    w = safetensors.numpy.load_file(model.folder / "weights.safetensors")
    user = 7
    scores = w["mean"] + w["users.bias"][user] + w["items.bias"] + w["items.embedding"] @ w["users.embedding"][user]
    scores = numpy.clip(scores, 1.5, 4.5)
    users, items = (polars.read_parquet(model.folder / f"catalogue/{name}.parquet") for name in ("users", "items"))
    pairs = [(users["user_id"][user], item) for item in items["item_id"]]
    assert numpy.abs(scores - polars.DataFrame(model.predict(pairs))["score"].to_numpy()).max() < 1e-5


def test_an_experiment_runs_from_its_file(tmp_path):
    polars.DataFrame(rows()).write_csv(tmp_path / "ratings.csv")
    (tmp_path / "mine.toml").write_text(
        f'[data]\npath = "{tmp_path / "ratings.csv"}"\n'
        'columns = { user = "customer", item = "product", rating = "stars" }\n'
        '[[approach]]\nname = "popularity"\n[[approach]]\nname = "ease"\n'
    )
    run = reco.run(tmp_path / "mine.toml", set={"seed": 5}, out=tmp_path / "out", raw=tmp_path)
    assert list(run.metrics) == ["popularity", "ease"] and run.results["seed"] == 5
    assert run.page.is_file() and "<table>" in run._repr_html_()
    assert len(run.model("ease").recommend(k=1)) == N_USERS
    comparison = reco.compare(run, metrics=["ndcg@10"])
    assert comparison.results["pairs"][0]["b"]["approach"] == "ease" and "ndcg@10" in repr(comparison)


def test_a_run_is_followed_in_event_files(tmp_path):
    polars.DataFrame(rows()).write_csv(tmp_path / "ratings.csv")
    (tmp_path / "mine.toml").write_text(
        f'[data]\npath = "{tmp_path / "ratings.csv"}"\n'
        'columns = { user = "customer", item = "product", rating = "stars" }\n'
        '[[approach]]\nname = "neural"\nepochs = 2\n'
    )
    set = {"tracking.tensorboard": str(tmp_path / "runs"), "device": "cpu"}
    run = reco.run(tmp_path / "mine.toml", set=set, out=tmp_path / "out", raw=tmp_path)
    files = sorted((tmp_path / "runs" / "mine" / "neural").iterdir())
    trained, evaluated = (file.read_bytes() for file in files)
    assert trained.count(b"epoch/train_loss") == 2 and b"_hparams_/session_end_info" in trained
    value = numpy.float32(run.metrics["neural"]["ndcg@10"]).tobytes()
    assert b"\x0a\x0ctest/ndcg@10\x15" + value in evaluated


def test_what_a_training_says_is_printed(parts, capsys):
    reco.fit(parts[0], "blend", parts=["popularity", "ease"], n_folds=2, name="joined")
    assert "`popularity`" in capsys.readouterr().err


def test_events_without_stars():
    frame = polars.DataFrame(rows()).filter(polars.col("stars") > 3)
    train, test = reco.Dataset(frame, user="customer", item="product").split(seed=1)
    result = reco.evaluate(reco.fit(train, "ease"), test)
    assert result["ndcg@10"] > 0.5


def test_items_with_titles_and_genres():
    items = polars.DataFrame({"id": range(N_ITEMS), "called": [f"T{n}" for n in range(N_ITEMS)], "kinds": ["a|b", "b"] * 20})
    frame = FRAMES["polars"]()
    columns = {"id": "id", "title": "called", "genres": "kinds"}
    data = reco.Dataset(frame, user="customer", item="product", rating="stars", items=items, item_columns=columns)
    lists = polars.DataFrame(reco.fit(data.split()[0], "popularity").recommend(["u1"], k=1))
    assert lists["name"][0].startswith("T") and lists["genres"][0].to_list() in (["a", "b"], ["b"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reco.Dataset([1], user="a", item="b"), "a `list` is no frame\nhint: "),
        (lambda: reco.Dataset(FRAMES["polars"](), user="who", item="product"), "column `who`: "),
        (lambda: reco.Ease(regg=3), "`ease` has no option `regg`\nhint: "),
        (lambda: reco.Approach("eas"), "there is no approach `eas`\nhint: "),
        (lambda: dataset().split("sideways"), "sideways"),
        (lambda: reco.load("/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_is_an_error_with_a_way_out(call, message):
    with pytest.raises(reco.RecoError) as error:
        call()
    assert message in str(error.value)


def test_a_folder_of_ones_own_is_a_new_one(tmp_path):
    (tmp_path / "mine").mkdir()
    kept = dataset_in(tmp_path / "mine")
    assert (tmp_path / "mine" / "tables").is_dir() and kept.n_rows == len(rows()["at"])
    for taken in (tmp_path / "mine", tmp_path):
        with pytest.raises(reco.RecoError, match="is there already\nhint: "):
            dataset_in(taken)


def dataset_in(folder) -> reco.Dataset:
    return reco.Dataset(FRAMES["polars"](), user="customer", item="product", rating="stars", folder=folder)


def test_a_model_is_not_measured_on_rows_that_it_may_have_learned():
    data = dataset()
    train, _ = data.split(seed=1)
    _, test = data.split(seed=2)
    with pytest.raises(reco.RecoError, match="was trained on other rows"):
        reco.evaluate(reco.fit(train, "ease"), test)


@pytest.mark.parametrize("name", ["../x", "experiment", "a/b", ".."])
def test_a_name_is_no_path(parts, name):
    if name == "experiment":
        assert reco.fit(parts[0], "popularity", name=name).name == name
    else:
        with pytest.raises(reco.RecoError, match="name"):
            reco.fit(parts[0], "popularity", name=name)
    assert reco.evaluate(reco.fit(parts[0], "popularity"), parts[1])["ndcg@10"] is not None


def test_unknown_ids_and_options_are_named(parts, ease):
    with pytest.raises(reco.RecoError, match="nobody"):
        ease.recommend(["nobody"])
    with pytest.raises(reco.RecoError, match="hint: did you mean `reg`"):
        reco.fit(parts[0], "ease", regg=3)
    with pytest.raises(reco.RecoError, match="`k` is 0"):
        ease.recommend(k=0)
    with pytest.raises(AttributeError):
        reco.Nonsense


def test_python_goes_on_while_reco_works(parts):
    n, done = 0, threading.Event()

    def count() -> None:
        nonlocal n
        while not done.is_set():
            n += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun = time.monotonic()
    reco.fit(parts[0], "neural", device="cpu", epochs=300, patience=0, name="long")
    seconds = time.monotonic() - begun
    done.set()
    thread.join()
    assert n > 20 * seconds


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_stops_a_training(tmp_path):
    polars.DataFrame(rows()).write_parquet(tmp_path / "r.parquet")
    code = (
        "import polars, reco\n"
        f"frame = polars.read_parquet({str(tmp_path / 'r.parquet')!r})\n"
        "train, _ = reco.Dataset(frame, user='customer', item='product', rating='stars').split()\n"
        "print('training', flush=True)\n"
        "reco.fit(train, 'neural', device='cpu', epochs=1_000_000, patience=0)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "training\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0 and said.rstrip().endswith("KeyboardInterrupt")


def test_the_command_comes_with_the_package():
    reco_command = Path(sys.executable).with_name("reco")
    said = subprocess.run([reco_command, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("reco ")
    wrong = subprocess.run([reco_command, "nonsense"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "nonsense" in wrong.stderr
    # On a server, too, where nobody has a desktop session.
    session = {"XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT"}
    outside = {name: value for name, value in os.environ.items() if name not in session}
    assert subprocess.run([reco_command, "doctor"], capture_output=True, text=True, env=outside).stderr == ""


def test_every_approach_has_a_class_and_defaults():
    for name, one in reco.approaches().items():
        made = getattr(reco, "".join(part.capitalize() for part in name.split("-")))()
        assert made.kind == name and isinstance(one["defaults"], dict) and one["about"]


def test_no_frame_library_is_needed():
    code = "import sys, reco; assert not {'polars', 'pandas', 'pyarrow', 'numpy', 'duckdb'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
