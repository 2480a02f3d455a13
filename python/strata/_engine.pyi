from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from torch import Tensor

version: str

class Error(RuntimeError):
    """What a file holds or a call asks for is wrong."""

class UsageError(Error, ValueError):
    """An argument is wrong."""

class Route:
    """The plan of one pass through a stack, as a value: "0-3,8-11"."""

    def __init__(self, text: str | Sequence[int]) -> None: ...
    @staticmethod
    def identity(blocks: int) -> Route:
        """Blocks 0 .. blocks-1 in order."""
    @staticmethod
    def random_orders(blocks: int, count: int, seed: int = 0) -> list[Route]:
        """Independent random orders of all blocks."""
    @property
    def steps(self) -> list[str]:
        """The steps as text, each a route of its own."""
    def prefix(self, steps: int) -> Route:
        """The first steps."""
    def kendall_tau(self) -> float:
        """Fraction of pairs out of order: 0 in order, 1 reversed."""
    def cost(self) -> float:
        """Calls in all; Model.cost counts parts of blocks as what they are."""
    def __len__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...

class Draw:
    """What a sampler drew for one batch; models take it as a route."""

    @property
    def route(self) -> Route: ...
    @property
    def live(self) -> list[list[int]]:
        """[step][sample] 1 where that sample runs that step; empty: all do."""

class Sampler:
    """Draws a route for every training step (LayerShuffle, LayerDrop); docs/elasticity.md lists the settings."""

    def __init__(self, blocks: int, kind: str = "shuffle", seed: int = 0, **settings: Any) -> None: ...
    def draw(self, step: int, samples: int = 1) -> Draw: ...
    @property
    def config(self) -> dict[str, Any]: ...

class Model:
    """A checkpoint in memory."""

    def __call__(self, input: Tensor, route: Draw | Route | str | Sequence[int] | None = None) -> Tensor:
        """pixels [batch, channels, height, width], normalised -> logits [batch, classes], or
        tokens [batch, time] -> logits [batch, time, vocab]."""
    def run(
        self,
        input: Tensor,
        route: Draw | Route | str | Sequence[int] | None = None,
        taps: Sequence[str] = (),
        sources: Mapping[str, Model] = {},
        training: bool = False,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The same, and the taps by name."""
    def cost(self, route: Draw | Route | str | Sequence[int] | None = None, sources: Mapping[str, Model] = {}) -> float:
        """Block passes of a route that fits this model."""
    def save(self, folder: str | PathLike[str]) -> None:
        """Writes the folder that strata.open and transformers read, whole or not at all."""
    def parameters(self) -> list[Tensor]:
        """The trained weights, for a PyTorch optimiser."""
    @property
    def weights(self) -> dict[str, Tensor]:
        """All weights by name: the tensors the model computes with, not copies."""
    @property
    def depth(self) -> int: ...
    @property
    def route(self) -> Route:
        """All blocks in order."""
    @property
    def config(self) -> dict[str, Any]: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def pixel_mean(self) -> list[float]: ...
    @property
    def pixel_std(self) -> list[float]: ...

class composite:
    """with strata.composite(): operators of this thread run as plain PyTorch calls, differentiable to any order."""

    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

def open_model(folder: str | PathLike[str]) -> Model:
    """Opens a folder saved here or by transformers (a ViTForImageClassification, llama, mistral, qwen2, qwen3, gpt2,
    gpt_neox, opt), or a model of that name in the local Hugging Face cache."""

def vit(size: str = "fashion", seed: int = 0, **sizes: Any) -> Model:
    """A vision transformer with fresh weights; sizes replace those of the named size (depth=4, classes=3, ...)."""

def vit_sizes() -> list[str]:
    """Names of the sizes that vit() knows."""

def language(size: str = "bytes", seed: int = 0, **sizes: Any) -> Model:
    """A language model with fresh weights; sizes replace those of the named size (depth=4, vocab=1000, ...)."""

def language_sizes() -> list[str]:
    """Names of the sizes that language() knows."""
