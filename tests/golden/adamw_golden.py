# Writes tests/golden/adamw.safetensors: what torch.optim.AdamW makes of three parameters over six steps with gradients of seed 16, the third without a
# gradient in steps 2 and 3 (counted from 1), and the factors of OneCycleLR. torch 2.13.0, float64; run as: python3 tests/golden/adamw_golden.py
import json
import struct

import torch

torch.manual_seed(16)
shapes = [(5, 3), (7,), (4, 2)]
params = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
tensors = {f"start.{i}": p.clone() for i, p in enumerate(params)}
params = [p.requires_grad_() for p in params]
optimiser = torch.optim.AdamW(
    [{"params": [params[0], params[2]], "weight_decay": 0.05}, {"params": [params[1]], "weight_decay": 0.0}], lr=4e-3, betas=(0.9, 0.99), eps=1e-8
)
for step in range(6):
    for i, p in enumerate(params):
        p.grad = None if i == 2 and step in (1, 2) else torch.randn(shapes[i], dtype=torch.float64)
        if p.grad is not None:
            tensors[f"grad.{step}.{i}"] = p.grad.clone()
    optimiser.step()
for i, p in enumerate(params):
    tensors[f"end.{i}"] = p.detach().clone()
    tensors[f"first.{i}"] = optimiser.state[p]["exp_avg"]
    tensors[f"second.{i}"] = optimiser.state[p]["exp_avg_sq"]

plain = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
cycle = torch.optim.lr_scheduler.OneCycleLR(plain, max_lr=1.0, total_steps=50, cycle_momentum=False)
factors = []
for step in range(50):
    factors.append(cycle.get_last_lr()[0])
    plain.step()
    if step < 49:
        cycle.step()
tensors["onecycle"] = torch.tensor(factors, dtype=torch.float64)

header, data = {}, b""
for name in sorted(tensors):
    value = tensors[name].contiguous()
    raw = struct.pack(f"<{value.numel()}d", *value.flatten().tolist())
    header[name] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open("tests/golden/adamw.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
