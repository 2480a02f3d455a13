#!/usr/bin/env python3
"""Writes tests/golden/tokenizers: small tokenizer.json files of the published kinds, and what the `tokenizers` library makes of some texts.

    python3 tests/golden/tokenizers_golden.py         # pip install tokenizers==0.23.3; apt-get install bible-kjv

Each is trained by that library on the beginning of Genesis (Debian's bible-kjv) and the texts below.
"""

import json
import pathlib
import subprocess

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent / "tokenizers"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
MARK = "\u2581"

CODE = """def fizz(n: int) -> str:
    return "Fizz" * (n % 3 == 0) or str(n)  # 100 times

for (int64_t i = 0; i < 1024; ++i) { sum += x[i] * 3.14159e-7; }\r\n\tif (a && !b) {\r\n\t\treturn;\r\n\t}
"""
MANY = """Alle Menschen sind frei und gleich an Wu\u0308rde und Rechten geboren: \u00fcberm\u00e4\u00dfig stra\u00dfe.
Les \u00eatres humains naissent libres, l'\u00e9t\u00e9, c'est o\u00f9? \u00c7a alors \u2014 \u00ab d'accord \u00bb\u2026
\u0412\u0441\u0435 \u043b\u044e\u0434\u0438 \u0440\u043e\u0436\u0434\u0430\u044e\u0442\u0441\u044f \u0441\u0432\u043e\u0431\u043e\u0434\u043d\u044b\u043c\u0438 \u0438 \u0440\u0430\u0432\u043d\u044b\u043c\u0438.
\u4eba\u4eba\u751f\u800c\u81ea\u7531\uff0c\u5728\u5c0a\u4e25\u548c\u6743\u5229\u4e0a\u4e00\u5f8b\u5e73\u7b49\u3002\u3000\u3059\u3079\u3066\u306e\u4eba\u9593\u306f\u3001\uff21\uff22\uff23\uff11\uff12\uff13
\u0643\u0644 \u0627\u0644\u0646\u0627\u0633 \u0623\u062d\u0631\u0627\u0631 \u0662\u0660\u0662\u0666 \u05db\u05dc \u05d1\u05e0\u05d9 \u0938\u092d\u0940 \u092e\u0928\u0941\u0937\u094d\u092f\u094b\u0902 \u0e21\u0e19\u0e38\u0e29\u0e22\u0e4c\u0e17\u0e31\u0e49\u0e07\u0e2b\u0e25\u0e32\u0e22 \ubaa8\ub4e0 \uc778\uac04\uc740
"""
EMOJI = "\U0001f600\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001f44d\U0001f3fd\U0001f9ff"

# What every tokenizer is asked to encode.
CASES = [
    "",
    " ",
    "\n",
    "   ",
    "a",
    " a",
    "  a  ",
    "In the beginning God created the heaven and the earth.",
    "And God said, Let there be light: and there was light. ",
    "it's we'RE I'll you'D they\u2019ve 'tis '\u017f 'S'T don''t",
    "1 12 123 1234 12345678 3.14 \u00bd \u00b2 \u2163 \u0663\u0664\u0665 1,000,000",
    "long" + " " * 50 + "white\n\n\n\n   \t\t \r\n\r\n  x   \n y \u00a0\u2003\u3000z\u0085\u200b\u1680end ",
    CODE,
    MANY,
    EMOJI,
    "e\u0301 \u212b \ufb01 \u1e9b\u0323 \uac00\u11a8 \u0958 \u2126 A\u030a\u0327 q\u0307\u0323",
    "<s>hi</s> <|endoftext|>hello <|endoftext|> world<s> </s>",
    "x<tool>y <tool> z <mask>  after  <mask>word word<mask> [word] sword words word",
    "\u2581leading mark \u2581\u2581two   three",
    "unseen: \u2603 \u4f60\u597d \U00012345 \u16a0 \ufffd \u0000 \u001f \u007f \ue000 \U0010ffff",
    "a" * 40 + "ab" * 20 + "the" * 15,
    "http://www.example.org/~a?b=c&d=%20#e  --- ___ *** !!! ... \u2026 ;-)",
    "\U00010d50\U00010d70 \U00016d40 \U0001e5d0 \U00031350 \u1c89\ua7cb",
]


def genesis(chapters: int) -> list[str]:
    text = subprocess.run(["bible", f"gen1:1-gen{chapters}:99"], check=True, capture_output=True, text=True).stdout
    return [line.strip() + " " for line in text.splitlines() if line.strip()]


