"""Writes hf_language/: small random language models as save_pretrained of transformers writes them, and what they compute.

    python tests/golden/hf_language.py tests/golden              (needs torch, safetensors, transformers 5.23)
    python tests/golden/hf_language.py tests/golden VARIANT DIR  checks that DIR, saved by Strata from hf_language/VARIANT, opens in transformers and computes the same

    hf_language/VARIANT/                       the checkpoint
    hf_language/VARIANT/expected/golden.safetensors
        tokens [rows], lengths [sequences]     sequences one after the other
        logits [rows, vocab]                   float32, each sequence on its own
        greedy [steps], gaps [steps]           what generate adds to the first sequence, and by how much the best logit leads the second
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

golden = pathlib.Path(sys.argv[1]) / "hf_language"
VOCAB = 40


def rope(kind, **more):
    return {"rope_type": kind, "rope_theta": 500.0, **more}


LLAMA = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
VARIANTS = {
    "llama": ("Llama", dict(LLAMA, rope_parameters=rope("default")), {}),
    "llama_llama3": ("Llama", dict(LLAMA, num_key_value_heads=1, rope_parameters=rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)), {}),
    "llama_linear": ("Llama", dict(LLAMA, num_key_value_heads=4, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, rope_parameters=rope("linear", factor=3.0)), {}),
    "llama_dynamic": ("Llama", dict(LLAMA, max_position_embeddings=8, rope_parameters=rope("dynamic", factor=2.0)), {}),
    "llama_yarn": ("Llama", dict(LLAMA, rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16)), {}),
    "llama_yarn_mscale": ("Llama", dict(LLAMA, hidden_act="gelu_pytorch_tanh", rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=8.0, beta_slow=2.0, mscale=0.7,
                                                                     mscale_all_dim=1.1, truncate=False)), {}),
    "llama_longrope": ("Llama", dict(LLAMA, rope_parameters=rope("longrope", factor=4.0, original_max_position_embeddings=9, short_factor=[1.0, 1.5], long_factor=[2.0, 5.0])), {}),
    "llama_sharded": ("Llama", dict(LLAMA, head_dim=6, tie_word_embeddings=True), dict(max_shard_size="6KB")),
    "mistral": ("Mistral", dict(LLAMA, sliding_window=5), {}),
    "qwen2": ("Qwen2", dict(LLAMA, num_hidden_layers=3, tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=1), {}),
    "qwen3": ("Qwen3", dict(LLAMA, head_dim=8, tie_word_embeddings=True), {}),
    "gpt2": ("GPT2LMHead", dict(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=4, n_positions=32), {}),
    "gpt2_scaled": ("GPT2LMHead", dict(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=2, n_positions=32, n_inner=20, scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False), {}),
    "gpt_neox": ("GPTNeoX", dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32), {}),
    "gpt_neox_sequential": ("GPTNeoX", dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32, use_parallel_residual=False,
                                            attention_bias=False, tie_word_embeddings=True, rope_parameters=rope("default", partial_rotary_factor=0.5)), {}),
    "opt": ("OPT", dict(vocab_size=VOCAB, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, word_embed_proj_dim=16), {}),
    "opt_post": ("OPT", dict(vocab_size=VOCAB, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, word_embed_proj_dim=8, do_layer_norm_before=False), {}),
    "opt_plain": ("OPT", dict(vocab_size=VOCAB, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, word_embed_proj_dim=16, enable_bias=False,
                              layer_norm_elementwise_affine=False), {}),
    "llama_yarn_factor": ("Llama", dict(LLAMA, head_dim=6, mlp_bias=True, rope_parameters=rope("yarn", factor=2.0, attention_factor=1.3)), {}),
    "llama_longrope_plain": ("Llama", dict(LLAMA, rope_parameters=rope("longrope", factor=1.0, original_max_position_embeddings=4, short_factor=[1.0, 1.5], long_factor=[2.0, 5.0])), {}),
    "mistral_full": ("Mistral", dict(LLAMA, num_key_value_heads=1, head_dim=8, sliding_window=None, tie_word_embeddings=True), {}),
    "qwen2_plain": ("Qwen2", dict(LLAMA, rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16)), {}),
    "qwen3_window": ("Qwen3", dict(LLAMA, num_hidden_layers=3, head_dim=4, attention_bias=True, use_sliding_window=True, sliding_window=3, layer_types=["sliding_attention", "full_attention", "sliding_attention"]), {}),
    "gpt2_unscaled": ("GPT2LMHead", dict(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=4, n_positions=32, scale_attn_weights=False, activation_function="relu"), dict(max_shard_size="6KB")),
    "gpt_neox_odd": ("GPTNeoX", dict(vocab_size=VOCAB, hidden_size=24, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32, hidden_act="gelu_fast",
                                     rope_parameters=rope("linear", factor=2.0, partial_rotary_factor=0.25)), {}),
    "opt_unfinished": ("OPT", dict(vocab_size=VOCAB, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, word_embed_proj_dim=8, _remove_final_layer_norm=True,
                                   activation_function="gelu", tie_word_embeddings=False), {}),
}
MIXED = {"qwen3_window": "norm"}  # tensors with this in their names stay float32
LENGTHS = [11, 1, 6]
STEPS = 8


def expected_of(model, tokens):
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(input_ids=part[None]).logits[0] for part in tokens.split(LENGTHS)])
        text, greedy, gaps = tokens[:LENGTHS[0]][None], [], []
        for _ in range(STEPS):
            best = model(input_ids=text, use_cache=False).logits[0, -1].topk(2)
            greedy.append(best.indices[0])
            gaps.append(best.values[0] - best.values[1])
            text = torch.cat([text, best.indices[None, :1]], 1)
    return {"logits": logits.float().contiguous(), "greedy": torch.stack(greedy), "gaps": torch.stack(gaps).float()}


def family(name):
    return getattr(transformers, f"{name}Model" if name == "GPT2LMHead" else f"{name}ForCausalLM")


if len(sys.argv) > 2:
    variant, folder = sys.argv[2:4]
    expected = load_file(golden / variant / "expected/golden.safetensors")
    model, report = family(VARIANTS[variant][0]).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    print({key: value for key, value in report.items() if value})
    found = expected_of(model, expected["tokens"])
    error = (found["logits"] - expected["logits"]).abs().max().item()
    print(f"{variant}: largest difference of logits {error:.2e}, greedy {'same' if torch.equal(found['greedy'], expected['greedy']) else 'different'}")
    sys.exit(error > 1e-4)

shutil.rmtree(golden, ignore_errors=True)
for number, (variant, (name, sizes, saving)) in enumerate(VARIANTS.items()):
    torch.manual_seed(number)
    kind = family(name)
    model = kind(kind.config_class(**sizes, bos_token_id=1, eos_token_id=2)).eval()
    with torch.no_grad():  # the usual start gives logits near zero, which would hide errors
        for key, value in model.named_parameters():
            value.add_(torch.randn_like(value) * (0.25 if value.dim() > 1 else 0.2))
    stored = [torch.float32, torch.bfloat16, torch.float16][number % 3]
    folder = golden / variant
    model.to(stored).save_pretrained(folder, **saving)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if variant in MIXED:
        tensors = load_file(folder / "model.safetensors")
        save_file({key: value.float() if MIXED[variant] in key else value for key, value in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    model = kind.from_pretrained(folder, dtype=torch.float32)
    tokens = torch.randint(VOCAB, (sum(LENGTHS),))
    expected = expected_of(model, tokens)
    (folder / "expected").mkdir()
    save_file({"tokens": tokens, "lengths": torch.tensor(LENGTHS), **expected}, folder / "expected/golden.safetensors")
    print(variant, stored, "std of logits %.2f" % expected["logits"].std().item(), json.loads((folder / "config.json").read_text())["architectures"])
