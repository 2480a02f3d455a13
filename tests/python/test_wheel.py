"""`pip install .` into an environment that has nothing but torch and the build tool."""

import os
import pathlib
import subprocess
import sys
import venv

import pytest
import torch

CHECKOUT = pathlib.Path(__file__).parents[2]

MAKE_MODEL = 'import strata; strata.vit("fashion", depth=4).save("model")'


@pytest.mark.slow
def test_pip_install_in_a_clean_environment(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout

    venv.create(tmp_path / "clean", with_pip=True)
    bin_folder = tmp_path / "clean/bin"
    pip = [bin_folder / "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, f"torch=={torch.__version__}", "numpy", "scikit-build-core>=0.10")
    run(*pip, "--no-build-isolation", str(CHECKOUT))

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
