"""Archives of arrays that could do harm are refused before they are unpacked; sound ones are read."""

import io
import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.backends.network import Layer, Network
from gradtwin.cli import main
from gradtwin.comparisons.results.case import read_case
from gradtwin.files import LARGE, read_arrays, write_arrays


class Harm:
    def __reduce__(self):
        return (os.mkdir, (Harm.proof,))


def save_claim(path, shape, held=b"", dtype="<f8"):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + held)


def test_an_absurd_header(tmp_path):
    save_claim(tmp_path / "x.npz", (10**15,), bytes(80))
    with pytest.raises(
        gt.InputFileError, match=r"x\.npy claims .* \(1000000000000000,\) of float64, 7.105 PiB, .* 80 bytes"
    ):
        read_arrays(tmp_path / "x.npz")
    save_claim(tmp_path / "y.npz", (10,), bytes(80))
    assert read_arrays(tmp_path / "y.npz")["x"].shape == (10,)


def set_unpacked_size(path, size):
    """Write another unpacked size of the only member into the archive's directory, which is what readers believe."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.infolist()
    place = data.rindex(member.file_size.to_bytes(4, "little"))
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)


def test_a_bomb(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros(10**6))
    assert read_arrays(path)["x"].shape == (10**6,), "a thousand to one, and small"
    set_unpacked_size(path, LARGE + 1)
    with pytest.raises(gt.InputFileError, match=r"would unpack to 1 GiB, as archives made to fill memory do"):
        read_arrays(path)


def test_more_than_the_directory_says_is_never_unpacked(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.zeros(10**5))
    set_unpacked_size(path, 4 * 10**5)
    with pytest.raises(gt.InputFileError, match="claims to be an array"):
        read_arrays(path)


@pytest.mark.parametrize("second", ["x.npy", "x"])
def test_two_arrays_of_one_name_are_refused_wherever_archives_are_read(tmp_path, second):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what it is asked for here
        for name, value in (("x.npy", 1.0), (second, 2.0)):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.full((2, 3), value))
            archive.writestr(name, member.getvalue())
    message = r"x\.npz: it holds two arrays named 'x'; expected a name for each\. Save it again"
    with pytest.raises(gt.InputFileError, match=message):
        read_arrays(path)
    with pytest.raises(gt.InputFileError, match=message):
        gt.train("regression", steps=1, data=path)
    (tmp_path / "x.json").write_text(json.dumps({"schema": "gradtwin.case/1", "arrays": {}}))
    with pytest.raises(gt.InputFileError, match=message):
        read_case(tmp_path / "x.json")
    (tmp_path / "user.py").write_text("def f(x): return x\ndef g(x): return 0 * x + 1\n")
    assert main(["check", f"{tmp_path / 'user.py'}:f", "--derivative", "g", "--inputs", str(path), "--quiet"]) == 2
    with pytest.raises(gt.InputFileError, match=message):
        gt.Model(Network([Layer("matmul", {"x": (2, 3)})], "mse")).load_weights(path)


@pytest.mark.parametrize("nested", [False, True])
def test_pickles_are_not_loaded(tmp_path, nested):
    Harm.proof = str(tmp_path / "harm")
    array = np.array([Harm()], dtype=object)
    if nested:
        array = np.array([(1, Harm())], dtype=[("a", int), ("b", object)])
    np.savez(tmp_path / "x.npz", x=array)
    with pytest.raises(gt.InputFileError, match="pickled objects"):
        read_arrays(tmp_path / "x.npz")
    assert not (tmp_path / "harm").exists()
    with np.load(tmp_path / "x.npz", allow_pickle=True) as archive:
        archive["x"]
    assert (tmp_path / "harm").exists(), "it would have done harm"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({}), "not a readable .npz archive"),
        (b"", "not a readable .npz archive"),
        (b"PK\x05\x06" + bytes(18), None),
    ],
)
def test_other_files(tmp_path, content, message):
    (tmp_path / "x.npz").write_bytes(content)
    if message is None:
        assert read_arrays(tmp_path / "x.npz") == {}
        return
    with pytest.raises(gt.InputFileError, match=message):
        read_arrays(tmp_path / "x.npz")


def test_what_is_written_is_read_again(tmp_path):
    arrays = {"a": np.ones((2, 3), order="F"), "file": np.float32(2), "é/b.c": np.arange(3), "empty": np.ones((0, 4))}
    write_arrays(tmp_path / "x.npz", arrays)
    again = read_arrays(tmp_path / "x.npz")
    assert list(again) == list(arrays)
    assert all(np.array_equal(again[name], x) and again[name].dtype == x.dtype for name, x in arrays.items())
