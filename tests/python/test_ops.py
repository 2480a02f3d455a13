"""Every operator of torch.ops.strata against PyTorch's own: values, gradients, what compile and export make of it."""

import math
import pathlib
import re
from dataclasses import dataclass
from typing import Callable

import pytest
import strata
import torch
import torch.nn.functional as F

ops = torch.ops.strata


def swiglu(x):
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


def self_attention(qkv, heads, causal=False):
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2)


def ragged_attention(qkv, heads, causal, offsets):
    pieces = zip(offsets[:-1], offsets[1:], strict=True)
    return torch.cat([self_attention(qkv[a:b][None], heads, causal)[0] for a, b in pieces])


def activation(x, kind):
    return {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "relu": F.relu, "silu": F.silu,
            "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x)}[kind](x)


def gated(x, kind):
    gate, up = x.chunk(2, -1)
    return activation(gate, kind) * up


def attention(q, k, v, heads, causal=False, window=0):
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    age = torch.arange(k.size(2) - q.size(2), k.size(2))[:, None] - torch.arange(k.size(2))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
    assert causal or window == 0
    if causal:
        scores = scores.masked_fill((age < 0) | ((age >= window) & (window > 0)), -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2)


def rotate(x, heads, cosine, sine):
    """As complex numbers: channels i and i + pairs of a head are one."""
    pairs = cosine.size(-1)
    x = x.unflatten(-1, (heads, -1))
    turned = torch.complex(x[..., :pairs], x[..., pairs:2 * pairs]) * torch.complex(cosine, sine)[..., None, :].to(x.dtype.to_complex())
    return torch.cat([turned.real, turned.imag, x[..., 2 * pairs:]], -1).flatten(-2)


def norm(x, weight, bias, eps):
    return F.rms_norm(x, x.shape[-1:], weight, eps) if bias is None else F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def pre_norm_mlp(x, weight, bias, up, up_bias, down, down_bias, eps=1e-5, act="gelu", add_input=False):
    hidden = F.linear(norm(x, weight, bias, eps), up, up_bias)
    return F.linear(swiglu(hidden) if act == "swiglu" else activation(hidden, act), down, down_bias) + (x if add_input else 0)


def pre_norm_attention(x, weight, bias, qkv, qkv_bias, out, out_bias, heads, eps=1e-5, causal=False, offsets=None,
                       add_input=False):
    packed = F.linear(norm(x, weight, bias, eps), qkv, qkv_bias)
    mixed = self_attention(packed, heads, causal) if offsets is None else ragged_attention(packed, heads, causal, offsets)
    return F.linear(mixed, out, out_bias) + (x if add_input else 0)


def cross_entropy(logits, targets, smoothing=0.0):
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), label_smoothing=smoothing)


def linear_cross_entropy(x, weight, bias, targets, row_weights=None, smoothing=0.0, reduction="mean"):
    targets = targets.flatten()
    losses = F.cross_entropy(F.linear(x, weight, bias).flatten(0, -2), targets, label_smoothing=smoothing, reduction="none")
    counts = (targets != -100) * (1 if row_weights is None else row_weights.flatten().to(losses.dtype))
    losses = losses * counts
    return {"none": losses.view(x.shape[:-1]), "sum": losses.sum(), "mean": losses.sum() / counts.sum()}[reduction]


@dataclass
class Case:
    """One operator on one layout: shapes of the differentiable inputs, what follows them, PyTorch's own version."""

    name: str
    op: Callable
    reference: Callable
    shapes: tuple
    rest: tuple = ()
    operators: int = 1  # that it consists of: each rounds to 16 bits where numbers have so many

    def inputs(self, dtype=torch.float32):
        torch.manual_seed(3)
        return [shape and torch.randn(shape).to(dtype).requires_grad_() for shape in self.shapes]


def norm_case(shape):
    channels = shape[-1:]
    return Case(f"layer_norm{list(shape)}", ops.layer_norm.default,
                lambda x, w, b, eps: F.layer_norm(x, x.shape[-1:], w, b, eps), (shape, channels, channels), (1e-5,))


def rms_case(shape):
    return Case(f"rms_norm{list(shape)}", ops.rms_norm.default,
                lambda x, w, eps: F.rms_norm(x, x.shape[-1:], w, eps), (shape, shape[-1:]), (1e-5,))


