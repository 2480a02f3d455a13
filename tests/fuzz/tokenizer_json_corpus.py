#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/tokenizer_json and tests/fuzz/corpus/tokenizer: small files with every part, and one for each way to be refused."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent / "corpus"


def base(**parts) -> dict:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<0x41>": 3, "<unk>": 4, "\u2581": 5}, "merges": [["a", "b"]]}
    return {"version": "1.0", "added_tokens": [{"id": 6, "content": "<s>", "special": True}], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model} | parts


def typed(kind: str, **values) -> dict:
    return {"type": kind} | values


def good() -> dict[str, dict]:
    replace = typed("Replace", pattern={"String": " "}, content="\u2581")
    files = {"plain": base()}
    for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "ByteLevel"):
        files[f"normalizer_{kind}"] = base(normalizer=typed(kind))
    files["llama2"] = base(
        normalizer=typed("Sequence", normalizers=[typed("Prepend", prepend="\u2581"), replace, typed("Strip", strip_left=False, strip_right=True)]),
        decoder=typed("Sequence", decoders=[typed("Replace", pattern={"String": "\u2581"}, content=" "), typed("ByteFallback"), typed("Fuse"), typed("Strip", content=" ", start=1, stop=0)]),
        post_processor=typed("TemplateProcessing", single=[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], pair=[], special_tokens={"<s>": {"id": "<s>", "ids": [6], "tokens": ["<s>"]}}),
    )
    files["llama2"]["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    for behaviour in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        files[f"split_{behaviour}"] = base(pre_tokenizer=typed("Split", pattern={"Regex": r"\s+|\d"}, behavior=behaviour, invert=False))
    steps = [typed("Digits", individual_digits=True), typed("Punctuation", behavior="Isolated"), typed("ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)]
    files["sequence"] = base(pre_tokenizer=typed("Sequence", pretokenizers=steps), decoder=typed("ByteLevel"), post_processor=typed("RobertaProcessing", sep=["<s>", 6], cls=["<s>", 6]))
    files["metaspace"] = base(pre_tokenizer=typed("Metaspace", replacement="\u2581", prepend_scheme="first", split=True), decoder=typed("Metaspace", replacement="\u2581", prepend_scheme="first"))
    for kind in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer"):
        files[kind] = base(pre_tokenizer=typed(kind), decoder=typed("BPEDecoder", suffix="</w>"))
    files["affixes"] = base(model={"vocab": {"a": 0, "##b</w>": 1, "ab</w>": 2, "[UNK]": 3}, "merges": ["#version: 0.2", "a ##b</w>"], "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>", "unk_token": "[UNK]", "ignore_merges": True})
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    files["added"] = base(added_tokens=[{"id": 6 + i, "content": f"<{flag}>", flag: True} for i, flag in enumerate(flags)])
    return files


def bad() -> dict[str, dict]:
    files = {
        "bad_unigram": base(model={"type": "Unigram", "vocab": []}),
        "bad_precompiled": base(normalizer=typed("Precompiled", precompiled_charsmap="")),
        "bad_decoder": base(decoder=typed("CTC")),
        "bad_regex": base(pre_tokenizer=typed("Split", pattern={"Regex": "("}, behavior="Isolated")),
        "bad_behaviour": base(pre_tokenizer=typed("Split", pattern={"Regex": "a"}, behavior="Never")),
        "bad_template": base(post_processor=typed("TemplateProcessing", single=[], special_tokens={})),
        "bad_key": base(extra=1),
        "bad_added": base(added_tokens=[{"id": 1, "content": "<s>"}]),
        "bad_empty_added": base(added_tokens=[{"id": 9, "content": ""}]),
        "bad_slow_regex": base(pre_tokenizer=typed("Split", pattern={"Regex": "(a+)+$"}, behavior="Isolated"), version="a" * 40),
    }
    for name, change in {"dropout": {"dropout": 0.5}, "merge": {"merges": [["a", "x"]]}, "merge_words": {"merges": ["a b c"]}, "id": {"vocab": {"a": 1 << 60}}, "twice": {"vocab": {"a": 0, "b": 0}}, "unk": {"unk_token": "?"}}.items():
        files[f"bad_{name}"] = base()
        files[f"bad_{name}"]["model"] |= change
    return files


def main() -> None:
    folder = HERE / "tokenizer_json"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (good() | bad()).items():
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    (folder / "bad_key_twice").write_text('{"model":{"vocab":{"a":0,"a":1},"merges":[]}}')
    (folder / "bad_cut").write_text(json.dumps(base())[:90])
    (folder / "bad_nesting").write_text('{"model":' * 80)
    texts = HERE / "tokenizer"
    texts.mkdir(exist_ok=True)
    inputs = [b"the cat isn't 1234", b" \n\n \r\n  x", b"\xff\xf0\x9f\x98 <s> \xed\xa0\x80", "e\u0301 \ufb01 \u3000<|endoftext|>\u4f60".encode(), b"<s>  <s>a", b"ab" * 60, "'\u017f 'S".encode()]
    for number, text in enumerate(inputs):
        (texts / f"text{number}").write_bytes(text)


main()
