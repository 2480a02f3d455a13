"""The package strata: models, routes, samplers, errors."""

import pathlib
import re
import subprocess
import sys
import threading

import pytest
import strata
import torch

CHECKOUT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def model():
    return strata.vit("fashion", seed=1, depth=4, classes=3)


@pytest.fixture
def pixels():
    return torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(2))


def readme_example():
    return re.search(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.S)[1]


def test_readme_example(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("model")
    code = readme_example()
    assert len(code.splitlines()) == 10
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["skipped"].shape == (8, 3) and names["taps"]["slot.0.block.3.mixer"].shape == (8 * 17, 48)
    before, after = model.weights, names["model"].weights
    assert all(not torch.equal(before[name], after[name]) for name in ("head.weight", "blocks.0.mixer.qkv.weight"))


def test_saved_and_opened(model, pixels, tmp_path):
    model.save(str(tmp_path / "model"))
    again = strata.open(tmp_path / "model")
    assert torch.equal(model(pixels), again(pixels))
    assert again.config == model.config and again.depth == 4 and again.classes == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert repr(again) == "strata.Model(vit, 4 blocks of 48 channels, 79347 parameters)"


def test_routes_change_what_runs(model, pixels):
    assert torch.equal(model(pixels), model(pixels, "0-3"))
    assert torch.equal(model(pixels, "3,1,2,0"), model(pixels, [3, 1, 2, 0]))
    assert torch.equal(model(pixels, strata.Route("0-1")), model(pixels, model.route.prefix(2)))
    assert torch.equal(model(pixels, "0"), model(pixels, "0.mixer,0.ffn"))
    assert not torch.allclose(model(pixels), model(pixels, "0-2"))
    assert torch.equal(model(pixels, "none"), model(pixels, []))


def test_another_model_as_source(model, pixels):
    other = strata.vit("fashion", seed=2, depth=4, classes=3)
    merged, _ = model.run(pixels, "a:0-3", sources={"a": other})
    assert not torch.allclose(merged, model(pixels))
    same, _ = model.run(pixels, "a:0-1,2-3", sources={"a": model})
    assert torch.equal(same, model(pixels))


def test_taps_hold_gradients(model, pixels):
    logits, taps = model.run(pixels, "1-2", taps=["embed", "slot.*.block.2.mixer", "norm"])
    assert sorted(taps) == ["embed", "norm", "slot.1.block.2.mixer"]
    assert taps["norm"].shape == (5 * 17, 48)
    (gradient,) = torch.autograd.grad(logits.sum(), taps["embed"])
    assert gradient.abs().sum() > 0


def test_pytorch_trains_it(model, pixels):
    labels = torch.tensor([0, 1, 2, 0, 1])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(pixels), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_weights_are_shared(model, pixels):
    weights = model.weights
    assert weights["head.bias"] is model.weights["head.bias"] and weights["head.bias"].requires_grad
    before = model(pixels)
    with torch.no_grad():
        weights["head.bias"] += 1
    torch.testing.assert_close(model(pixels), before + 1)
    with torch.no_grad():
        assert not model(pixels).requires_grad


def test_second_derivative_only_as_composite(model, pixels):
    def second():
        loss = model(pixels).square().sum()
        gradients = torch.autograd.grad(loss, model.parameters(), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in gradients), model.parameters())

    with pytest.raises(RuntimeError, match="differentiated once"):
        second()
    with strata.composite():
        assert all(g.isfinite().all() for g in second())
    with pytest.raises(RuntimeError, match="differentiated once"):
        second()


def test_route_is_a_value():
    route = strata.Route("0,1,2,1,1,4+5")
    assert str(route) == "0-2,1x2,4+5" and repr(route) == "strata.Route('0-2,1x2,4+5')"
    assert route == strata.Route(str(route)) and route != strata.Route("0") and route != "0"
    assert {strata.Route([3, 1, 2]): 1}[strata.Route("3,1-2")] == 1
    assert len(route) == 6 and route.steps[-1] == "4+5" and route.cost() == 7
    assert strata.Route([2, 1, 0]).kendall_tau() == 1
    assert strata.Route.identity(4) == strata.Route("0-3") and len(strata.Route("none")) == 0
    orders = strata.Route.random_orders(6, 3, seed=1)
    assert [sorted(order.steps) for order in orders] == [list("012345")] * 3
    assert orders == strata.Route.random_orders(6, 3, seed=1) != strata.Route.random_orders(6, 3, seed=2)


