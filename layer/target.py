"""The target of a layer: a Python version and an architecture."""

from __future__ import annotations

from typing import NamedTuple, Self

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: Lambda's name of an architecture → the kernel's name.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
ELF_MACHINES = {"aarch64": 0xB7, "x86_64": 0x3E}


class BuildError(Exception):
    """The layer cannot be built, or must not be published."""


class Target(NamedTuple):
    """The Python version and architecture of a layer.

    Attributes:
        python: minor version, such as ``3.13``.
        architecture: Lambda's name, such as ``arm64``.
    """

    python: str
    architecture: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses ``3.13-arm64``."""
        target = cls(*text.partition("-")[::2])
        if target.python not in PYTHONS or target.architecture not in MACHINES:
            raise BuildError(f"{text!r} is not a layer. Choose from: {', '.join(map(str, ALL))}")
        return target

    def __str__(self) -> str:
        return f"{self.python}-{self.architecture}"

    @property
    def machine(self) -> str:
        """The machine's name in wheels and extension modules."""
        return MACHINES[self.architecture]

    @property
    def tag(self) -> str:
        """The interpreter's tag in file names: ``cpython-313``."""
        return f"cpython-{self.python.replace('.', '')}"

    @property
    def site(self) -> str:
        """The folder of the packages: first on the runtime's path, apart from layers with ``python/``."""
        return f"python/lib/python{self.python}/site-packages"

    @property
    def platforms(self) -> list[str]:
        """Wheel platforms that the runtime can load: python3.11 runs on glibc 2.26, later ones on 2.34."""
        newer = [] if self.python == "3.11" else [f"manylinux_2_28_{self.machine}"]
        return [*newer, f"manylinux_2_17_{self.machine}", f"manylinux2014_{self.machine}"]


ALL = [Target(python, architecture) for python in PYTHONS for architecture in MACHINES]
#: The layer of sam/template.yaml; a test compares them.
DEFAULT = Target("3.14", "arm64")
