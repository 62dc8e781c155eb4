"""Media that are logged: rows say what they are, and their files lie under `media/` and come back byte for byte."""

import hashlib
import json

import pytest

LOGGED = """
    import numpy as np
    import plotly.graph_objects as go
    from pathlib import Path
    from PIL import Image

    pixels = np.arange(16 * 8 * 3, dtype=np.uint8).reshape(8, 16, 3)
    labels = {0: "background", 1: "größe"}
    mask = {"predictions": {"mask_data": np.eye(8, 16, dtype=np.uint8), "class_labels": labels}}
    box = {"position": {"minX": 0.1, "maxX": 0.5, "minY": 0.2, "maxY": 0.6}, "class_id": 1, "scores": {"sure": 0.75}}
    pixel_box = {"position": {"middle": [8, 4], "width": 4, "height": 2}, "domain": "pixel", "class_id": 0}
    boxes = {"found": {"box_data": [box | {"box_caption": "a box"}, pixel_box], "class_labels": labels}}
    Image.fromarray(pixels).save("saved.png")
    frames = [Image.fromarray(pixels + shift) for shift in range(3)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    Path("protein.pdb").write_text("ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00           N")
    Path("cube.obj").write_text("v 0 0 0\\nv 1 0 0\\nv 0 1 0\\nf 1 2 3\\n")

    run = wandb.init(project="media", id="media1")
    run.log({"image": wandb.Image(pixels, caption="from pixels")})
    run.log({"image": wandb.Image("saved.png", caption="from a file")})
    run.log({"image": wandb.Image(pixels, masks=mask, boxes=boxes)})
    run.log({"images": [wandb.Image(pixels, caption="one"), wandb.Image(pixels + 1, caption="two")]})
    run.log({"jpg": wandb.Image(Image.fromarray(pixels), file_type="jpg"), "loss": 0.5})
    run.log({"audio": wandb.Audio(np.sin(np.arange(800) / 10), sample_rate=8000, caption="a tone")})
    run.log({"video": wandb.Video("moving.gif", caption="moves")})
    run.log({"html": wandb.Html("<p>größe</p>", inject=False)})
    run.log({"molecule": wandb.Molecule("protein.pdb")})
    run.log({"points": wandb.Object3D(np.arange(30.0).reshape(10, 3)), "object": wandb.Object3D("cube.obj")})
    run.log({"plotly": go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))})
    run.log({"deep/er key": wandb.Html("deep")})
    run.log({"histogram": wandb.Histogram([1.0, 1.0, 2.0], num_bins=2)})
    run.finish()
"""


@pytest.fixture(scope="module")
def logged(client):
    """The directory in which the script ran."""
    return client.run(LOGGED).directory


@pytest.fixture(scope="module")
def run(logged, find_run):
    return find_run("media/media1")


@pytest.fixture(scope="module")
def values(run):
    """For each key what was logged under it, in the order of logging."""
    values = {}
    for row in run.scan_history():
        for key, value in row.items():
            if value is not None:
                values.setdefault(key, []).append(value)
    return values


@pytest.fixture(scope="module")
def fetched(run, tmp_path_factory):
    """`fetched(path)`: the bytes of a file of the run."""
    root = tmp_path_factory.mktemp("fetched")

    def fetched(path):
        run.file(path).download(root=str(root), replace=True)
        return (root / path).read_bytes()

    return fetched


def test_every_file_of_media_is_downloaded_byte_for_byte(run, logged, fetched):
    (local,) = logged.glob("wandb/run-*/files")
    written = {str(path.relative_to(local)): path.read_bytes() for path in local.glob("media/**/*") if path.is_file()}
    kept = [file.name for file in run.files(per_page=5) if file.name.startswith("media/")]

    assert len(written) > 12
    assert sorted(kept) == sorted(written)
    assert {path: fetched(path) for path in kept} == written