def test_cost_counts_parts(model):
    assert model.cost() == 4 and model.cost("0,1.mixer") == 1.5


def test_samplers(model, pixels):
    shuffle = strata.Sampler(model.depth, "shuffle", seed=3)
    assert [str(shuffle.draw(step)) for step in range(5)] == [str(shuffle.draw(step)) for step in range(5)]
    assert len({shuffle.draw(step).route for step in range(20)}) > 5
    drop = strata.Sampler(model.depth, "drop", drop=0.5, per_sample=True)
    draw = drop.draw(0, samples=5)
    logits = model(pixels, draw)
    for sample in range(5):
        kept = [block for block in range(4) if draw.live[block][sample]]
        torch.testing.assert_close(logits[sample], model(pixels[sample : sample + 1], kept)[0], rtol=1e-4, atol=1e-5)
    assert drop.config["drop"] == 0.5


def test_runs_without_the_interpreter_lock(pixels):
    """Python goes on while a model computes."""
    model = strata.vit("fashion", depth=64)
    ticks, done = 0, threading.Event()
    worker = threading.Thread(target=lambda: (model(pixels.repeat(20, 1, 1, 1)), done.set()))
    worker.start()
    while not done.is_set():
        ticks += 1
    worker.join()
    assert ticks > 100


@pytest.mark.parametrize("call, kind, words", [
    (lambda m, x: strata.Route("0-"), ValueError, "position 3"),
    (lambda m, x: strata.Route([-1]), ValueError, "expected a block index"),
    (lambda m, x: m(x, "0,,1"), ValueError, "position 3"),
    (lambda m, x: m(x, "7"), strata.Error, "block 7 not in stack"),
    (lambda m, x: m.run(x, "b:0"), strata.Error, "b"),
    (lambda m, x: m.run(x, taps=["slot.9"]), ValueError, "no tap 'slot.9'"),
    (lambda m, x: m(x.int()), ValueError, "expected pixels"),
    (lambda m, x: m(x[0]), strata.Error, "expected pixels"),
    (lambda m, x: m(x[:, :, :14]), strata.Error, "28, 28"),
    (lambda m, x: strata.vit("huge"), strata.Error, "known sizes"),
    (lambda m, x: strata.vit(dept=3), ValueError, "did you mean 'depth'"),
    (lambda m, x: strata.vit(depth="three"), ValueError, "expected a value like 6"),
    (lambda m, x: strata.Sampler(4, "drop", drop=2.0), ValueError, "from 0 to 1"),
    (lambda m, x: strata.Sampler(4, "sort"), strata.Error, "sort"),
    (lambda m, x: strata.Sampler(4, "drop", per_sample=True).draw(0, 3) and m(x, strata.Sampler(4, "drop", per_sample=True).draw(0, 3)),
     strata.Error, "5 samples"),
    (lambda m, x: strata.open("nowhere"), strata.Error, "no such folder"),
    (lambda m, x: strata.open(str(CHECKOUT / "docs")), RuntimeError, "config.json"),
    (lambda m, x: m.save("/proc/model"), strata.Error, "/proc/model"),
    (lambda m, x: m(x, 3), TypeError, "incompatible"),
])
def test_errors(model, pixels, call, kind, words):
    with pytest.raises(kind, match=words):
        call(model, pixels)


def test_importing_changes_nothing_else():
    """Threads and memory of the process stay PyTorch's."""
    code = """if True:
        import torch
        torch.set_num_threads(3)
        import strata
        assert torch.get_num_threads() == 3
        strata.vit("fashion")(torch.randn(64, 1, 28, 28))
        assert torch.get_num_threads() == 3
        libraries = {line.split("/")[-1].strip() for line in open("/proc/self/maps") if "/lib" in line}
        assert sum("gomp" in name or "omp5" in name for name in libraries) == 1, libraries
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_stubs_name_what_there_is():
    import ast

    stubs = ast.parse((CHECKOUT / "python/strata/_engine.pyi").read_text())
    for node in stubs.body:
        if isinstance(node, ast.ClassDef):
            there = getattr(strata._engine, node.name)
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    assert hasattr(there, item.name), f"{node.name}.{item.name}"
            public = {name for name in vars(there) if not name.startswith("_")}
            assert public <= {item.name for item in node.body if isinstance(item, ast.FunctionDef)} | {"args"}, node.name
        elif isinstance(node, ast.FunctionDef):
            assert callable(getattr(strata._engine, node.name))
