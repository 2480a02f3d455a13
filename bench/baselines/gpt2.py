#!/usr/bin/env python3
"""The strongest PyTorch training step of a GPT-2-small-shaped model that we know how to write, as the baseline of our own.

    .venv/bin/python bench/baselines/gpt2.py --batch 2           # 2 x 256 tokens, eager and compiled
    .venv/bin/python bench/baselines/gpt2.py --mode eager --profile

The step is forward, cross-entropy over the vocabulary, backward, clipping and fused AdamW, on one batch; head and embedding are one table.
Prints one JSON object per mode: milliseconds of a step, and the peak of the process above what it held before the model was made (of the
modes together, where several are asked for).
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
    "gpt2": {"width": 768, "heads": 12, "mlp": 3072, "blocks": 12, "vocab": 50257, "context": 1024, "length": 256, "batch": 2},
    "bytes": {"width": 64, "heads": 4, "mlp": 256, "blocks": 6, "vocab": 256, "context": 256, "length": 48, "batch": 8},
}


class Block(nn.Module):
    """Pre-norm causal transformer block on [batch, tokens, width]."""

    def __init__(self, width: int, heads: int, mlp: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, mlp), nn.Linear(mlp, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.proj(mixed)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, args: argparse.Namespace):
        super().__init__()
        self.tokens = nn.Embedding(args.vocab, args.width)
        self.positions = nn.Embedding(args.context, args.width)
        self.blocks = nn.ModuleList(Block(args.width, args.heads, args.mlp) for _ in range(args.blocks))
        self.norm = nn.LayerNorm(args.width)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


class Trainer:
    """One model, one optimiser, one way to run the step."""

    def __init__(self, args: argparse.Namespace, mode: str):
        torch.manual_seed(0)
        self.model = Gpt2(args)
        ids = torch.randint(args.vocab, (args.batch, args.length + 1))
        self.ids, self.targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
        decay = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)
        self.loss = self.loss_of if mode == "eager" else torch.compile(self.loss_of)

    def loss_of(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.model(ids).flatten(0, 1), targets.flatten())

    def step(self) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.ids, self.targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=True)
        self.optimizer.step()
        return loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="gpt2", help="the shape that the options below start from")
    for name in ("width", "heads", "mlp", "blocks", "vocab", "context", "length", "batch"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--mode", nargs="+", choices=("eager", "compile"), default=["eager", "compile"])
    parser.add_argument("--steps", type=int, default=4, help="steps per repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-memory", action=argparse.BooleanOptionalAction, default=True, help="tune malloc to keep large blocks")
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
        trainers[args.mode[0]].step()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as result:
            trainers[args.mode[0]].step()
        print(result.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))
        return
    times: dict[str, list[float]] = {mode: [] for mode in args.mode}
    for trainer in trainers.values():
        for _ in range(2):
            trainer.step()

    def turn(mode: str) -> float:
        """Median milliseconds of some steps."""
        start = len(times[mode])
        for _ in range(args.steps):
            begin = time.perf_counter()
            trainers[mode].step()
            times[mode].append(1000 * (time.perf_counter() - begin))
        return statistics.median(times[mode][start:])

    if args.on_request:
        answer(lambda: {"median_ms": turn(args.mode[0]), "peak_mib": round(peak() - before)})
        return
    for _ in range(args.repetitions):
        for mode in trainers:
            turn(mode)
    for mode, values in times.items():
        print(json.dumps({"mode": mode, "model": args.model, "batch": args.batch, "length": args.length, "threads": args.threads,
                          "torch": torch.__version__, "median_ms": round(statistics.median(values), 3), "min_ms": round(min(values), 3),
                          "max_ms": round(max(values), 3), "peak_mib": round(peak() - before), "steps": len(values)}))


if __name__ == "__main__":
    main()
