"""LoRA adapters with random matrices as PEFT saves them, and the logits of the models of hf_language.py with them: pip install torch==2.13.0 transformers==5.23.0 peft==0.21.2

    python tests/golden/peft_adapters.py tests/golden

With a folder that Strata wrote as third argument, says how far PEFT's logits with it are from the expected ones:

    python tests/golden/peft_adapters.py tests/golden ADAPTER FOLDER
"""
import pathlib
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

golden = pathlib.Path(sys.argv[1])
ADAPTERS = {  # name: checkpoint of hf_language/, settings
    "llama": ("llama", dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"], rank_pattern={"v_proj": 3}, alpha_pattern={"down_proj": 5})),
    "gpt2": ("gpt2", dict(r=3, lora_alpha=4, target_modules=["c_attn", "mlp.c_fc"], fan_in_fan_out=True)),
    "gpt_neox": ("gpt_neox", dict(r=2, lora_alpha=4, target_modules="all-linear", use_rslora=True)),
    "llama_expressions": ("llama", dict(r=2, target_modules=r".*\.(q|v)_proj|model\.layers\.[1-9]\.mlp\.(gate|up)_proj", rank_pattern={r"layers\.0\.self_attn\.[qv]_proj": 3, "q_proj": 4},
                                        alpha_pattern={r"layers\.\d\.mlp.*": 5, "gate_proj": 7}, exclude_modules=r"model\.layers\.1\..*v_proj")),
    "llama_tables": ("llama", dict(r=3, lora_alpha=5, target_modules=["q_proj", "embed_tokens", "lm_head"])),
    "llama_layers": ("llama", dict(r=2, target_modules=["k_proj", "up_proj", "lm_head"], layers_to_transform=1, layers_pattern="layers", exclude_modules=["mlp.up_proj"])),
    "llama_saved": ("llama", dict(r=2, target_modules=["q_proj", "o_proj"], modules_to_save=["lm_head", "norm", "k_proj"])),
    "gpt2_biases": ("gpt2_scaled", dict(r=2, target_modules=["attn.c_attn"], bias="all", fan_in_fan_out=True, modules_to_save=["lm_head"])),
    "gpt_neox_biases": ("gpt_neox", dict(r=2, target_modules=["query_key_value"], bias="lora_only")),
    "opt_linear": ("opt_post", dict(r=2, target_modules="all-linear", exclude_modules=["fc2"])),
}


def logits_of(model, tokens):
    with torch.no_grad():
        return model.eval()(input_ids=tokens[None]).logits[0].float().contiguous()


for number, (name, (variant, settings)) in enumerate(ADAPTERS.items()):
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "hf_language" / variant, dtype=torch.float32)
    tokens = load_file(golden / "hf_language" / variant / "expected/golden.safetensors")["tokens"][:11]
    folder = golden / "peft" / name
    if len(sys.argv) > 2:
        if name == sys.argv[2]:
            expected = load_file(folder / "expected/golden.safetensors")["logits"]
            found = logits_of(peft.PeftModel.from_pretrained(base, sys.argv[3]), tokens)
            print(f"{name}: largest difference of logits {(found - expected).abs().max().item():.2e}")
        continue
    torch.manual_seed(number)
    model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "lora_" in key:
                value.copy_(torch.randn_like(value) * 0.2)
            elif value.requires_grad:
                value.add_(torch.randn_like(value) * 0.2)
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "expected").mkdir()
    before = load_file(golden / "hf_language" / variant / "expected/golden.safetensors")["logits"][:11]
    # As it is read again: PEFT writes the keys of its patterns sorted, and the first that matches counts.
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "hf_language" / variant, dtype=torch.float32)
    logits = logits_of(peft.PeftModel.from_pretrained(base, folder), tokens)
    save_file({"tokens": tokens, "logits": logits}, folder / "expected/golden.safetensors")
    print(name, "adapter changes logits by up to %.2f" % (logits - before).abs().max().item())