def sublayer_shapes(shape, first, second, biases):
    """x, norm's gain and bias, weight and bias of two linear layers; None where there is no bias."""
    channels = shape[-1]
    vectors = (channels,), (first,), (channels,)
    norm_bias, first_bias, second_bias = vectors if biases else (None, None, None)
    return shape, (channels,), norm_bias, (first, channels), first_bias, (channels, second), second_bias


def pre_norm_mlp_case(shape, biases, act, add_input):
    return Case(f"pre_norm_mlp{list(shape)} biases={biases} {act} add={add_input}", ops.pre_norm_mlp.default,
                pre_norm_mlp, sublayer_shapes(shape, 40 if act == "swiglu" else 20, 20, biases), (1e-5, act, add_input), 4)


def pre_norm_attention_case(shape, biases, causal, offsets, add_input):
    name = f"pre_norm_attention{list(shape)} biases={biases} causal={causal} add={add_input}"
    return Case(name, ops.pre_norm_attention.default, pre_norm_attention,
                sublayer_shapes(shape, 3 * shape[-1], shape[-1], biases), (3, 1e-5, causal, offsets, add_input), 4)


OFFSETS = torch.tensor([0, 5, 6, 6, 15])
torch.manual_seed(5)
ANGLES = torch.randn(7, 5)
TARGETS = torch.randint(11, (3, 7))
SOME_IGNORED = TARGETS.where(TARGETS != 2, -100)
ROW_WEIGHTS = torch.rand(3, 7)
CASES = [
    *(norm_case(shape) for shape in [(5, 7), (33, 48), (2, 3, 65), (9,), (1, 17)]),
    *(rms_case(shape) for shape in [(5, 7), (33, 48), (2, 3, 65), (9,), (1, 17)]),
    *(Case(f"gelu{list(shape)}", ops.gelu.default, F.gelu, (shape,)) for shape in [(5, 7), (2, 3, 65), (9,), (0, 4)]),
    *(Case(f"gelu_tanh{list(shape)}", ops.gelu_tanh.default, lambda x: F.gelu(x, approximate="tanh"), (shape,))
      for shape in [(5, 7), (2, 3, 65), (9,), (0, 4)]),
    *(Case(f"swiglu{list(shape)}", ops.swiglu.default, swiglu, (shape,)) for shape in [(5, 6), (2, 3, 130), (10,)]),
    *(Case(f"linear{list(shape)}", ops.linear.default, F.linear, (shape, (31, shape[-1]), (31,)))
      for shape in [(5, 7), (2, 3, 65), (200, 48)]),
    *(Case(f"self_attention{list(shape)} causal={causal}", ops.self_attention.default, self_attention, (shape,),
           (3, causal)) for shape in [(3, 17, 144), (1, 70, 63), (2, 1, 9)] for causal in (False, True)),
    *(Case(f"self_attention ragged causal={causal}", ops.self_attention.default, ragged_attention, ((15, 72),),
           (3, causal, OFFSETS)) for causal in (False, True)),
    *(Case(f"{op.default._opname} {kind}", op.default, reference, ((3, 5, 8),), (kind,))
      for op, reference, fused in ((ops.activation, activation, "gelu"), (ops.gated, gated, "silu"))  # the last of each
      for kind in sorted(("gelu", "gelu_tanh", "quick_gelu", "relu", "silu"), key=lambda kind: kind == fused)),
    *(Case(f"attention{list(q)}{list(k)} {rest}", ops.attention.default, attention, (q, k, k), rest)
      for q, k in (((2, 5, 12), (2, 5, 12)), ((1, 3, 12), (1, 7, 12))) for rest in ((3, False), (3, True), (2, True, 2))),
    *(Case(f"rotate{list(shape)} {pairs}", ops.rotate.default, rotate, (shape,),
           (2, ANGLES[:shape[0], :pairs].cos(), ANGLES[:shape[0], :pairs].sin())) for shape, pairs in [((5, 12), 2), ((7, 20), 5)]),
    *(pre_norm_mlp_case(*each) for each in [((5, 8), True, "gelu", True), ((2, 3, 8), False, "swiglu", False),
                                            ((1100, 8), True, "swiglu", False), ((70, 8), False, "gelu_tanh", True),
                                            ((0, 8), True, "gelu", True)]),
    *(pre_norm_attention_case(*each) for each in [
        ((3, 17, 12), True, False, None, False), ((2, 5, 12), False, True, None, True),
        ((15, 12), True, True, OFFSETS, True), ((0, 5, 12), True, False, None, True)]),
    *(Case(f"cross_entropy {smoothing} ignored={ignored}", ops.cross_entropy.default, cross_entropy, ((3, 7, 11),),
           (SOME_IGNORED if ignored else TARGETS, smoothing)) for smoothing in (0.0, 0.1) for ignored in (False, True)),
    *(Case(f"linear_cross_entropy {reduction} {smoothing} weighted={weights is not None}", ops.linear_cross_entropy.default,
           linear_cross_entropy, ((3, 7, 5), (11, 5), (11,)), (SOME_IGNORED, weights, smoothing, reduction))
      for reduction in ("mean", "sum", "none") for smoothing, weights in ((0.0, None), (0.1, ROW_WEIGHTS))),
]
BY_OP = list({case.op: case for case in CASES}.values())  # one of each
case_of_any = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
case_of_each_op = pytest.mark.parametrize("case", BY_OP, ids=lambda case: case.name)


