"""Tests of `sweeps.checkpoints.template`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.checkpoints.template import find_template_problems, format_name, split_suffix

METRICS = ["loss", "accuracy", "val_loss", "val_accuracy"]
VALUES = {
    "trial": 7,
    "epoch": 12,
    "attempt": 1,
    "step": 340,
    "val_accuracy": 0.93125,
    "val_loss": 2,
}


def find_problems(
    template: str,
    *,
    weights: bool = False,
    best_only: bool = True,
    metrics: list[str] | None = None,
) -> list[str]:
    return find_template_problems(
        template,
        save_weights_only=weights,
        save_best_only=best_only,
        metrics=METRICS if metrics is None else metrics,
    )


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{trial:04d}-epoch{epoch:02d}-{val_accuracy:.4f}.keras", "0007-epoch12-0.9313.keras"),
        ("{trial}-{attempt}-{step:06d}.keras", "7-1-000340.keras"),
        ("{val_loss:.1e}.keras", "2.0e+00.keras"),
        ("{val_accuracy}.keras", "0.93125.keras"),
        ("a{{b}}-{epoch:3d}.keras", "a{b}- 12.keras"),
        ("best.keras", "best.keras"),
        ("Größe-{epoch}.keras", "Größe-12.keras"),
    ],
)
def test_format_name_of_a_template_without_problems(template: str, name: str) -> None:
    """The template's words are those of Keras and `str.format`."""
    assert find_problems(template) == []
    assert format_name(template, VALUES) == name


def test_format_name_of_an_epoch_without_one_of_the_metrics() -> None:
    """An epoch that is not validated has a name too."""
    assert format_name("{epoch:02d}-{val_loss:.3f}.keras", {"epoch": 3}) == "03-nan.keras"


def test_format_name_takes_a_metric_that_is_no_identifier() -> None:
    """A metric's name is a key only, so any that Keras logs may be a field."""
    assert find_problems("{epoch}-{val_top-5:.2f}.keras", metrics=["val_top-5"]) == []
    assert format_name("{epoch}-{val_top-5:.2f}.keras", {"epoch": 1, "val_top-5": 0.5}) == (
        "1-0.50.keras"
    )


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (
            "{val_acuracy:.4f}.keras",
            (
                "got the unknown field {val_acuracy}; expected one of trial, epoch, attempt, step, "
                "repeat, loss, accuracy, val_loss, val_accuracy. Did you mean 'val_accuracy'?"
            ),
        ),
        (
            "{batch}.keras",
            (
                "got the field {batch}, which files written by epoch do not have; "
                "leave it out, or set save_freq to a number of batches."
            ),
        ),
        (
            "{trial._secret}.keras",
            "got the field {trial._secret}; expected a plain name such as {epoch} or {val_loss}.",
        ),
        (
            "{trial.__class__.__init__.__globals__}.keras",
            (
                "got the field {trial.__class__.__init__.__globals__}; "
                "expected a plain name such as {epoch} or {val_loss}."
            ),
        ),
        (
            "{epoch[0]}.keras",
            "got the field {epoch[0]}; expected a plain name such as {epoch} or {val_loss}.",
        ),
        ("{}.keras", "got the field {}; expected a plain name such as {epoch} or {val_loss}."),
        ("{0}.keras", "got the field {0}; expected a plain name such as {epoch} or {val_loss}."),
        (
            "{epoch!r}.keras",
            (
                "got '{epoch!r}.keras', which is not a valid template: "
                "{epoch!r} has a conversion; leave out '!r'."
            ),
        ),
        (
            "{epoch:{trial}}.keras",
            "got the format '{trial}' for {epoch}; expected one such as {epoch:04d}.",
        ),
        (
            "{epoch:0999999999d}.keras",
            "got the format '0999999999d' for {epoch}; expected one such as {epoch:04d}.",
        ),
        (
            "{epoch:.2f}.keras",
            "got the format '.2f' for {epoch}; expected one such as {epoch:04d}.",
        ),
        ("{loss:d}.keras", "got the format 'd' for {loss}; expected one such as {loss:.4f}."),
        (
            "{loss:.999f}.keras",
            "got the format '.999f' for {loss}; expected one such as {loss:.4f}.",
        ),
        ("{loss:*>9}.keras", "got the format '*>9' for {loss}; expected one such as {loss:.4f}."),
        (
            "../{epoch}.keras",
            (
                "got '../{epoch}.keras'; expected a plain file name. "
                "It lies in the trial's own folder, trials/NNNN/checkpoints, already."
            ),
        ),
        (
            "{epoch}.h5",
            "got '{epoch}.h5'; with save_weights_only: false the name must end in '.keras'.",
        ),
        (
            "{epoch}.weights.h5",
            (
                "got '{epoch}.weights.h5'; with save_weights_only: false "
                "the name must end in '.keras'."
            ),
        ),
    ],
)
def test_find_template_problems_says_what_to_do(template: str, problem: str) -> None:
    """Each mistake has one sentence: given, expected, and a suggestion where one is close."""
    assert find_problems(template) == [problem]


@pytest.mark.parametrize(
    "name", ["/tmp/a", "a/b", "a\\b", "a\0b", "a\nb", "a\x7fb", ".hidden", "a\u202eb", ""]
)
def test_find_template_problems_refuses_what_is_no_plain_file_name(name: str) -> None:
    """Separators, control characters, direction marks and hidden names never reach the disk."""
    (problem,) = find_problems(f"{name}.keras")
    assert "expected a plain file name" in problem