@pytest.mark.parametrize(
    "key, kind, folder",
    [
        ("image", "image-file", "media/images/"),
        ("jpg", "image-file", "media/images/"),
        ("audio", "audio-file", "media/audio/"),
        ("video", "video-file", "media/videos/"),
        ("html", "html-file", "media/html/"),
        ("molecule", "molecule-file", "media/molecule/"),
        ("points", "object3D-file", "media/object3D/"),
        ("object", "object3D-file", "media/object3D/"),
        ("plotly", "plotly-file", "media/plotly/"),
    ],
)
def test_a_row_names_the_file_of_its_media(values, fetched, key, kind, folder):
    for value in values[key]:
        content = fetched(value["path"])

        assert (value["_type"], value["path"].startswith(folder)) == (kind, True)
        assert (value["size"], value["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_images_have_their_captions_and_sizes(values):
    pixels, saved, _ = values["image"]

    assert (pixels["caption"], saved["caption"]) == ("from pixels", "from a file")
    assert (pixels["width"], pixels["height"], pixels["format"]) == (16, 8, "png")
    assert values["jpg"][0]["format"] == "jpg"


def test_an_image_from_a_file_keeps_its_bytes(values, fetched, logged):
    assert fetched(values["image"][1]["path"]) == (logged / "saved.png").read_bytes()


def test_several_images_of_one_step_are_listed_with_captions(values, fetched):
    (images,) = values["images"]

    assert (images["_type"], images["count"], images["captions"]) == ("images/separated", 2, ["one", "two"])
    assert all(fetched(path).startswith(b"\x89PNG") for path in images["filenames"])


def test_an_image_has_its_masks(values, fetched):
    mask = values["image"][2]["masks"]["predictions"]

    assert mask["_type"] == "mask"
    assert fetched(mask["path"]).startswith(b"\x89PNG")


def test_an_image_has_its_boxes(values, fetched):
    boxes = values["image"][2]["boxes"]["found"]
    first, second = json.loads(fetched(boxes["path"]))["box_data"]

    assert boxes["_type"] == "boxes2D"
    assert (first["box_caption"], first["scores"], first["position"]["maxY"]) == ("a box", {"sure": 0.75}, 0.6)
    assert (second["domain"], second["position"]["middle"]) == ("pixel", [8, 4])


def test_the_labels_of_masks_and_boxes_are_kept_with_the_run(fetched):
    config = fetched("config.yaml").decode()

    assert "mask/class_labels" in config
    assert "background" in config


def test_audio_and_video_have_their_captions(values, fetched):
    assert (values["audio"][0]["caption"], values["video"][0]["caption"]) == ("a tone", "moves")
    assert fetched(values["audio"][0]["path"]).startswith(b"RIFF")
    assert fetched(values["video"][0]["path"]).startswith(b"GIF8")


def test_html_is_kept_as_it_was_given(values, fetched):
    assert "<p>größe</p>" in fetched(values["html"][0]["path"]).decode()


def test_a_key_with_slash_and_space_names_its_file(values, fetched):
    (value,) = values["deep/er key"]

    assert value["path"].startswith("media/html/deep/er key_")
    assert b"deep" in fetched(value["path"])


def test_a_figure_is_kept_as_its_drawing(values, fetched):
    drawn = json.loads(fetched(values["plotly"][0]["path"]))

    assert (list(drawn["data"][0]["x"]), drawn["data"][0]["type"]) == ([1, 2], "scatter")


def test_the_summary_has_the_last_media_of_each_key(run, values):
    assert run.summary["image"]["path"] == values["image"][2]["path"]
    assert run.summary["audio"]["sha256"] == values["audio"][0]["sha256"]


def test_a_histogram_counts_its_values(values):
    (histogram,) = values["histogram"]

    assert (histogram["_type"], histogram["values"]) == ("histogram", [2, 1])
    assert len(histogram["bins"]) == 3


def test_media_stand_beside_numbers_in_one_row(run, values):
    assert values["loss"] == [0.5]
    assert [row["loss"] for row in run.scan_history(keys=["loss", "jpg"])] == [0.5]