def corpus() -> list[str]:
    return genesis(8) + (CODE + MANY + EMOJI).splitlines(keepends=True) * 2


def trained(tokenizer: Tokenizer, size: int, special: list[str], **options) -> Tokenizer:
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, **options))
    return tokenizer


def byte_level(pre_tokenizer, special: list[str], normalizer=None, ignore_merges: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    return trained(tokenizer, 700, special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def split(pattern: str):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2() -> Tokenizer:
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def gpt2_prefix() -> Tokenizer:
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), ["<s>", "</s>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    return tokenizer


def llama3() -> Tokenizer:
    tokenizer = byte_level(split(LLAMA3), ["<|begin_of_text|>", "<|endoftext|>"], ignore_merges=True)
    template = processors.TemplateProcessing("<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", [("<|begin_of_text|>", 0)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen2() -> Tokenizer:
    return byte_level(split(QWEN2), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizer=normalizers.NFC())


def smollm() -> Tokenizer:
    return byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), ["<|endoftext|>"])


def sentencepiece_model() -> dict:
    """A model of characters with byte fallback, as sentencepiece exports have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained(tokenizer, 450, [], limit_alphabet=90)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += sorted(model["vocab"], key=model["vocab"].get)
    model["vocab"] = {token: i for i, token in enumerate(tokens)}
    model.update(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    return model


def llama2(normalizer, pre_tokenizer) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
    text = json.loads(tokenizer.to_str())
    text["model"] = sentencepiece_model()
    text["added_tokens"] = [added(i, token, special=True) for i, token in enumerate(["<unk>", "<s>", "</s>"])]
    return Tokenizer.from_str(json.dumps(text))


def llama2_prepend() -> Tokenizer:
    return llama2(normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]), None)


def llama2_metaspace() -> Tokenizer:
    return llama2(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False))


def words() -> Tokenizer:
    """Parts that the others leave out: every normaliser, prefix and suffix, merges as one string, unk not fused."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    steps = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\d{3,}"), "#"), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    steps = [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Split(Regex("[aeiou]+"), "merged_with_previous")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trained(tokenizer, 400, ["[UNK]", "[CLS]", "[SEP]"], limit_alphabet=60, continuing_subword_prefix="##", end_of_word_suffix="</w>")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer


def added(number: int, content: str, **flags) -> dict:
    entry = dict(id=number, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return entry | flags


def with_added_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """One token for each flag, behind the vocabulary."""
    text = json.loads(tokenizer.to_str())
    number = max(list(text["model"]["vocab"].values()) + [token["id"] for token in text["added_tokens"]]) + 1
    flags = [("<tool>", dict(normalized=True)), ("<mask>", dict(lstrip=True, special=True)), ("[word]", dict(rstrip=True)), ("word", dict(single_word=True))]
    text["added_tokens"] += [added(number + i, content, **flag) for i, (content, flag) in enumerate(flags)]
    return Tokenizer.from_str(json.dumps(text))


def main() -> None:
    HERE.mkdir(exist_ok=True)
    expected = {}
    for make in (gpt2, gpt2_prefix, llama3, qwen2, smollm, llama2_prepend, llama2_metaspace, words):
        tokenizer = with_added_tokens(make())
        text = json.loads(tokenizer.to_str())
        if make in (words, gpt2):  # as older files have them
            text["model"]["merges"] = [" ".join(pair) for pair in text["model"]["merges"]]
        (HERE / f"{make.__name__}.json").write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")) + "\n")
        rows = []
        for case in CASES:
            ids = tokenizer.encode(case).ids
            bare = tokenizer.encode(case, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = True
            plain = tokenizer.encode(case, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = False
            row = dict(ids=ids, bare=bare, plain=plain, text=tokenizer.decode(bare), all=tokenizer.decode(ids, skip_special_tokens=False))
            row["halves"] = tokenizer.decode([id for id in bare if id % 2 == 0])
            for name, same in (("plain", "bare"), ("bare", "ids"), ("all", "text")):  # what is missing is like the other
                if row[name] == row[same]:
                    del row[name]
            rows.append(row)
        expected[make.__name__] = rows
    (HERE / "expected.json").write_text(json.dumps(dict(cases=CASES, expected=expected), separators=(",", ":")) + "\n")


main()
