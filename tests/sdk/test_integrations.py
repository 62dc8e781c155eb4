"""Real training on the CPU with the client's integrations: scikit-learn, XGBoost, PyTorch, pandas.

The libraries are only in the environment that `tests/python_env.sh training` makes; PyTorch is Debian's python3-torch.
"""

import importlib.util
import json

import pytest

HAS_TORCH = importlib.util.find_spec("torch") is not None

if importlib.util.find_spec("sklearn") is None:
    pytest.skip("scikit-learn and XGBoost are in the environment `training` only", allow_module_level=True)

needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not importable: Debian's python3-torch is not installed")

SKLEARN = """
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import train_test_split

    names = load_iris().target_names
    features = load_iris().feature_names
    X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X_train, y_train)
    run = wandb.init(project="integrations", id="sklearn1", config=forest.get_params())
    predicted, probabilities = forest.predict(X_test), forest.predict_proba(X_test)
    run.log({"accuracy": forest.score(X_test, y_test)})
    wandb.sklearn.plot_roc(y_test, probabilities, names)
    wandb.sklearn.plot_precision_recall(y_test, probabilities, names)
    wandb.sklearn.plot_confusion_matrix(y_test, predicted, names)
    wandb.sklearn.plot_feature_importances(forest, features)
    wandb.sklearn.plot_class_proportions(y_train, y_test, names)
    wandb.sklearn.plot_summary_metrics(forest, X_train, y_train, X_test, y_test)
    wandb.sklearn.plot_learning_curve(forest, X_train, y_train)
    wandb.sklearn.plot_elbow_curve(KMeans(n_init=1, random_state=0), X_train, cluster_ranges=[1, 2, 3])
    wandb.sklearn.plot_residuals(Ridge(), *load_diabetes(return_X_y=True))
    print(json.dumps(np.bincount(predicted).tolist()))
    run.finish()
"""

XGBOOST = """
    import xgboost
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    from wandb.integration.xgboost import WandbCallback

    X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    run = wandb.init(project="integrations", id="xgboost1", config={"seed": 0})
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "eval_metric": ["mlogloss", "merror"]}
    train, test = xgboost.DMatrix(X_train, y_train), xgboost.DMatrix(X_test, y_test)
    callback = WandbCallback(log_model=True, log_feature_importance=True, importance_type="gain")
    model = xgboost.train(
        parameters, train, 12, evals=[(train, "train"), (test, "test")], early_stopping_rounds=50, callbacks=[callback]
    )
    known = {"rounds": model.num_boosted_rounds(), "best": model.best_iteration}
    print(json.dumps(known | {"first": model.predict(test)[0].tolist(), "row": X_test[0].tolist()}))
    run.finish()
"""

TORCH = """
    import torch
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    inputs = torch.randn(64, 4)
    targets = inputs.sum(dim=1, keepdim=True)
    run = wandb.init(project="integrations", id="torch1", config={"lr": 0.05})
    run.watch(model, criterion=torch.nn.functional.mse_loss, log="all", log_freq=2, log_graph=True)
    run.define_metric("loss", summary="min")
    for epoch in range(10):
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss.item(), "prediction": model(inputs[0]), "weights": wandb.Histogram(model[0].weight.detach())})
    torch.save({"model": model.state_dict(), "epoch": epoch}, "checkpoint.pt")
    run.log_artifact("checkpoint.pt", name="checkpoint", type="model", aliases=["best"]).wait()
    with torch.no_grad():
        print(json.dumps(model(torch.ones(4)).item()))
    run.finish()
"""


@pytest.fixture(scope="module")
def fetched(find_run, tmp_path_factory):
    """`fetched(run, path)`: the bytes of a file of a run."""

    def fetched(run, path):
        root = tmp_path_factory.mktemp("fetched")
        run.file(path).download(root=str(root))
        return (root / path).read_bytes()

    return fetched


@pytest.fixture(scope="module")
def sklearn(run_script, find_run):
    predicted = run_script(SKLEARN).reported()
    return find_run("integrations/sklearn1"), predicted


def test_a_forest_logs_its_parameters_and_accuracy(sklearn):
    run, _ = sklearn

    assert (run.config["n_estimators"], run.config["random_state"]) == (5, 0)
    assert run.summary["accuracy"] > 0.8


def test_every_drawing_of_sklearn_is_a_table_with_rows(sklearn, fetched):
    run, _ = sklearn
    values = run.summary_metrics.items()
    tables = {key: value for key, value in values if isinstance(value, dict) and value.get("_type") == "table-file"}
    rows = {key: json.loads(fetched(run, value["path"]))["data"] for key, value in tables.items()}

    assert len(rows) == 7, sorted(rows)
    assert all(rows.values())


def test_the_confusions_of_a_forest_add_up_to_its_predictions(sklearn, fetched):
    run, predicted = sklearn
    (path,) = [value["path"] for key, value in run.summary_metrics.items() if key.startswith("confusion_matrix")]
    table = json.loads(fetched(run, path))
    counts = [row[table["columns"].index("Count")] for row in table["data"]]

    assert (len(counts), sum(counts)) == (9, sum(predicted))


@pytest.fixture(scope="module")
def boosted(run_script, find_run):
    reported = run_script(XGBOOST).reported()
    return find_run("integrations/xgboost1"), reported