@pytest.mark.parametrize(
    ("template", "longest"),
    [
        ("{epoch:99d}" * 3 + ".keras", 303),
        ("ä" * 150 + ".keras", 306),
        ("{loss:99f}{loss:.99f}.keras", 245),
    ],
)
def test_find_template_problems_refuses_names_longer_than_a_file_system_takes(
    template: str, longest: int
) -> None:
    """The bound is on what the name can become, in bytes, not on the template."""
    assert find_problems(template) == [
        f"got {template!r}, which makes names of up to {longest} bytes; expected at most 200."
    ]


def test_format_name_of_the_longest_template_fits_a_file_system(tmp_path: Path) -> None:
    """The largest float that Keras logs by default, written out, still makes a file."""
    template = "{trial:09d}-{loss:f}-{val_loss:.20f}.keras"
    assert find_problems(template) == []
    name = format_name(template, {"trial": 1, "loss": -3.4e38, "val_loss": -3.4e38})
    (tmp_path / f".tmp-{os.getpid()}-{name}").touch()


def test_find_template_problems_lists_all_at_once() -> None:
    """One look at the space file is enough."""
    assert len(find_problems("../{epochs:04d}-{loss:d}.h5")) == 5


@pytest.mark.parametrize("template", ["{epoch", "epoch}", "{epoch:{}}}"])
def test_find_template_problems_unbalanced_braces(template: str) -> None:
    """What `str.format` cannot parse is one clear problem."""
    (problem,) = find_problems(f"{template}.keras")
    assert problem.startswith(f"got '{template}.keras', which is not a valid template: ")


def test_find_template_problems_every_epoch_needs_its_own_name() -> None:
    """With save_best_only: false a name without epoch or step would overwrite the one before."""
    (problem,) = find_problems("{trial}-{loss:.1f}.keras", best_only=False)
    assert "gives every epoch the same name" in problem
    assert find_problems("{trial}-{epoch}.keras", best_only=False) == []
    assert find_problems("{trial}-{step}.keras", best_only=False) == []


def test_find_template_problems_weights_need_their_suffix() -> None:
    """save_weights_only decides the suffix, as in Keras."""
    assert find_problems("{epoch}.weights.h5", weights=True) == []
    assert find_problems("{epoch}.keras", weights=True) == [
        "got '{epoch}.keras'; with save_weights_only: true the name must end in '.weights.h5'."
    ]


def test_find_template_problems_unknown_metrics_are_let_pass_before_a_model_is_built() -> None:
    """Without a model nobody knows which metrics there will be."""
    assert (
        find_template_problems("{val_f1:.2f}.keras", save_weights_only=False, save_best_only=True)
        == []
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.keras", ("a", ".keras")),
        ("a.weights.h5", ("a", ".weights.h5")),
        ("0.9.keras", ("0.9", ".keras")),
    ],
)
def test_split_suffix(name: str, parts: tuple[str, str]) -> None:
    """`.weights.h5` is one suffix."""
    assert split_suffix(name) == parts


def test_format_name_that_is_taken_gets_a_number_before_its_suffix() -> None:
    """Two values that round to one name stay two files."""
    assert format_name("{loss:.1f}.keras", {"loss": 0.51}, ["0.5.keras"]) == "0.5-2.keras"
    assert format_name("a.weights.h5", {}, ["a.weights.h5", "a-2.weights.h5"]) == "a-3.weights.h5"


TEMPLATES = st.lists(
    st.sampled_from(
        ["{trial:04d}", "{epoch}", "{step:06d}", "{loss:.1f}", "{loss}", "{loss:e}", "-", "x", "é"]
    ),
    max_size=4,
).map(lambda parts: "m" + "".join(parts) + ".keras")


@given(
    template=TEMPLATES,
    losses=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=6),
)
def test_format_name_never_collides_and_never_leaves_its_folder(
    template: str, losses: list[float]
) -> None:
    """Whatever the values, a checked template gives a new plain name each time."""
    assert find_problems(template) == []
    taken: list[str] = []
    for loss in losses:
        name = format_name(template, {"trial": 1, "epoch": 1, "step": 9, "loss": loss}, taken)
        assert name not in taken
        assert Path(name).name == name
        assert name.endswith(".keras")
        assert len(name.encode()) <= 210
        taken.append(name)


@given(st.text(max_size=30), st.booleans())
def test_format_name_of_any_text_is_refused_or_safe(text: str, weights: bool) -> None:
    """No text gets past the check and then fails, escapes or reaches into a value."""
    template = text + (".weights.h5" if weights else ".keras")
    if find_problems(template, weights=weights):
        return
    name = format_name(template, {**VALUES, "loss": 1.5, "accuracy": 0.5})
    assert Path(name).name == name
    assert "\0" not in name
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{epoch}.keras", "gives several files the same name"),
        ("{batch}.keras", "gives several files the same name"),
        ("{epoch}-{batch:.2f}.keras", "got the format '.2f' for {batch}"),
    ],
)
def test_find_template_problems_by_batch_needs_names_that_differ(
    template: str, message: str
) -> None:
    """Files written every few batches would overwrite each other."""
    problems = find_template_problems(
        template, save_weights_only=False, save_best_only=False, by_batch=True
    )
    assert len(problems) == 1
    assert message in problems[0]


@pytest.mark.parametrize("template", ["{epoch}-{batch:04d}.keras", "{step:06d}.keras"])
def test_find_template_problems_by_batch_takes_batch_and_step(template: str) -> None:
    """Both tell files of one epoch apart."""
    assert not find_template_problems(
        template, save_weights_only=False, save_best_only=False, by_batch=True, metrics=["loss"]
    )


def test_find_template_problems_by_epoch_does_not_know_batch() -> None:
    """As in Keras, there is no batch after a whole epoch."""
    (problem,) = find_template_problems(
        "{epoch}-{batch}.keras", save_weights_only=False, save_best_only=True
    )
    assert "set save_freq to a number of batches" in problem
