"""What TensorBoard and a server of MLflow have of runs that they follow. `RECO` names the program."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

#: Nothing is told to anyone but the servers of these tests.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
os.environ.update(QUIET)

import numpy
import pytest
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

RECO = os.environ["RECO"]
FIXTURE = "data/experiments/fixture.toml"

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | QUIET

#: Epochs of a training that takes seconds, and ends.
LASTING = 3_000

#: What a busy machine may take to start a server, or to end a training.
LONG = 120


class Server:
    """`mlflow server` over SQLite, on a port that was free."""

    def __init__(self, folder: Path, *more: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        self.log = folder / "server.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [*command, *store, *more],
                cwd=folder,
                env=ENVIRONMENT | environment,
                stdout=log,
                stderr=log,
                # The server starts processes of its own, which end with their group.
                start_new_session=True,
            )
        begun = time.monotonic()
        try:
            while not self.answers():
                assert self.process.poll() is None and time.monotonic() - begun < LONG, self.log.read_text()
                time.sleep(0.1)
        except BaseException:
            self.kill()
            raise

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.address}/health", timeout=5).status == 200
        except OSError:
            return False

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        try:
            self.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def runs(self, experiment: str) -> dict:
        """The runs of an experiment, by name; there is one of each."""
        client = MlflowClient(self.address)
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id]) if found else []
        named = {run.info.run_name: run for run in runs}
        assert len(named) == len(runs)
        return named

    def history(self, run, metric: str) -> list[tuple[int, float]]:
        return [(one.step, one.value) for one in MlflowClient(self.address).get_metric_history(run.info.run_id, metric)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.kill()


def command(*arguments: object) -> list[str]:
    return [RECO, *map(str, arguments)]


def reco(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), env=ENVIRONMENT | environment, capture_output=True, text=True)


def sets(**keys: object) -> list[str]:
    return [f"--set={name.replace('__', '.')}={value}" for name, value in keys.items()]


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(one.step, one.value) for one in events.Scalars(tag)]


def tags(folder: Path) -> list[str]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events.Tags()["scalars"]


def wait_for(process: subprocess.Popen, holds) -> None:
    begun = time.monotonic()
    while not holds():
        assert process.poll() is None and time.monotonic() - begun < LONG
        time.sleep(0.05)


def test_a_whole_run_is_in_both(server, tmp_path):
    out, runs = tmp_path / "out", tmp_path / "runs"
    follow = sets(tracking__tensorboard=runs, tracking__mlflow=server.address, tracking__experiment="whole")
    done = reco("run", FIXTURE, "--out", out, *follow)
    assert done.returncode == 0 and "tracking" not in done.stderr, done.stderr
    results = {one["name"]: one for one in json.loads((out / "report/results.json").read_text())["approaches"]}
    of_server = server.runs("whole")
    assert set(of_server) == set(results) == {path.name for path in (runs / "whole").iterdir()}
    assert len(results) > 20
    for name, result in results.items():
        run, folder = of_server[name], runs / "whole" / name
        assert (run.info.status, run.data.params["approach"]) == ("FINISHED", name)
        assert run.data.tags["reco.model"] == str(out / "models" / name)
        assert run.data.tags["mlflow.source.name"].startswith("reco run data/experiments/fixture.toml")
        measured = {column: value for column, value in result["metrics"].items() if value is not None}
        assert measured
        # A server gives back every bit of a number; event files have 32 bits of it.
        told = {key: value for key, value in run.data.metrics.items() if key.startswith("test/")}
        assert told == {f"test/{column}".replace("@", "_at_"): value for column, value in measured.items()}
        shown = {tag: scalars(folder, tag) for tag in tags(folder) if tag.startswith("test/")}
        assert shown == {f"test/{column}": [(0, numpy.float32(value))] for column, value in measured.items()}
    for name in ("collaborative", "neural", "hybrid"):
        run, folder = of_server[name], runs / "whole" / name
        history = json.loads((out / f"models/{name}/history.json").read_text())
        for key in ("train_loss", "validation_loss"):
            curve = [(one["epoch"], one[key]) for one in history]
            assert len(curve) == 3 and server.history(run, f"epoch/{key}") == curve
            assert scalars(folder, f"epoch/{key}") == [(epoch, numpy.float32(loss)) for epoch, loss in curve]
        assert run.data.params["epochs"] == "3" and run.data.params["seed"] == "42"
        assert run.data.params["device"] == "cpu" and "reco.device" in run.data.tags
        assert len(run.data.params["dataset_digest"]) == 64

    # Evaluated again, everything is in the runs that are there.
    again = reco("evaluate", FIXTURE, "--out", out, "--force", *follow)
    assert again.returncode == 0, again.stderr
    assert len(server.history(server.runs("whole")["neural"], "test/ndcg_at_10")) == 2
    assert len(scalars(runs / "whole/neural", "test/ndcg@10")) == 2
    # Trained again, a model has another run.
    assert reco("train", FIXTURE, "--out", out, "--force", "--approach", "ease", *follow).returncode == 0
    experiment = MlflowClient(server.address).get_experiment_by_name("whole")
    named = [run.info.run_name for run in MlflowClient(server.address).search_runs([experiment.experiment_id])]
    assert named.count("ease") == 2 and (runs / "whole/ease-2").is_dir()


def test_hyperparameters_are_those_of_the_plugin(tmp_path):
    out, runs = tmp_path / "out", tmp_path / "runs"
    done = reco("train", FIXTURE, "--out", out, "--approach", "neural", *sets(tracking__tensorboard=runs))
    assert done.returncode == 1, "data come first"
    assert not list(runs.rglob("events*"))
    done = reco("run", FIXTURE, "--out", out, "--approach", "neural", *sets(tracking__tensorboard=runs))
    assert done.returncode == 0, done.stderr
    events = EventAccumulator(str(runs / "fixture/neural"))
    events.Reload()
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)
    started = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    assert started.hparams["epochs"].number_value == 3
    assert started.hparams["approach"].string_value == "neural"
    assert started.hparams["device"].string_value == "cpu"
    ended = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
    assert 0 < ended.end_time_secs - started.start_time_secs < LONG
    assert events.FirstEventTimestamp() == pytest.approx(time.time(), abs=LONG)


def test_repetitions_are_runs_of_their_own(server, tmp_path):
    repeat = sets(repeat__over="seed", repeat__values="[1, 2]", tracking__experiment="repeated")
    follow = sets(tracking__tensorboard=tmp_path / "runs", tracking__mlflow=server.address)
    done = reco("run", FIXTURE, "--out", tmp_path / "out", "--approach", "popularity", *repeat, *follow)
    assert done.returncode == 0, done.stderr
    assert set(server.runs("repeated")) == {"seed=1/popularity", "seed=2/popularity"}
    assert "test/ndcg@10" in tags(tmp_path / "runs/repeated/seed=2/popularity")


#: Options by which an epoch of the fixture takes a moment.
SLOW = sets(approach__neural__batch_size=1, approach__neural__embedding_size=128)


@pytest.fixture()
def long(tmp_path):
    """A training that takes a while, of data that are there."""
    for stage in ("ingest", "features"):
        assert reco(stage, FIXTURE, "--out", tmp_path / "out").returncode == 0

    def start(epochs: int, *more: str) -> subprocess.Popen:
        options = sets(approach__neural__epochs=epochs, approach__neural__patience=0)
        arguments = ["train", FIXTURE, "--out", tmp_path / "out", "--approach", "neural", *options, *more]
        process = subprocess.Popen(command(*arguments), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    started: list[subprocess.Popen] = []
    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_training_is_seen_while_it_runs_and_its_interruption_too(server, long, tmp_path):
    runs = tmp_path / "runs"
    follow = sets(tracking__tensorboard=runs, tracking__mlflow=server.address, tracking__experiment="stopped")
    # Steps of one rating: an epoch takes a moment, as of real data, and the server keeps up with them.
    training = long(1_000_000, *follow, *SLOW)
    folder = runs / "stopped/neural"
    wait_for(training, lambda: folder.is_dir() and "epoch/train_loss" in tags(folder))
    wait_for(training, lambda: len(scalars(folder, "epoch/train_loss")) > 3)
    wait_for(training, lambda: "neural" in server.runs("stopped"))
    run = server.runs("stopped")["neural"]
    wait_for(training, lambda: len(server.history(run, "epoch/train_loss")) > 3)
    assert run.info.status == "RUNNING"
    training.send_signal(signal.SIGINT)
    _, said = training.communicate(timeout=LONG)
    assert training.returncode in (1, 130), said
    assert server.runs("stopped")["neural"].info.status == "KILLED"
    events = EventAccumulator(str(folder))
    events.Reload()
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)[metadata.SESSION_END_INFO_TAG]
    failed = plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info.status
    assert failed == 2, "STATUS_FAILURE"


def test_a_server_that_dies_spoils_no_training(long, tmp_path):
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    try:
        training = long(LASTING, *sets(tracking__mlflow=server.address))
        wait_for(training, lambda: "neural" in server.runs("fixture"))
        server.kill()
        assert training.poll() is None, "the training ended too soon to say anything"
        _, said = training.communicate(timeout=LONG)
    finally:
        server.kill()
    assert training.returncode == 0, said
    assert said.count("what is to be told is tried again") == said.count("sends it nothing more") == 1, said
    assert said.count("`tracking.mlflow`: ") == 2, said
    assert (tmp_path / "out/models/neural/weights.safetensors").is_file()


def test_an_interruption_waits_for_no_server(server, long, tmp_path):
    training = long(1_000_000, *sets(tracking__mlflow=server.address, tracking__experiment="silent"), *SLOW)
    wait_for(training, lambda: "neural" in server.runs("silent"))
    server.signal(signal.SIGSTOP)
    try:
        time.sleep(0.5)
        begun = time.monotonic()
        training.send_signal(signal.SIGINT)
        _, said = training.communicate(timeout=LONG)
        # A second, and what a busy machine adds.
        assert time.monotonic() - begun < 3, said
    finally:
        server.signal(signal.SIGCONT)
    assert training.returncode in (1, 130), said
    assert not (tmp_path / "out/models/neural").exists()


def test_a_server_that_asks_who_it_is(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "auth.ini").write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\n"
        "admin_username = admin\n"
        "admin_password = a-long-password-1\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    asks = {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-this-test"}
    server = Server(folder, "--app-name", "basic-auth", **asks)
    try:
        arguments = ["run", FIXTURE, "--approach", "popularity", *sets(tracking__mlflow="env")]
        where = {"MLFLOW_TRACKING_URI": server.address}
        refused = reco(*arguments, "--out", tmp_path / "none", **where)
        assert refused.returncode == 1 and "`MLFLOW_TRACKING_USERNAME`" in refused.stderr, refused.stderr
        assert not (tmp_path / "none").exists()
        who = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "a-long-password-1"}
        done = reco(*arguments, "--out", tmp_path / "out", **where, **who)
        assert done.returncode == 0 and "tracking" not in done.stderr, done.stderr
        for name, value in who.items():
            os.environ[name] = value
        try:
            assert server.runs("fixture")["popularity"].info.status == "FINISHED"
        finally:
            for name in who:
                del os.environ[name]
    finally:
        server.kill()