def test_boosting_logs_a_row_for_each_round(boosted):
    run, reported = boosted
    rows = list(run.scan_history(keys=["epoch", "test-mlogloss", "train-merror"]))

    assert [row["epoch"] for row in rows] == list(range(reported["rounds"]))
    assert rows[0]["test-mlogloss"] > rows[-1]["test-mlogloss"]


def test_boosting_logs_its_best_round_and_configuration(boosted):
    run, reported = boosted

    assert run.summary["best_iteration"] == reported["best"]
    assert 0 <= run.summary["best_score"] < 1
    assert run.config["learner"]["learner_model_param"]["num_class"] == "3"
    assert run.config["seed"] == 0


def test_the_model_that_boosting_logs_predicts_the_same(boosted, find_artifact, tmp_path):
    import numpy
    import xgboost

    _, reported = boosted
    artifact = find_artifact("integrations/xgboost1_model.json:latest")
    assert artifact.type == "model"

    model = xgboost.Booster(model_file=artifact.file(root=str(tmp_path)))
    predicted = model.predict(xgboost.DMatrix(numpy.array([reported["row"]])))
    assert predicted[0].tolist() == pytest.approx(reported["first"])


@pytest.fixture(scope="module")
def trained(run_script, find_run):
    prediction = run_script(TORCH).reported()
    return find_run("integrations/torch1"), prediction


@needs_torch
def test_watching_a_network_logs_histograms_of_gradients_and_parameters(trained):
    run, _ = trained
    rows = [row for row in run.scan_history() if row.get("gradients/0.weight")]

    assert len(rows) >= 4
    for row in rows:
        for kind in ("gradients", "parameters"):
            counts = {name: sum(row[f"{kind}/{name}"]["values"]) for name in ("0.weight", "0.bias", "2.weight", "2.bias")}
            assert counts == {"0.weight": 32, "0.bias": 8, "2.weight": 8, "2.bias": 1}
    assert len(rows[0]["gradients/0.weight"]["bins"]) == 65


@needs_torch
def test_training_a_network_logs_tensors_as_numbers_and_histograms(trained):
    run, _ = trained
    rows = list(run.scan_history(keys=["loss", "prediction", "weights"]))

    assert len(rows) == 10
    assert rows[0]["loss"] > rows[-1]["loss"] == pytest.approx(run.summary["loss"]["min"])
    assert sum(rows[0]["weights"]["values"]) == 32
    assert isinstance(rows[0]["prediction"], (float, list))


@needs_torch
def test_the_graph_of_a_network_is_a_file_of_the_run(trained, fetched):
    run, _ = trained
    graph = run.summary["graph_0"]
    drawn = json.loads(fetched(run, graph["path"]))

    assert graph["_type"] == "graph-file"
    assert [node["class_name"].split("(")[0] for node in drawn["nodes"]] == ["Linear", "ReLU", "Linear"]


@needs_torch
def test_a_checkpoint_is_resumed_from_by_another_run(trained, run_script, find_artifact):
    _, prediction = trained
    resumed = run_script(
        """
        import torch
        run = wandb.init(project="integrations", id="torch2")
        root = run.use_artifact("checkpoint:best").download()
        checkpoint = torch.load(os.path.join(root, "checkpoint.pt"))
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        model.load_state_dict(checkpoint["model"])
        run.log({"epoch": checkpoint["epoch"]})
        print(json.dumps(model(torch.ones(4)).item()))
        run.finish()
        """
    ).reported()

    assert resumed == prediction
    assert [run.id for run in find_artifact("integrations/checkpoint:best").used_by()] == ["torch2"]


def test_a_data_frame_is_logged_as_a_table(run_script, find_run):
    run_script(
        """
        import pandas
        frame = pandas.DataFrame({"x": [1, 2], "name": ["a", "größe"], "missing": [0.5, None]})
        run = wandb.init(project="integrations", id="pandas1")
        run.log({"frame": wandb.Table(dataframe=frame)})
        run.finish()
        """
    )
    run = find_run("integrations/pandas1")
    (artifact,) = [artifact for artifact in run.logged_artifacts() if artifact.type == "run_table"]

    table = artifact.get("frame")
    assert table.columns == ["x", "name", "missing"]
    assert table.get_column("name") == ["a", "größe"]


def test_history_is_read_as_a_data_frame(boosted):
    run, reported = boosted
    frame = run.history(keys=["epoch", "test-mlogloss"])

    assert frame["epoch"].tolist() == list(range(reported["rounds"]))


@needs_torch
def test_what_is_written_for_tensorboard_is_a_run(run_script, find_run):
    run_script(
        """
        import numpy
        from torch.utils.tensorboard import SummaryWriter
        run = wandb.init(project="integrations", id="tensorboard1", sync_tensorboard=True)
        with SummaryWriter("written") as writer:
            for step in range(5):
                writer.add_scalar("train/loss", 1 / (step + 1), step)
            writer.add_image("picture", numpy.zeros((3, 8, 8), dtype=numpy.uint8), 5)
            writer.add_text("note", "größe", 5)
        run.finish()
        """
    )
    run = find_run("integrations/tensorboard1")
    rows = list(run.scan_history(keys=["global_step", "train/loss"]))

    assert [(row["global_step"], round(1 / row["train/loss"])) for row in rows] == [(step, step + 1) for step in range(5)]
    assert any(file.name.startswith("media/images/") for file in run.files())
    assert any("tfevents" in file.name for file in run.files())
