"""LoRA adapters with random matrices as PEFT saves them, and the logits of the models of hf_language.py with them: pip install torch==2.13.0 transformers==5.23.0 peft==0.21.2

    python tests/golden/peft_adapters.py tests/golden

With a folder that Strata wrote as third argument, says how far PEFT's logits with it are from the expected ones:

    python tests/golden/peft_adapters.py tests/golden llama FOLDER
"""
import pathlib
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

golden = pathlib.Path(sys.argv[1])
ADAPTERS = {
    "llama": dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"], rank_pattern={"v_proj": 3}, alpha_pattern={"down_proj": 5}),
    "gpt2": dict(r=3, lora_alpha=4, target_modules=["c_attn", "mlp.c_fc"], fan_in_fan_out=True),
    "gpt_neox": dict(r=2, lora_alpha=4, target_modules="all-linear", use_rslora=True),
}


def logits_of(model, tokens):
    with torch.no_grad():
        return model.eval()(input_ids=tokens[None]).logits[0].float().contiguous()


for number, (variant, settings) in enumerate(ADAPTERS.items()):
    base = transformers.AutoModelForCausalLM.from_pretrained(golden / "hf_language" / variant, dtype=torch.float32)
    tokens = load_file(golden / "hf_language" / variant / "expected/golden.safetensors")["tokens"][:11]
    folder = golden / "peft" / variant
    if len(sys.argv) > 2:
        if variant == sys.argv[2]:
            expected = load_file(folder / "expected/golden.safetensors")["logits"]
            found = logits_of(peft.PeftModel.from_pretrained(base, sys.argv[3]), tokens)
            print(f"{variant}: largest difference of logits {(found - expected).abs().max().item():.2e}")
        continue
    torch.manual_seed(number)
    model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(torch.randn_like(value) * 0.2)
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "expected").mkdir()
    before = load_file(golden / "hf_language" / variant / "expected/golden.safetensors")["logits"][:11]
    logits = logits_of(model, tokens)
    save_file({"tokens": tokens, "logits": logits}, folder / "expected/golden.safetensors")
    print(variant, "adapter changes logits by up to %.2f" % (logits - before).abs().max().item())
