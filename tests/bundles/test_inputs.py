"""Tests of `sweeps.bundles.inputs`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweeps.bundles.inputs import check_inputs, name_inputs
from sweeps.bundles.signature import Tensor
from sweeps.errors import InputError

NUMBERS = Tensor("numbers", (None, 4), "float32")
PAIR = (Tensor("left", (None, 4), "float32"), Tensor("right", (None,), "int32"))


def check(array: Any, shape: Any = (None, 2), dtype: str = "float32") -> Any:
    return check_inputs({"x": np.asarray(array)}, [Tensor("x", shape, dtype)], "in.npy")["x"]


def test_name_inputs_of_one_input_takes_any_name() -> None:
    """With one input nobody has to know how it is called."""
    array = np.zeros((2, 4))
    for given in (array, {"whatever": array}, array.tolist()):
        named = name_inputs(given, [NUMBERS], "inputs")
        assert list(named) == ["numbers"]
        assert named["numbers"].shape == (2, 4)


def test_name_inputs_of_several_by_name_or_in_order() -> None:
    """A list stands in the model's order; what the model does not take is left aside."""
    left, right = np.zeros((2, 4)), np.ones(2)
    for given in ({"right": right, "left": left, "y": right}, [left, right]):
        named = name_inputs(given, PAIR, "inputs")
        assert [named["left"].shape, named["right"].shape] == [(2, 4), (2,)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 4)), "holds one array, but the model has the inputs 'left', 'right'"),
        ({"left": np.zeros((2, 4))}, r"no array for the model's input 'right' \(have: 'left'"),
        ({}, r"no array for the model's input 'left' \(have: none; expected: 'left', 'right'\)"),
    ],
)
def test_name_inputs_that_are_missing_are_told(given: Any, message: str) -> None:
    """The message names what is missing and what there is."""
    with pytest.raises(InputError, match=f"in.npz: .*{message}"):
        name_inputs(given, PAIR, "in.npz")


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        ([[1.5, 2.0]], "float32"),
        (np.array([[1, 2]], "uint8"), "float32"),
        (np.array([[1.0, 2.0]]), "int32"),
        (np.array([[True, False]]), "float32"),
        (np.array([[1, 0]]), "bool"),
        (np.array([["a", "bc"]]), "string"),
    ],
)
def test_check_inputs_converts_what_loses_nothing(array: Any, dtype: str) -> None:
    """Numbers arrive in the model's type; texts stay texts."""
    checked = check(array, dtype=dtype)
    assert checked.dtype.kind == ("U" if dtype == "string" else np.dtype(dtype).kind)
    assert checked.tolist() == np.asarray(array).tolist()


@pytest.mark.parametrize(
    ("array", "dtype", "message"),
    [
        ([[1.0, np.nan]], "float32", r"holds nan in sample 0 \(the first is 0\); expected finite"),
        ([[1.0, 2.0], [np.inf, 0.0]], "float32", "holds inf in sample 1"),
        ([[1.0, 1e300]], "float32", r"holds 1e\+300 in sample 0 .*; expected at most 3.4e\+38"),
        ([[1.0, 1e5]], "float16", "holds 100000.0 in sample 0 .*; expected at most 6.55e"),
        ([[1.0, 2.5]], "int32", "holds 2.5 in sample 0 .*; expected whole numbers"),
        ([[1, 300]], "uint8", "holds 300 in sample 0 .*; expected 0 to 255"),
        ([[1, 2]], "bool", "holds other values than 0 and 1"),
        ([["a", "b"]], "float32", "holds values of type <U1; expected numbers"),
        (np.array([[1j, 2]]), "float32", "holds values of type complex128; expected numbers"),
        (np.array([[{}, 2]], object), "float32", "holds Python objects; expected numbers"),
        (np.array([[1, 2]], "datetime64[s]"), "int64", "holds values of type datetime64"),
        ([[1.0, 2.0]], "string", "holds float64; expected texts"),
        (np.zeros((0, 2)), "float32", "is empty; expected at least one sample"),
        (np.zeros((3, 5)), "float32", r"has the shape \(3, 5\); expected \(samples, 2\)\.$"),
        (np.zeros(2), "float32", r"has the shape \(2,\).*Is the axis of samples missing"),
        (np.float32(2), "float32", r"has the shape \(\); expected \(samples, 2\)"),
    ],
)
def test_check_inputs_refuses_what_does_not_fit(array: Any, dtype: str, message: str) -> None:
    """Shape, type and every value are looked at, and the message names file, input and sample."""
    with pytest.raises(InputError, match=f"^in.npy: input 'x' {message}"):
        check(array, dtype=dtype)


def test_check_inputs_finds_a_bad_value_late_in_a_long_file() -> None:
    """Every part is looked at, and the sample is counted from the first one."""
    values = np.zeros((10_000, 2))
    values[9_999, 1] = np.nan
    with pytest.raises(InputError, match="holds nan in sample 9999"):
        check(values)


def test_check_inputs_of_other_lengths_are_refused() -> None:
    """Each sample has all inputs."""
    arrays = {"left": np.zeros((3, 4)), "right": np.zeros(2)}
    with pytest.raises(InputError, match="'left' has 3, 'right' has 2"):
        check_inputs(arrays, PAIR, "in.npz")


def test_check_inputs_allows_sizes_that_vary() -> None:
    """None in a shape stands for any size."""
    assert check(np.zeros((2, 7, 1)), (None, None, 1)).shape == (2, 7, 1)
    with pytest.raises(InputError, match=r"expected \(samples, any, 1\)"):
        check(np.zeros((2, 7, 2)), (None, None, 1))


def test_check_inputs_of_a_fixed_number_of_samples() -> None:
    """A model that keeps a state takes its samples by a number."""
    assert check(np.zeros((6, 2)), (3, 2)).shape == (6, 2)
    with pytest.raises(InputError, match="has 4 samples; the model takes them by 3 only"):
        check(np.zeros((4, 2)), (3, 2))