def present(inputs):
    return [x for x in inputs if x is not None]


def gradients(case, function, inputs, scale=1.0):
    y = function(*inputs, *case.rest)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(9)).to(y.dtype)
    return y, torch.autograd.grad(y, present(inputs), upstream * scale)


def close(got, want, tolerance):
    scale = max(1e-2, want.detach().abs().max().item()) if want.numel() else 1.0
    torch.testing.assert_close(got.double(), want.double(), rtol=0, atol=tolerance * scale)


@case_of_any
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-12), (torch.bfloat16, 2e-2)],
                         ids=["float32", "float64", "bfloat16"])
def test_values_and_gradients(case, dtype, tolerance):
    tolerance *= case.operators
    inputs = case.inputs(dtype)
    exact = [x if x is None else x.detach().double().requires_grad_() for x in inputs]
    got, got_gradients = gradients(case, case.op, inputs)
    want, want_gradients = gradients(case, case.reference, exact)
    assert got.dtype == dtype and got.shape == want.shape
    close(got, want, tolerance)
    for got_gradient, want_gradient in zip(got_gradients, want_gradients, strict=True):
        close(got_gradient, want_gradient, 2 * tolerance)


@case_of_any
def test_not_contiguous(case):
    """Inputs and upstream gradients with strides of another order, and with gaps."""
    inputs = case.inputs()
    strided = []
    for x in inputs:
        if x is None:
            strided.append(None)
            continue
        gaps = torch.zeros(*x.shape, 2).transpose(0, -2).contiguous().transpose(0, -2)[..., 1]
        strided.append(gaps.copy_(x).detach().requires_grad_())
    want, want_gradients = gradients(case, case.op, inputs)
    y = case.op(*strided, *case.rest)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    gaps = torch.zeros(*y.shape, 2)[..., 0]
    got_gradients = torch.autograd.grad(y, present(strided), gaps.copy_(upstream))
    torch.testing.assert_close(y, want)
    for got_gradient, want_gradient in zip(got_gradients, want_gradients, strict=True):
        torch.testing.assert_close(got_gradient, want_gradient)


@case_of_each_op
def test_second_derivative(case):
    """A fused operator declares one derivative and throws for more; as a composite it has them all."""

    def second(inputs, function):
        first = torch.autograd.grad(function(*inputs, *case.rest).square().sum(), inputs[0], create_graph=True)[0]
        return torch.autograd.grad(first.square().sum(), inputs[0])[0]

    inputs = case.inputs()
    want = second([x if x is None else x.detach().double().requires_grad_() for x in inputs], case.reference)
    if case.op not in (ops.linear.default, ops.attention.default, ops.rotate.default):  # plain ATen
        with pytest.raises(RuntimeError, match="differentiated once"):
            second(inputs, case.op)
    with strata.composite():
        close(second(inputs, case.op), want, 1e-4)


@case_of_any
def test_opcheck(case):
    torch.library.opcheck(case.op, (*case.inputs(), *case.rest))


