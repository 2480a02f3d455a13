"""`pip install .`, as its users type it, into an environment that has nothing but pip."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import venv

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
TARGET_TORCH = CHECKOUT / "python/target_torch.py"

MAKE_MODEL = 'import strata; strata.vit("fashion", depth=4).save("model")'


@pytest.mark.slow
def test_pip_install_in_a_clean_environment(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")}

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout

    venv.create(tmp_path / "clean", with_pip=True)
    bin_folder = tmp_path / "clean/bin"
    run(bin_folder / "pip", "install", "--quiet", "--disable-pip-version-check", str(CHECKOUT))

    run(bin_folder / "python", "-c", MAKE_MODEL)
    example = (CHECKOUT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    run(bin_folder / "python", "-c", example)
    where = run(bin_folder / "python", "-c", "import strata; print(strata.__file__)")
    assert where.startswith(str(tmp_path / "clean"))
    assert "usage" in run(bin_folder / "strata", "--help").lower()
    assert "fashion/layershuffle" in run(bin_folder / "strata", "recipes")
    assert "vit" in run(bin_folder / "strata", "inspect", "model")
    assert "2.13" in run(bin_folder / "strata", "doctor")
    for library in (tmp_path / "clean/lib").glob("python*/site-packages/strata/*.so"):
        assert "not found" not in run("ldd", library)
    assert sys.prefix not in run("readelf", "-d", *(tmp_path / "clean/lib").glob("python*/site-packages/strata/*.so"))

    # A second build would be for the torch that is there now, and fetch none.
    assert run(bin_folder / "python", TARGET_TORCH).startswith(str(tmp_path / "clean"))


def target_torch():
    spec = importlib.util.spec_from_file_location("target_torch", TARGET_TORCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def site_packages(path, version):
    """A folder that looks as if this torch had been installed into it."""
    (path / "torch/lib").mkdir(parents=True)
    (path / "torch/lib/libtorch_cpu.so").touch()
    metadata = path / f"torch-{version}.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    return path


@pytest.mark.parametrize("version, public", [("2.13.0+cpu", "2.13.0"), ("2.9.1+cu128", "2.9.1"), ("2.15.0.dev20261101", "2.15.0.dev20261101")])
def test_a_wheel_is_for_the_torch_that_is_there(tmp_path, monkeypatch, version, public):
    folder = site_packages(tmp_path, version)
    module = target_torch()
    assert module.in_target([str(folder)]) == (public, folder / "torch")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(folder))
    assert module.get_requires_for_dynamic_metadata({}) == []
    assert module.dynamic_metadata({}, {}) == {"dependencies": [f"torch=={public}"]}


def test_a_wheel_is_for_the_pinned_torch_where_there_is_none(tmp_path, monkeypatch):
    module = target_torch()
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path / "nothing"))
    assert module.get_requires_for_dynamic_metadata({}) == ["torch==2.13.0"]
    assert module.dynamic_metadata({}, {}) == {"dependencies": ["torch==2.13.0"]}
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(site_packages(tmp_path / "old", "2.7.1")) if name == "purelib" else str(tmp_path / "old"))
    assert module.get_requires_for_dynamic_metadata({}) == ["torch==2.13.0"]  # too old to build for: replaced


def test_the_pinned_torch_is_the_same_everywhere():
    module = target_torch()
    setup = (CHECKOUT / "scripts/setup.sh").read_text()
    assert f"torch_version={module.PINNED}" in setup
    assert f"torch_minimum={'.'.join(map(str, module.MINIMUM))}\n" in setup
