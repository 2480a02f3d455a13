"""Writes vit.safetensors: a small vision transformer in plain PyTorch 2.13, its logits, loss and gradients, and three steps of AdamW.

    python tests/golden/vit.py tests/golden        (needs torch and safetensors)

Tensors (T is float32 or float64; both start from the same float32 numbers):
    weight.NAME          parameters under Strata's names
    pixels, labels       one batch
    logits.T, loss.T     loss with label smoothing 0.1
    grad.T.NAME          gradient of that loss
    adamw.losses.T       the loss before each of 3 steps of AdamW and after the last, on the same batch
    adamw.weight.NAME    float64 parameters after the 3 steps
Metadata: sizes and AdamW's settings. Weight decay applies to tensors whose name ends in .weight and that are no gain of a norm.
"""
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

IMAGE, PATCH, INPUTS, CHANNELS, DEPTH, HEADS, HIDDEN, CLASSES = 8, 4, 2, 12, 3, 3, 20, 5
EPS, SMOOTHING = 1e-6, 0.1
RATE, BETAS, ADAM_EPS, DECAY, STEPS = 1e-2, (0.9, 0.999), 1e-8, 0.05, 3


def shapes():
    yield "embed.projection.weight", (CHANNELS, INPUTS, PATCH, PATCH)
    yield "embed.projection.bias", (CHANNELS,)
    yield "embed.class_token", (CHANNELS,)
    yield "embed.positions", (1 + (IMAGE // PATCH) ** 2, CHANNELS)
    for i in range(DEPTH):
        yield f"blocks.{i}.mixer.norm.weight", (CHANNELS,)
        yield f"blocks.{i}.mixer.norm.bias", (CHANNELS,)
        yield f"blocks.{i}.mixer.qkv.weight", (3 * CHANNELS, CHANNELS)
        yield f"blocks.{i}.mixer.qkv.bias", (3 * CHANNELS,)
        yield f"blocks.{i}.mixer.out.weight", (CHANNELS, CHANNELS)
        yield f"blocks.{i}.mixer.out.bias", (CHANNELS,)
        yield f"blocks.{i}.ffn.norm.weight", (CHANNELS,)
        yield f"blocks.{i}.ffn.norm.bias", (CHANNELS,)
        yield f"blocks.{i}.ffn.up.weight", (HIDDEN, CHANNELS)
        yield f"blocks.{i}.ffn.up.bias", (HIDDEN,)
        yield f"blocks.{i}.ffn.down.weight", (CHANNELS, HIDDEN)
        yield f"blocks.{i}.ffn.down.bias", (CHANNELS,)
    yield "norm.weight", (CHANNELS,)
    yield "norm.bias", (CHANNELS,)
    yield "head.weight", (CLASSES, CHANNELS)
    yield "head.bias", (CLASSES,)


def start(name, shape, generator):
    """Large enough that logits have a standard deviation near 1 and no gradient vanishes."""
    noise = torch.randn(shape, generator=generator)
    if is_gain(name):
        return 1 + 0.2 * noise
    return noise * (0.3 if len(shape) > 1 else 0.2)


def is_gain(name):
    return name.endswith("norm.weight")


def forward(w, pixels):
    x = F.conv2d(pixels, w["embed.projection.weight"], w["embed.projection.bias"], stride=PATCH).flatten(2).transpose(1, 2)
    x = torch.cat([w["embed.class_token"].expand(len(x), 1, CHANNELS), x], 1) + w["embed.positions"]
    for i in range(DEPTH):
        def linear(x, name):
            return F.linear(x, w[f"blocks.{i}.{name}.weight"], w[f"blocks.{i}.{name}.bias"])

        def norm(x, name):
            return F.layer_norm(x, (CHANNELS,), w[f"blocks.{i}.{name}.weight"], w[f"blocks.{i}.{name}.bias"], EPS)

        q, k, v = (t.unflatten(2, (HEADS, -1)).transpose(1, 2) for t in linear(norm(x, "mixer.norm"), "mixer.qkv").chunk(3, 2))
        x = x + linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), "mixer.out")
        x = x + linear(F.gelu(linear(norm(x, "ffn.norm"), "ffn.up")), "ffn.down")
    return F.linear(F.layer_norm(x, (CHANNELS,), w["norm.weight"], w["norm.bias"], EPS)[:, 0], w["head.weight"], w["head.bias"])


def main(folder):
    generator = torch.Generator().manual_seed(11)
    weights = {name: start(name, shape, generator) for name, shape in shapes()}
    pixels = torch.randn((4, INPUTS, IMAGE, IMAGE), generator=generator)
    labels = torch.tensor([0, 3, 1, 4])
    out = {"pixels": pixels, "labels": labels} | {f"weight.{name}": value for name, value in weights.items()}
    for dtype in (torch.float32, torch.float64):
        kind = str(dtype).removeprefix("torch.")
        w = {name: value.to(dtype, copy=True).requires_grad_() for name, value in weights.items()}

        def loss_of():
            logits = forward(w, pixels.to(dtype))
            return logits, F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)

        logits, loss = loss_of()
        loss.backward()
        out |= {f"logits.{kind}": logits.detach(), f"loss.{kind}": loss.detach()}
        out |= {f"grad.{kind}.{name}": value.grad.clone() for name, value in w.items()}

        decayed = [value for name, value in w.items() if name.endswith(".weight") and not is_gain(name)]
        others = [value for name, value in w.items() if not name.endswith(".weight") or is_gain(name)]
        optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0}], lr=RATE, betas=BETAS, eps=ADAM_EPS)
        losses = []
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = loss_of()[1]
            loss.backward()
            losses.append(loss.detach())
            optimiser.step()
        losses.append(loss_of()[1].detach())
        out[f"adamw.losses.{kind}"] = torch.stack(losses)
        if dtype == torch.float64:
            out |= {f"adamw.weight.{name}": value.detach() for name, value in w.items()}
    # One key: the reference writer keeps several in no fixed order.
    note = (f"torch {torch.__version__.split('+')[0]}; image {IMAGE}, patch {PATCH}, image channels {INPUTS}, channels {CHANNELS}, depth {DEPTH}, heads {HEADS}, "
            f"hidden {HIDDEN}, classes {CLASSES}, eps {EPS}, smoothing {SMOOTHING}; AdamW rate {RATE}, betas {BETAS}, eps {ADAM_EPS}, decay {DECAY}, steps {STEPS}")
    save_file({name: value.contiguous() for name, value in out.items()}, folder / "vit.safetensors", metadata={"made_by": note})
    print(f"logits std {logits.std():.2f}, losses {out['adamw.losses.float64'].tolist()}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(pathlib.Path(sys.argv[1]))
