#!/usr/bin/env python3
"""The strongest PyTorch training step of a small vision transformer that we know how to write, as the baseline of our own.

    .venv/bin/python bench/baselines/fashion_vit.py                        # Fashion-MNIST model, batch 256, eager and compiled
    .venv/bin/python bench/baselines/fashion_vit.py --model vit_ti         # ViT-Ti/16 at 224, batch 16
    .venv/bin/python bench/baselines/fashion_vit.py --mode eager --profile # where eager's time goes

    .venv/bin/python bench/baselines/fashion_vit.py --forward              # without loss, backward and optimiser

Every mode runs the same step (forward, loss, backward, clipping, AdamW) on the same batch; repetitions of the modes are interleaved, so
that a slow minute of the machine hits all of them. Prints one JSON object per line.
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")
# Keep freed blocks instead of handing them back to the kernel, which would fault them in again at every step.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "2147483648", "MALLOC_TOP_PAD_": "67108864"}

import torch
import torch.nn.functional as F
from torch import nn
from turns import answer, peak

SHAPES = {
    "fashion": {"image": 28, "patch": 7, "colours": 1, "width": 48, "heads": 3, "mlp": 96, "blocks": 6, "classes": 10, "batch": 256},
    "vit_ti": {"image": 224, "patch": 16, "colours": 3, "width": 192, "heads": 3, "mlp": 768, "blocks": 12, "classes": 1000, "batch": 16},
}


class Block(nn.Module):
    """Pre-norm transformer block on [batch, tokens, width]."""

    def __init__(self, width: int, heads: int, mlp: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, mlp), nn.Linear(mlp, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.proj(mixed)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class VisionTransformer(nn.Module):
    def __init__(self, args: argparse.Namespace):
        super().__init__()
        self.patch = args.patch
        patches = (args.image // args.patch) ** 2
        self.embed = nn.Linear(args.colours * args.patch**2, args.width)
        self.token = nn.Parameter(torch.zeros(1, 1, args.width))
        self.position = nn.Parameter(0.02 * torch.randn(1, args.tokens or patches + 1, args.width))
        self.blocks = nn.ModuleList(Block(args.width, args.heads, args.mlp) for _ in range(args.blocks))
        self.norm = nn.LayerNorm(args.width)
        self.head = nn.Linear(args.width, args.classes)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.token.expand(len(patches), -1, -1), self.embed(patches)], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))


class Trainer:
    """One model, one optimiser, one way to run the step."""

    def __init__(self, args: argparse.Namespace, mode: str):
        torch.manual_seed(0)
        self.model = VisionTransformer(args)
        self.clip = args.clip
        tokens = args.tokens - 1 if args.tokens else (args.image // args.patch) ** 2
        self.patches = torch.randn(args.batch, tokens, args.colours * args.patch**2)
        self.targets = torch.randint(args.classes, (args.batch,))
        decay = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=args.optimizer == "fused", foreach=args.optimizer == "foreach")
        self.loss = self.loss_of
        if mode != "eager":
            self.loss = torch.compile(self.loss_of, mode=None if mode == "compile" else "max-autotune")
        self.forward_only = args.forward
        if args.forward:
            self.model.eval()
            self.run = self.model if mode == "eager" else torch.compile(self.model, mode=None if mode == "compile" else "max-autotune")

    def loss_of(self, patches: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.model(patches), targets, label_smoothing=0.1)

    def step(self) -> float:
        if self.forward_only:
            with torch.inference_mode():
                return float(self.run(self.patches)[0, 0])
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.patches, self.targets)
        loss.backward()
        if self.clip > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip, foreach=True)
        self.optimizer.step()
        return loss.item()


# Operators of the profile that multiply matrices, and those inside attention that do.
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "mkldnn_linear")


def profile(trainer: Trainer, steps: int) -> dict:
    for _ in range(5):
        trainer.step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as result:
        for _ in range(steps):
            trainer.step()
    averages = sorted(result.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in averages)
    shares = {e.key: round(e.self_cpu_time_total / total, 4) for e in averages[:24]}
    products = sum(e.self_cpu_time_total for e in averages if e.key in PRODUCTS) / total
    return {"ms_per_step": total / 1000 / steps, "matrix_products": round(products, 4), "shares": shares}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="fashion", help="the shape that the options below start from")
    for name in ("image", "patch", "colours", "width", "heads", "mlp", "blocks", "classes", "batch"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--tokens", type=int, default=0, help="tokens per image with the class token (default: from image and patch)")
    parser.add_argument("--clip", type=float, default=1.0, help="largest gradient norm; 0: no clipping")
    parser.add_argument("--optimizer", choices=("fused", "foreach"), default="fused")
    parser.add_argument("--mode", nargs="+", choices=("eager", "compile", "max-autotune"), default=["eager", "compile"])
    parser.add_argument("--steps", type=int, default=20, help="steps per repetition")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-memory", action=argparse.BooleanOptionalAction, default=True, help="tune malloc to keep large blocks")
    parser.add_argument("--forward", action="store_true", help="the forward pass alone")
    parser.add_argument("--on-request", action="store_true", help="steps of one mode for every line of the input, and one line back")
    parser.add_argument("--profile", action="store_true", help="profile the first mode instead of timing")
    args = parser.parse_args()
    for name, value in SHAPES[args.model].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.keep_memory and any(name not in os.environ for name in MALLOC):
        os.environ.update(MALLOC)  # read when the process starts
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)

    before = peak()
    trainers = {mode: Trainer(args, mode) for mode in args.mode}
    if args.profile:
        print(json.dumps({"mode": args.mode[0], "profile": profile(trainers[args.mode[0]], args.steps)}))
        return
    times: dict[str, list[float]] = {mode: [] for mode in args.mode}
    cpu: dict[str, list[float]] = {mode: [] for mode in args.mode}  # of all threads; steadier than the clock on a busy machine
    for trainer in trainers.values():
        for _ in range(5):
            trainer.step()

    def turn(mode: str) -> float:
        """Median milliseconds of some steps."""
        start = len(times[mode])
        for _ in range(args.steps):
            begin, cpu_begin = time.perf_counter(), time.process_time()
            trainers[mode].step()
            times[mode].append(1000 * (time.perf_counter() - begin))
            cpu[mode].append(1000 * (time.process_time() - cpu_begin))
        return statistics.median(times[mode][start:])

    if args.on_request:
        answer(lambda: {"median_ms": turn(args.mode[0]), "peak_mib": round(peak() - before)})
        return
    for _ in range(args.repetitions):
        for mode in trainers:
            turn(mode)
    shape = {name: getattr(args, name) for name in ("batch", "width", "heads", "mlp", "blocks", "classes")}
    for mode, values in times.items():
        print(json.dumps({"mode": mode, "model": args.model, **shape, "tokens": trainers[mode].model.position.shape[1], "threads": args.threads,
                          "torch": torch.__version__, "median_ms": round(statistics.median(values), 3), "min_ms": round(min(values), 3),
                          "max_ms": round(max(values), 3), "median_cpu_ms": round(statistics.median(cpu[mode]), 3), "steps": len(values), "loss": round(trainers[mode].step(), 5)}))


if __name__ == "__main__":
    main()
