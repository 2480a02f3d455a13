"""Which tokens of conversations are answers, as transformers' apply_chat_template masks them: pip install transformers==5.23.0

    python tests/golden/chat_masks.py tests/golden > tests/golden/chat_masks.json
"""
import json
import pathlib
import sys

import transformers

golden = pathlib.Path(sys.argv[1])
TEMPLATES = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>\n' }}{% endgeneration %}{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}",
    # The answer stands behind a space that is its own, and ends with a special token; tools come first, as they are written.
    "instruct": "{{ bos_token }}{% if tools %}{{ tools | tojson }}\n{% endif %}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}{% generation %} {{ m.content }}{{ eos_token }}{% endgeneration %}{% endif %}{% endfor %}",
    # No space between question and answer: tokens can lie across the border.
    "glued": "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}",
}
# Answers end with a character that is one token: transformers' mask ends with the first token of the last character.
TALKS = [
    [{"role": "user", "content": "In the beginning God"}, {"role": "assistant", "content": "created the heaven"}, {"role": "user", "content": "and"}, {"role": "assistant", "content": "the earth."}],
    [{"role": "user", "content": "Gr\u00fc\u00df Gott, 1+1=?\n\n"}, {"role": "assistant", "content": "\n 2 \U0001f600\u4f60\u597d!"}],
    [{"role": "user", "content": "inter"}, {"role": "assistant", "content": "national  "}, {"role": "user", "content": "e\u0301"}, {"role": "assistant", "content": " caf\u00e9 e\u0301 end"}],
]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "now", "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "a": {"type": "integer"}}}}}]
cases = []
for name in ["gpt2", "llama3", "qwen2", "llama2_prepend", "llama2_metaspace"]:
    for title, template in TEMPLATES.items():
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(golden / "tokenizers" / (name + ".json")), chat_template=template)
        known = tokenizer.get_vocab()
        marks = {"bos_token": next((t for t in ["<s>", "<|begin_of_text|>", "<|endoftext|>"] if t in known), ""), "eos_token": next((t for t in ["</s>", "<|eot_id|>", "<|im_end|>", "<|endoftext|>"] if t in known), "")}
        for number, talk in enumerate(TALKS):
            tools = TOOLS if number == 1 else None
            found = tokenizer.apply_chat_template(talk, tools=tools, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **marks)
            cases.append({"tokenizer": name, "template": template, **marks, "messages": talk, "tools": tools, "ids": found["input_ids"], "mask": found["assistant_masks"]})
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
