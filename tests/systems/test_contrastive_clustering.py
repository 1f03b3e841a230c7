"""Clustering of image stacks: every row of the table, a user's files, what is published, and acceptance."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from femtobarn import recipe as recipes
from femtobarn.cli import execute
from femtobarn.data.image_stack import ImageStack
from femtobarn.data.imzml import Cube
from femtobarn.errors import InputError
from femtobarn.evaluation.image_stacks import embeddings as stack_embeddings
from femtobarn.evaluation.image_stacks import files as stack_files
from femtobarn.evaluation.image_stacks.training import Contrasting, SelfLabelling, confident
from femtobarn.hardware.latency import onnx_session
from femtobarn.metrics import agreement
from femtobarn.runs import Run
from femtobarn.simulate.ion_images import Ions, drawn_templates, ion_images
from femtobarn.systems.contrastive_clustering import data, recipe, study
from femtobarn.systems.contrastive_clustering.data import Data
from femtobarn.systems.contrastive_clustering.study import (
    CONTRASTIVE,
    MODELS,
    PUBLISHED_VIEWS,
    REGISTER,
    SELF,
    Part,
    Study,
)

TinyRun = Callable[[str], Run]
SYSTEM = recipes.all_systems()["contrastive-clustering"]
TINY = recipe.PRESETS["tiny"]
SIDE = TINY.data.side
PLAIN = list(stack_embeddings.training_free(largest=3, seed=1))


def ions(images: int = 30, side: int = SIDE, shift: int = 0) -> ImageStack:
    templates, inside = drawn_templates(3, side, generator=np.random.default_rng(17))
    sizes = [images // 3] * 3
    return ion_images(
        templates, inside, Ions(0.5, 1.2, shift), sizes=sizes, generator=np.random.default_rng(5)
    )


def users_file(folder: Path) -> Path:
    """A stack of a user with its mask."""
    path, stack = folder / "ions.npz", ions()
    np.savez(path, counts=stack.counts, inside=stack.inside)
    return path


def write_imzml(path: Path, stack: ImageStack) -> list[float]:
    """The stack as spectra; returns the m/z of its images."""
    writer = pytest.importorskip("pyimzml.ImzMLWriter")
    mz = 200 + 1.5 * np.arange(len(stack))
    with writer.ImzMLWriter(str(path), mode="continuous", mz_dtype=np.float64) as file:
        for row, column in np.ndindex(stack.inside.shape):
            file.addSpectrum(mz, stack.counts[:, row, column], (column + 1, row + 1, 1))
    return mz.tolist()


def carried_out(config: recipe.Config, folder: Path) -> Run:
    run = recipes.start(SYSTEM, config, preset="tiny", root=folder)
    recipes.carry_out(SYSTEM, run, progress=False)
    return run


@pytest.fixture
def finished(tiny_run: TinyRun) -> Run:
    return tiny_run("contrastive-clustering")


# The run


def test_every_baseline_and_every_training_has_its_row(finished: Run) -> None:
    rows = finished.results()
    for kind in TINY.data.kinds:
        methods = {CONTRASTIVE, REGISTER, SELF} | ({PUBLISHED_VIEWS} if kind != "occupancy" else set())
        for name in ("NMI", "ARI", "purity", "accuracy"):
            found = {r.labels["embedding"] for r in rows if r.name == name and r.labels["stack"] == kind}
            missing = set(PLAIN) - found
            assert found >= methods | set(PLAIN) - set(stack_embeddings.PRETRAINED), missing
    over = {r.labels["over"] for r in rows if r.name == "gain in NMI"}
    assert over == {stack_embeddings.PIXELS, stack_embeddings.STABILISED, stack_embeddings.REGISTERED}
    named = {row.name for row in rows}
    assert named >= {
        "silhouette",
        "purity of half the images", "ARI between two trainings", "images that nearly equal another", "shifts found",
        "weights", "multiply-adds of an image",
    }  # fmt: skip


def test_the_report_ranks_and_says_whether_training_helped(finished: Run) -> None:
    figures = {figure.name: figure for figure in finished.figures()}
    for kind in ("faint-shifted", "occupancy"):
        figure = figures[f"ranking-{kind}"]
        assert figure.caption.startswith("Training ")
        assert figure.caption.split(":")[0].split()[1] in ("helped", "did", "made")
        rows = list(csv.DictReader(figure.csv.read_text().splitlines()))
        values = [float(row["NMI"]) for row in rows]
        assert values == sorted(values)
        assert len(rows) >= len(PLAIN)
    notes = [event["note"] for event in finished.events() if event["event"] == "note"]
    assert sum("raining" in note for note in notes) >= 2


def test_gains_are_differences_on_the_same_stacks(finished: Run) -> None:
    rows = finished.results()
    nmi = {(r.labels["stack"], r.labels["embedding"]): r.value for r in rows if r.name == "NMI"}
    for r in (r for r in rows if r.name == "gain in NMI"):
        stack = r.labels["stack"]
        expected = nmi[stack, r.labels["embedding"]] - nmi[stack, r.labels["over"]]
        assert r.value == pytest.approx(expected)


def test_the_self_labelled_network_starts_from_the_registered_one(finished: Run) -> None:
    own = MODELS.load(finished.folder / "work" / Part(SELF, "occupancy", 1, 1).name)
    assert own.kept["clusters"] == 6
    assert own.kept["references"].shape[1:] == (SIDE, SIDE)
    assert {"sure", "clusters"} <= own.history[0].keys()
    with pytest.raises(InputError, match="needs register"):
        Study(methods=(SELF,))


# A user's files


def test_an_imzml_goes_in_and_cluster_labels_come_out(tmp_path: Path) -> None:
    stack = ions(36, shift=2)
    mz = write_imzml(tmp_path / "tissue.imzML", stack)
    small = replace(
        TINY.study, seeds=(1, 2), clusters=3, contrast=Contrasting(epochs=2), labelling=SelfLabelling(5, 1)
    )
    config = replace(
        TINY,
        data=replace(TINY.data, stack=tmp_path / "tissue.imzML", mz=tuple(mz), cube=Cube(tissue="all")),
        study=small,
    )
    run = carried_out(config, tmp_path / "runs")
    assert run.kind == "real"
    assert not [row for row in run.results() if row.name == "NMI"], "no classes are known"
    (stability,) = [
        row
        for row in run.results()
        if row.name == "ARI between two trainings" and row.labels["embedding"] == REGISTER
    ]
    assert -1 <= stability.value <= 1
    (figure,) = [each for each in run.figures() if each.name == "clusters"]
    rows = list(csv.DictReader(figure.csv.read_text().splitlines()))
    assert [float(row["image"]) for row in rows] == pytest.approx(mz)
    assert {int(row["cluster"]) for row in rows} <= {0, 1, 2}
    assert "Without known classes" in str([event.get("note") for event in run.events()])
    output = tmp_path / "labels.h5"
    command = ["predict", str(run.folder), str(tmp_path / "tissue.imzML"), "-o", str(output)]
    assert execute([*command, "--model", Part(SELF, "own", 1, 1).name]) == 0
    with h5py.File(output) as file:
        np.testing.assert_allclose(file["mz"][:], mz, rtol=1e-6)
        same = file["cluster"][:] == [int(row["cluster"]) for row in rows]
        assert same.mean() > 0.8, (
            "new images are shifted onto cluster means, those of the stack onto each other"
        )
        assert file["features"].shape == (36, 128)
        assert ((file["confidence"][:] > 0) & (file["confidence"][:] <= 1)).all()


def test_images_outside_the_mask_change_no_prediction(finished: Run) -> None:
    """Off-mask pixels have no influence on any feature."""
    trained = MODELS.load(finished.folder / "work" / Part(SELF, "faint, shifted", 1, 1).name)
    stack = ions(12)
    inside = trained.kept["inside"].numpy()
    other = np.where(inside, stack.counts, 1000).astype(np.float32)
    one, two = (study.new_images(trained, counts * inside, TINY.study) for counts in (stack.counts, other))
    np.testing.assert_allclose(one, two, atol=1e-6)
    with torch.inference_mode():
        noise = torch.where(trained.kept["inside"], torch.from_numpy(one), 7.0)
        torch.testing.assert_close(
            trained.model.encoder(noise), trained.model.encoder(torch.from_numpy(one)), atol=1e-6, rtol=0
        )


def test_shifted_new_images_are_brought_back(finished: Run) -> None:
    trained = MODELS.load(finished.folder / "work" / Part(SELF, "faint, shifted", 1, 1).name)
    counts = ions(12).counts
    one = study.new_images(trained, counts, TINY.study)
    two = study.new_images(trained, np.roll(counts, (1, 1), (1, 2)), TINY.study)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.ones((3, 20, 20))}, "counts"),
        ({"counts": np.ones((20, 20))}, r"expected images \(image, row, column\)"),
        ({"counts": -np.ones((3, 20, 20))}, "counts of 0 or more"),
        ({"counts": np.ones((3, 20, 20)), "label": np.ones(2, int)}, "a whole number for each image"),
        ({"counts": np.ones((3, 20, 20)), "inside": np.zeros((20, 20), bool)}, "pixels inside"),
        ({"counts": np.ones((3, 20, 20)), "inside": np.ones((4, 4), bool)}, "of one size"),
    ],
)
def test_stacks_that_are_refused(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(
        (InputError, TypeError), match=words if "one size" not in words else r"one size|inside"
    ):
        stack_files.read_stack(tmp_path / "a.npz", side=16)


def test_an_imzml_without_its_second_file_is_one_line(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_imzml(tmp_path / "a.imzML", ions(3, 16))
    (tmp_path / "a.ibd").unlink()
    assert (
        execute(["predict", str(finished.folder), str(tmp_path / "a.imzML"), "-o", str(tmp_path / "o.h5")])
        == 2
    )
    assert "a.ibd: no such file" in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_mask_as_published_is_zero_inside(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", ions(6).counts)
    outside = np.zeros((SIDE, SIDE))
    outside[:5] = 1
    np.save(tmp_path / "mask.npy", outside)
    stack = stack_files.read_stack(tmp_path / "images.npy", side=SIDE, mask=tmp_path / "mask.npy")
    np.testing.assert_array_equal(stack.inside, outside == 0)


# As published


@pytest.mark.slow
def test_the_published_settings_start_on_the_published_files(tmp_path: Path) -> None:
    """``training_data.npy`` and ``mask.npy`` as the authors wrote them, in 96 x 96 pixels; fewer epochs and images."""
    stack = ions(24, 96)
    rows = np.empty((24, 2), object)
    for place in range(24):
        grey = np.clip(stack.counts[place] * 8, 0, 255).astype(np.uint8)
        rows[place] = [np.repeat(grey[..., None], 3, axis=2), int(stack.label[place])]  # type: ignore[index]
    np.save(tmp_path / "training_data.npy", rows)
    np.save(tmp_path / "mask.npy", (~stack.inside).astype(float))
    paper = recipe.PRESETS["paper"]
    assert (paper.study.clusters, paper.study.contrast.temperature, paper.study.views.kind) == (
        20,
        0.5,
        "published",
    )
    config = replace(
        paper,
        data=replace(paper.data, stack=tmp_path / "training_data.npy", mask=tmp_path / "mask.npy"),
        study=replace(
            paper.study, seeds=(1,), contrast=replace(paper.study.contrast, epochs=1), labelling=SelfLabelling(1, 1),
            methods=(CONTRASTIVE, REGISTER, SELF),
        ),
        workers=1,
    )  # fmt: skip
    run = carried_out(config, tmp_path / "runs")
    assert run.data is not None
    assert run.data.name == "msi_uterine"
    purity = [row for row in run.results() if row.name == "purity"]
    assert {row.labels["embedding"] for row in purity} >= {CONTRASTIVE, SELF, stack_embeddings.POOLED}
    shown = [p for p in run.published() if any(p.matches(row) for row in purity)]
    assert len(shown) == 3


# Other properties of acceptance


def test_the_same_seed_gives_the_same_labels_and_another_order_the_same_clusters(finished: Run) -> None:
    trained = MODELS.load(finished.folder / "work" / Part(REGISTER, "occupancy", 1, 1).name)
    stacks = data.load(TINY.data, seeds=(1,), seed=TINY.seed)
    stack = stacks.of["occupancy"][1]
    order = np.random.default_rng(3).permutation(len(stack))
    found = []
    for each in (stack, stack, stack.take(order)):
        images = study.prepared(Part(CONTRASTIVE, "occupancy", 1, 1), each, TINY.study)
        rows = trained.model(torch.from_numpy(images)).detach().numpy()
        found.append(study.image_clusters(rows, 6))
    np.testing.assert_array_equal(found[0], found[1])
    assert agreement(found[2], found[0][order]).ari == pytest.approx(1)


def test_the_exported_network_gives_the_same_clusters(finished: Run, tmp_path: Path) -> None:
    output = tmp_path / "clusters.onnx"
    name = Part(SELF, "occupancy", 1, 1).name
    command = ["export", str(finished.folder), "--to", "onnx", "-o", str(output), "--model", name]
    assert execute(command) == 0
    trained = MODELS.load(finished.folder / "work" / name)
    images = study.prepared(Part(CONTRASTIVE, "own", 1, 1), ions(9), TINY.study)
    session = onnx_session(output)
    (said,) = session.run(None, {session.get_inputs()[0].name: images})
    cluster, chance = confident(trained.model.encoder, trained.model.head, images)
    np.testing.assert_array_equal(said.argmax(axis=1), cluster)
    np.testing.assert_allclose(said.max(axis=1), chance, atol=1e-4)


def test_nothing_that_gives_no_cluster_predicts(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Part(CONTRASTIVE, "occupancy", 1, 1).name
    command = ["predict", str(finished.folder), str(users_file(tmp_path)), "-o", str(tmp_path / "o.h5")]
    assert execute([*command, "--model", model]) == 2
    assert "choose one that is self-labelled" in capsys.readouterr().err


@pytest.mark.usefixtures("real_data")
def test_real_templates_are_used_where_they_are() -> None:
    if data.published_folder() is None:
        pytest.skip("the ion images are not among the real samples")
    stacks = data.load(Data(kinds=("clean",), side=24), seeds=(1, 2), seed=1)
    one, two = stacks.of["clean"].values()
    assert len(one) == len(two) == 367
    assert not np.array_equal(one.counts, two.counts)
    assert one.inside.mean() == pytest.approx(0.635, abs=0.03), "the mask is of the tissue"
    assert "class means" in stacks.provenance.source


# Acceptance, on the stacks of the demo


@pytest.fixture(scope="module")
def acceptance(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> dict[tuple[str, ...], float]:
    """Numbers of a demo around real class means, by the name of the quantity and its labels."""
    assert real_data
    if data.published_folder() is None:
        pytest.skip("the ion images are not among the real samples")
    run = carried_out(recipe.PRESETS["demo"], tmp_path_factory.mktemp("demo"))
    return {(row.name, *row.labels.values()): row.value for row in run.results()}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_registering_and_then_learning_pays_where_images_are_shifted(
    acceptance: dict[tuple[str, ...], float],
) -> None:
    """Both learned embeddings against cosine, and the combination against registration alone."""
    nmi = {name: acceptance["NMI", name, "faint, shifted"] for name in (*PLAIN, CONTRASTIVE, REGISTER)}
    assert nmi[CONTRASTIVE] >= 1.3 * nmi[stack_embeddings.PIXELS]
    assert nmi[REGISTER] >= nmi[stack_embeddings.REGISTERED] - 0.01
    assert acceptance["shifts found", "faint, shifted", "1 px"] >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_training_is_worth_more_than_random_weights_and_counting_views_more_than_published_ones(
    acceptance: dict[tuple[str, ...], float],
) -> None:
    for kind in ("clean", "faint", "faint, shifted"):
        assert (
            acceptance["NMI", CONTRASTIVE, kind] >= 1.2 * acceptance["NMI", stack_embeddings.UNTRAINED, kind]
        )
    assert acceptance["NMI", CONTRASTIVE, "faint"] >= acceptance["NMI", PUBLISHED_VIEWS, "faint"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_confidence_tells_right_from_wrong(acceptance: dict[tuple[str, ...], float]) -> None:
    for kind in ("clean", "faint", "faint, shifted"):
        more, less = (
            acceptance["purity of half the images", SELF, kind, f"{half} confident"]
            for half in ("more", "less")
        )
        assert more >= less + 0.1, kind