def raw_cases():
    torch.manual_seed(4)
    x, w, rows = torch.randn(5, 6), torch.randn(6), torch.randn(5)
    qkv = torch.randn(2, 5, 24)
    out, lse = ops._self_attention(qkv, 2, None, True)
    square, wide = torch.randn(6, 6), torch.randn(18, 6)
    mlp, attention = [w, w, square, w, square, w], [w, None, wide, None, square, None]
    sequences, offsets = torch.randn(2, 5, 6), torch.tensor([0, 2, 5])
    mlp_kept = ops._pre_norm_mlp(x, mlp, 1e-5, 0, True, True)[1]
    attention_kept = ops._pre_norm_attention(sequences, attention, None, 1e-5, 2, True, True, True)[1]
    return [
        (ops._layer_norm, (x, w, w, 1e-5)),
        (ops._layer_norm_backward, (x, x, rows, rows, w)),
        (ops._rms_norm, (x, w, 1e-5)),
        (ops._rms_norm_backward, (x, x, rows, w)),
        (ops._gelu, (x, False)),
        (ops._gelu_backward, (x, x, True)),
        (ops._swiglu, (x,)),
        (ops._swiglu_backward, (x[:, :3], x)),
        (ops._self_attention, (qkv, 2, None, True)),
        (ops._self_attention_backward, (out, qkv, out, lse, 2, None, True)),
        *((ops._pre_norm_mlp, (x, mlp, 1e-5, 0, True, keep)) for keep in (False, True)),
        *((ops._pre_norm_mlp_backward, (x, x, mlp, mlp_kept, 1e-5, 0, True, trained)) for trained in (False, True)),
        (ops._pre_norm_attention, (sequences, attention, None, 1e-5, 2, True, True, True)),
        (ops._pre_norm_attention, (x, attention, offsets, 1e-5, 2, False, False, True)),
        (ops._pre_norm_attention_backward, (sequences, sequences, attention, attention_kept, None, 1e-5, 2, True, True, True)),
        (ops._cross_entropy, (x, torch.arange(5), 0.1)),
        (ops._linear_cross_entropy, (x, torch.randn(7, 6), torch.randn(7), torch.arange(5), rows, 0.1, True, True)),
    ]


@pytest.mark.parametrize("op, args", raw_cases(), ids=lambda value: getattr(value, "__name__", ""))
def test_kernels_below(op, args):
    """What compiled graphs call: shapes as promised, and no silent gradients."""
    torch.library.opcheck(op.default, args, test_utils=("test_schema", "test_faketensor"))
    with pytest.raises(RuntimeError, match="not implemented"):
        results = op(args[0].clone().requires_grad_(), *args[1:])
        (results[0] if isinstance(results, tuple) else results).sum().backward()


def test_kernels_below_refuse_missing_weights():
    x = torch.randn(5, 6)
    with pytest.raises(RuntimeError, match="found none at 0"):
        ops._pre_norm_mlp(x, [None] * 6, 1e-5, 0, True, True)
    with pytest.raises(RuntimeError, match="found none at 2"):
        ops._pre_norm_mlp(x.to("meta"), [None] * 6, 1e-5, 0, True, True)


def registered():
    return {schema.name.removeprefix("strata::"): schema for schema in torch._C._jit_get_all_schemas()
            if schema.name.startswith("strata::")}


def test_every_operator_is_documented():
    """docs/python.md lists each public operator with its arguments, in order, and no other."""
    page = (pathlib.Path(__file__).parents[2] / "docs/python.md").read_text().split("## Operators")[1].split("\n## ")[0]
    rows = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    documented = {name: [argument.split("=")[0].strip() for argument in arguments.split(",")]
                  for name, arguments in re.findall(r"`(\w+)\(([^)]*)\)`", rows)}
    assert documented == {name: [argument.name for argument in schema.arguments]
                          for name, schema in registered().items() if not name.startswith("_")}


def test_every_operator_is_tested():
    names = set(registered())
    tested = {case.op._opname for case in CASES} | {op._qualified_op_name.removeprefix("strata::") for op, _ in raw_cases()}
    assert names == tested | {"adamw_"}


@case_of_each_op
@pytest.mark.parametrize("dynamic", [False, True])
def test_compile(case, dynamic):
    inputs = case.inputs()
    torch._dynamo.reset()
    compiled = torch.compile(lambda *args: case.op(*args).sin(), fullgraph=True, dynamic=dynamic, backend="aot_eager")
    want, want_gradients = gradients(case, lambda *args: case.op(*args).sin(), inputs)
    got, got_gradients = gradients(case, compiled, inputs)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got_gradients, want_gradients)


class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain, self.bias = (torch.nn.Parameter(torch.randn(8)) for _ in range(2))
        self.up = torch.nn.Parameter(torch.randn(24, 8))

    def forward(self, x):
        hidden = ops.linear(ops.layer_norm(x, self.gain, self.bias), self.up)
        return ops.swiglu(ops.gelu(ops.self_attention(hidden, 2))[..., :6])


