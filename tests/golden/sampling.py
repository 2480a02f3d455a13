"""Writes sampling.json: logits, histories, and what the logits processors of transformers make of them.
Run: python tests/golden/sampling.py (torch 2.13, transformers 5.23)."""

import json
import math
import pathlib

import torch
from transformers import generation as g

VOCAB, EOS = 24, [2, 5]
torch.manual_seed(0)


def warp(**a):
    return [
        *([g.TemperatureLogitsWarper(a["temperature"])] if "temperature" in a else []),
        *([g.TopKLogitsWarper(a["top_k"])] if "top_k" in a else []),
        *([g.TopPLogitsWarper(a["top_p"])] if "top_p" in a else []),
        *([g.MinPLogitsWarper(a["min_p"])] if "min_p" in a else []),
        *([g.TypicalLogitsWarper(a["typical_p"])] if "typical_p" in a else []),
    ]


def penalise(prompt, **a):
    return [
        *([g.RepetitionPenaltyLogitsProcessor(a["repetition_penalty"])] if "repetition_penalty" in a else []),
        *([g.NoRepeatNGramLogitsProcessor(a["no_repeat_ngram"])] if "no_repeat_ngram" in a else []),
        *([g.NoBadWordsLogitsProcessor(a["bad_words"], eos_token_id=torch.tensor(EOS))] if "bad_words" in a else []),
        *([g.MinLengthLogitsProcessor(a["min_length"], torch.tensor(EOS))] if "min_length" in a else []),
        *([g.MinNewTokensLengthLogitsProcessor(prompt, a["min_new_tokens"], torch.tensor(EOS))] if "min_new_tokens" in a else []),
        *([g.ForcedBOSTokenLogitsProcessor(a["forced_first"])] if "forced_first" in a else []),
        *([g.SuppressTokensLogitsProcessor(a["suppress"])] if "suppress" in a else []),
        *([g.SuppressTokensAtBeginLogitsProcessor(a["suppress_first"], prompt)] if "suppress_first" in a else []),
    ]


def numbers(row):
    return [None if math.isinf(x) else x for x in row.tolist()]


cases = []
for number, settings in enumerate([
    {"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.6}, {"top_p": 0.95}, {"min_p": 0.1}, {"typical_p": 0.5}, {"typical_p": 0.9},
    {"temperature": 1.7, "top_k": 12, "top_p": 0.8, "min_p": 0.05, "typical_p": 0.9}, {"temperature": 0.1, "top_k": 3, "top_p": 0.3}, {"top_k": 100}, {"top_p": 0.0001},
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.8}, {"no_repeat_ngram": 1}, {"no_repeat_ngram": 2}, {"no_repeat_ngram": 3},
    {"bad_words": [[3], [7, 4], [8, 7, 9], [5]]}, {"min_length": 9}, {"min_length": 4}, {"min_new_tokens": 3}, {"min_new_tokens": 1}, {"forced_first": 4}, {"suppress": [1, 6]}, {"suppress_first": [1, 6]},
    {"repetition_penalty": 1.2, "no_repeat_ngram": 2, "bad_words": [[3]], "min_length": 20, "suppress": [0], "temperature": 0.8, "top_k": 10, "top_p": 0.9},
]):
    for tokens, prompt in [([7], 1), ([8, 7], 2), ([1, 8, 7, 9, 1, 8, 7], 4)]:
        logits = torch.randn(1, VOCAB) * 2
        if number == 1:
            logits = (logits * 2).round() / 2  # equal ones
        scores = logits.clone()
        for processor in [*penalise(prompt, **settings), *warp(**settings)]:
            scores = processor(torch.tensor([tokens]), scores)
        cases.append({"settings": settings, "tokens": tokens, "prompt": prompt, "logits": numbers(logits[0]), "scores": numbers(scores[0])})
path = pathlib.Path(__file__).with_name("sampling.json")
path.write_text(json.dumps({"ends": EOS, "cases": cases}) + "\n")
print(len(cases), "cases")
