"""Neural networks whose layers can be skipped, reordered, run side by side and exited early.

    import strata
    model = strata.open("folder")                  # ours, or a ViT or language model saved by transformers
    logits = model(pixels, route="0-3,8-11")

Importing this also registers the operators torch.ops.strata.*.
"""
import torch  # noqa: F401  its libraries must be loaded before ours

from . import _engine
from ._engine import Draw, Error, Model, Route, Sampler, UsageError, composite, language, language_sizes, vit, vit_sizes
from ._engine import open_model as open  # noqa: A004

__version__: str = _engine.version
__all__ = ["Draw", "Error", "Model", "Route", "Sampler", "UsageError", "composite", "language", "language_sizes", "open", "vit",
           "vit_sizes"]