def test_export():
    model, batch = Mlp(), torch.export.Dim("batch", min=2)
    program = torch.export.export(model, (torch.randn(3, 4, 8),), dynamic_shapes={"x": {0: batch}})
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {"strata.layer_norm.default", "strata.self_attention.default", "strata.swiglu.default"} <= called
    x = torch.randn(5, 4, 8)
    torch.testing.assert_close(program.module()(x), model(x))
    torch.testing.assert_close(program.run_decompositions().module()(x), model(x))


@pytest.mark.slow
def test_compile_to_code():
    """The default backend, which generates and compiles code around the operators."""
    torch._dynamo.reset()
    model, x = Mlp(), torch.randn(3, 4, 8)
    compiled = torch.compile(model, fullgraph=True)
    # Code that another build of ours left in the cache calls its operators, not these.
    with torch._inductor.config.patch(force_disable_caches=True):
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-5)
    want = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    got = torch.autograd.grad(compiled(x).square().sum(), list(model.parameters()))
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_adamw(dtype):
    torch.manual_seed(6)
    params = [torch.randn(shape, dtype=dtype) for shape in [(7, 5), (3,), (1000,)]]
    theirs = [param.clone().requires_grad_() for param in params]
    optimiser = torch.optim.AdamW(theirs, lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    first, second = ([torch.zeros_like(param) for param in params] for _ in range(2))
    for step in range(1, 6):
        gradient = [torch.randn_like(param) for param in params]
        for param, value in zip(theirs, gradient, strict=True):
            param.grad = 0.5 * value
        optimiser.step()
        ops.adamw_(params, gradient, first, second, step, 0.01, 0.8, 0.95, 1e-6, 0.1, 0.5)
    torch.testing.assert_close(params, [param.detach() for param in theirs], rtol=1e-5, atol=1e-6)


def adamw_arguments():
    tensors = [torch.randn(4), torch.randn(3, 2)]
    return tensors, [torch.ones_like(t) for t in tensors], *([torch.zeros_like(t) for t in tensors] for _ in range(2))


def test_adamw_in_graphs():
    torch.library.opcheck(ops.adamw_.default, (*adamw_arguments(), 1, 0.1))
    arguments, again = adamw_arguments(), adamw_arguments()
    for mine, other in zip(arguments[0], again[0], strict=True):
        other.copy_(mine)
    torch._dynamo.reset()
    step = torch.compile(lambda *args: ops.adamw_(*args, 0.1), fullgraph=True, backend="aot_eager")
    for count in (1, 2, 3):
        step(*arguments, count)
        ops.adamw_(*again, count, 0.1)
    torch.testing.assert_close(arguments[0], again[0])


def test_adamw_respects_autograd():
    params, grads, first, second = adamw_arguments()
    params[0].requires_grad_()
    with pytest.raises(RuntimeError, match="no_grad"):
        ops.adamw_(params, grads, first, second, 1, 0.1)
    loss = params[0].square().sum()
    with torch.no_grad():
        ops.adamw_(params, grads, first, second, 1, 0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("call, words", [
    (lambda: ops.layer_norm(torch.randn(3, 4), torch.randn(5), torch.randn(4)), r"expected x \[..., channels\]"),
    (lambda: ops.rms_norm(torch.randn(3, 4), torch.randn(3)), r"expected x \[..., channels\]"),
    (lambda: ops.swiglu(torch.randn(3, 5)), "2 hidden"),
    (lambda: ops.gelu(torch.tensor(1.0)), "no dimensions"),
    (lambda: ops.self_attention(torch.randn(2, 3, 10), 2), "3 \\* heads \\* head_dim"),
    (lambda: ops.self_attention(torch.randn(6, 12), 2, False, torch.tensor([0, 9, 6])), "offsets that ascend"),
    (lambda: ops.self_attention(torch.randn(6, 12), 2, False, torch.tensor([0, 9])), "offsets that ascend"),
    (lambda: ops.self_attention(torch.randn(6, 12), 2, False, torch.tensor([0.0, 6.0])), "int64"),
    (lambda: ops.activation(torch.randn(3, 4), "gelou"), "'gelou'"),
    (lambda: ops.gated(torch.randn(3, 5), "relu"), "2 hidden"),
    (lambda: ops.attention(torch.randn(1, 4, 6), torch.randn(1, 3, 6), torch.randn(1, 3, 6), 2, True), "no more queries"),
    (lambda: ops.attention(*torch.randn(3, 1, 4, 6), 2, False, 2), "got 2 without causal"),
    (lambda: ops.attention(*torch.randn(3, 1, 4, 6), 2, True, -1), "expected a window of 0"),
    (lambda: ops.rotate(torch.randn(3, 8), 2, torch.randn(3, 3), torch.randn(3, 3)), "with 2 heads"),
    (lambda: ops.rotate(torch.randn(3, 8), 2, torch.randn(2, 2), torch.randn(2, 2)), "with 2 heads"),
    (lambda: ops.pre_norm_mlp(*map(torch.randn, ((3, 4), (4,), (4,), (5, 4), (5,), (4, 6), (4,)))), r"up \[6, 4\]"),
    (lambda: ops.pre_norm_mlp(*map(torch.randn, ((3, 4), (5,), (4,), (6, 4), (6,), (4, 6), (4,)))), r"norm \[4\]"),
    (lambda: ops.pre_norm_mlp(*map(torch.randn, ((3, 4), (4,), (4,), (6, 4), (5,), (4, 6), (4,)))), r"bias \[6\]"),
    (lambda: ops.pre_norm_mlp(*map(torch.randn, ((3, 4), (4,), (4,), (6, 4), (6,), (4, 6), (4,))), 1e-5, "gelou"), "'gelou'"),
    (lambda: ops._pre_norm_mlp(torch.randn(3, 4), [*map(torch.randn, ((4,), (4,), (6, 4), (6,), (4, 6), (4,)))], 1e-5, 3, True, False),
     "got 3"),
    (lambda: ops.pre_norm_attention(*map(torch.randn, ((3, 4), (4,), (4,), (12, 4), (12,), (4, 4), (4,))), 2), "sequences, length"),
    (lambda: ops.pre_norm_attention(*map(torch.randn, ((3, 4), (4,), (4,), (12, 4), (12,), (4, 4), (4,))), 2,
                                    offsets=torch.tensor([0, 9])), "offsets that ascend"),
    (lambda: ops.cross_entropy(torch.randn(3, 4), torch.tensor([1, 2])), "int64 targets"),
    (lambda: ops.cross_entropy(torch.randn(3, 4), torch.tensor([1, 2, 9])), "9"),
    (lambda: ops.linear_cross_entropy(torch.randn(3, 4), torch.randn(9, 5), None, torch.arange(3)), "weight \\[classes, channels"),
    (lambda: ops.linear_cross_entropy(torch.randn(3, 4), torch.randn(9, 4), torch.randn(8), torch.arange(3)), "bias \\[9"),
    (lambda: ops.linear_cross_entropy(torch.randn(3, 4), torch.randn(9, 4), None, torch.tensor([0, 9, 1])), "9"),
    (lambda: ops.linear_cross_entropy(torch.randn(3, 4), torch.randn(9, 4), None, torch.arange(3), reduction="all"), "'all'"),
    (lambda: ops.adamw_([torch.randn(3)], [], [], [], 1, 0.1), "for each of 1 parameters"),
    (lambda: ops.adamw_([torch.randn(3)], [torch.randn(2)], [torch.randn(3)], [torch.randn(3)], 1, 0.1), "like its"),
    (lambda: ops.adamw_(*adamw_arguments(), 0, 0.1), "counted from 1"),
])
def test_wrong_input(call, words):
    with pytest.raises(RuntimeError, match=words):
        call()


def test_transforms_of_functions_are_refused():
    """As docs/python.md says: torch.func has no rule for our fused level, and neither has forward mode."""
    x = torch.randn(5)
    for transform in (lambda f: torch.func.grad(f)(x), lambda f: torch.func.jvp(f, (x,), (x,))):
        with pytest.raises(RuntimeError):
            transform(lambda t: ops.gelu(t).sum())
    with strata.composite():
        want = torch.func.grad(lambda t: F.gelu(t).sum())(x)
        torch.testing.assert_close(torch.func.grad(lambda t: ops.gelu(t).sum())(x), want)


def test_follows_the_threads_of_torch():
    """The same sums whatever the number of threads, and no pool of our own."""
    x = torch.randn(4096, 64, requires_grad=True)
    before = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(torch.autograd.grad(ops.gelu(x).sum(), x)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)
