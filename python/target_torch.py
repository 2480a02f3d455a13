"""The torch a wheel is built for: the one in the environment it will be installed into, else the one we pin.

pip builds in an environment of its own, which hides the torch of the target; but it runs the target's interpreter, which
knows where its site-packages are. So a torch that is there is used where it lies, and only where there is none does the
build fetch one. LibTorch promises no binary compatibility between versions: the wheel requires the version it was
compiled against. pyproject.toml calls this as a provider of metadata; as a program it prints the folder of that torch.
"""

import importlib.metadata
import importlib.util
import pathlib
import sysconfig

PINNED = "2.13.0"
MINIMUM = (2, 8)


def in_target(folders=None):
    """(version without the local part, folder) of the torch in the target's site-packages, or None."""
    folders = folders or sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    for found in importlib.metadata.distributions(name="torch", path=folders):
        folder = pathlib.Path(found.locate_file("torch"))
        version = found.version.split("+")[0]
        if (folder / "lib/libtorch_cpu.so").exists() and tuple(map(int, version.split(".")[:2])) >= MINIMUM:
            return version, folder
    return None


def get_requires_for_dynamic_metadata(settings):
    """What the build environment needs."""
    return [] if in_target() else [f"torch=={PINNED}"]


def dynamic_metadata(settings, project):
    """What the wheel needs."""
    version, _ = in_target() or (PINNED, None)
    return {"dependencies": [f"torch=={version}"]}


def folder():
    target = in_target()
    if target:
        return target[1]
    spec = importlib.util.find_spec("torch")
    if not spec:
        raise SystemExit(f"expected torch in {sysconfig.get_path('purelib')} or in the build environment, found none; "
                         f"install torch {PINNED} there, or build with isolation")
    return spec.submodule_search_locations[0]


if __name__ == "__main__":
    print(folder())
