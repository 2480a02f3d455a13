"""Writes oniguruma.json: regular expressions as tokenizer.json has them, and what the `tokenizers` library (Oniguruma) replaces by <>.
Run: python tests/golden/oniguruma.py (tokenizers 0.23.3)."""

import json
import pathlib
import warnings

from tokenizers import Regex, normalizers

warnings.simplefilter("ignore")
SAMPLE = "aZ09_- .,+$^&[]\t\n\x0b\x0c\r\x1b\x85\xa0\xad\xb2\xb5\xbc\xdf\xe9\u0130\u0301\u0345\u0378\u0660\u0903\u0e01\u180e\u1e9e\u2003\u200d\u2028\u2029\u202f\u203f\u2160\u2168\u24b6\u3007\u30a2\u30fc\u4e2d\u3002\uff21\U0001f600\U00020000"

# One character each, tried on SAMPLE.
CLASSES = (
    [rf"\{c}" for c in "wWsSdDhHNOvfeatnrjLQpP"]
    + [rf"[\{c}]" for c in "wWsSdDhHvbRNjP"]
    + [rf"[^\{c}]" for c in "wWsSdDhH"]
    + [f"[[:{n}{name}:]]" for n in ("", "^") for name in "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split()]
    + [rf"\p{{{name}}}" for name in "L Lu N Nd P S Z M C Letter uppercase_letter Punct Punctuation Alpha Alphabetic Upper Lower Space White_Space Word Graph XDigit Any Assigned LC Han hani Katakana Common Greek ^L ^Word Emoji".split()]
    + [r"\P{L}", r"\P{^L}", r"[\p{Word}]", r"[^\p{Han}\s]", r"[\p{L}&&\p{Han}]", r"[\p{L}&&[^\p{Han}]]", r"[a-z&&[^aeiou]Z]", r"[^a&&b]", r"[^\w&&[:ascii:]]", r"[a[0-9]_]", r"[^a[0-9]_]", r"[[^a]a]", r"[^[^a]]"]
    + ["[]a]", "[^]a]", "[a-]", "[-a]", "[a-c-e]", "[+--]", "[--/]", r"[\w-]", r"[\[-\]]", "[a&b]", "[$^.]", r"[\x61-\x{7a}]", r"[\u00e9\x{4e2d}]", "[:alpha:]", r"[\s\S]", ".", "(?m:.)", r"\x41|\u005A|\x{4e2d}", r"(?i:[s\d])", r"(?i:[^k])", r"(?i)\w", "]", "}", "-", "中", r"\中", r"\ "]
)
CASES = [
    (r"a{1,3}+", "aaaaaaa"), (r"\p{N}{1,3}+", "1234567"), (r"a{1,3}+b", "aaaaaaab"), (r"a{2}+", "aaaaa"), (r"a{2}?", "aaaaa"), (r"a{2}?b", "aab b"), (r"a{1,3}?", "aaaa"), (r"a{,2}", "aaaaa"), (r"a{,2}b", "aaaab"), (r"a{2,}?", "aaaaa"),
    (r"a{,}", "aa{,}"), (r"a{", "a{"), (r"a{1", "a{1"), (r"a{x}", "a{x}"), (r"{", "{"), (r"a{1, 2}", "a{1, 2}"), (r"a**", "aaa"), (r"a+*", "aaab"), (r"a?+a", "aa"), (r"a++a", "aaa"), (r"a*+a", "aaa"), (r"a{1,2}{2}", "aaaaa"), (r"(?:a{1,3})?", "aaaa"),
    (r"^", "a\nb\n"), (r"$", "a\nb\n"), (r"$", "\n\na"), (r"^", "a\rb"), (r"$", "a\r\nb"), (r"\A|\z", "a\n"), (r"\Z", "a\n"), (r"\Ga", "aab"), (r"\b", "a\u00b2b \u00b2-\u203f"), (r"\B", "a\u00b2b"), (r"\b\u00e9", "\u00e9 a\u00e9"), (r"a\Kb", "ab"), (r"\R", "a\r\nb\n\r\n\u2028"), (r"\R\n", "\r\n\n \r\n"),
    (r"a(?i)b|c", "aB C c AB"), (r"(a(?i)b|c)d", "aBd CD Cd cd"), (r"(?i:a(?-i)b)", "AB Ab"), (r"(?i-m:a)", "aA"), (r"(?m).", "a\n"), (r"(?x) a # b \n b", "ab"), (r"(?x)[ a]", "a b"), (r"(?x)a +", "aa "), (r"(?#x)a", "a"), (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'S 'll 'RE '\u017f"), (r"(?i:k)", "K\u212a"),
    (r"(?<!a)b", "ab b"), (r"(?<=a|bc)d", "ad bcd"), (r"(?>a+)a", "aaa"), (r"a(?=b)(?!bc)", "ab abc"), (r"(b)\1", "bbb"), (r"(|a)", "aa"), (r"a||b", "ab"), (r"(a*)+", "aab"), (r"a]b", "a]b"),
    (r"[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", "Hello  w\u00f6rld 12345!?\n\n  x  "),
    (r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", "a\u4e2d\u6587\u30ab\u30bfb"), (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*", "(foo) bar's $5+x\n \u00e9\u0301"),
]
# What that library takes and we refuse.
UNSUPPORTED = [r"a{3,1}", r"a+++", r"a??*", r"(?W:a)", r"(?i:ss)", r"(?i:off)", r"(?i:(?:s)t)", r"(?i:\u00e9)", r"(?i:[\u00e9])", r"(?i:[[:upper:]])", r"(?i:[\p{Lu}])", r"(?i:[\w])", r"(?i:[a[b]])", r"(?i:[a&&a])", r"(?i)(a)\1", r"(?<a>b)", r"(?'a'b)", r"(a)\k<1>", r"(?~ab)", r"(?<=a*)d", r"\X", r"\M-a", r"\xc3\xa9", r"\ca", r"\07", r"\o{141}", r"\x{61 62}", r"[a&&]", r"[a-[b]]", r"[a-c--/]", r"\p{In_Basic_Latin}", r"a{99999}"]
# What both refuse.
MALFORMED = ["(", "a)", "[", "[]", "[^]", "[[]", "[a", "[[:foo:]]", "[z-a]", r"[a-\d]", r"[\d-a]", "*a", "a|*", "{1}", "^*", "(?=a)+", r"\b?", "(?", "(?i", "(?s)a", "(?P<a>b)", "(*a)", "\\", r"\p{}", r"\p{Lu", r"\p{Nonesuch}", r"\u12", r"\8", "(?#a"]


def replaced(pattern: str, text: str) -> str:
    return normalizers.Replace(Regex(pattern), "<>").normalize_str(text)


def refused(pattern: str) -> bool:
    try:
        replaced(pattern, "a")
    except Exception:
        return True
    return False


assert not any(map(refused, UNSUPPORTED)) and all(map(refused, MALFORMED))
golden = {
    "sample": SAMPLE,
    "classes": {pattern: replaced(pattern, SAMPLE) for pattern in CLASSES},
    "cases": [[pattern, text, replaced(pattern, text)] for pattern, text in CASES],
    "unsupported": UNSUPPORTED,
    "malformed": MALFORMED,
}
path = pathlib.Path(__file__).with_name("oniguruma.json")
path.write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
print(len(CLASSES), "classes,", len(CASES), "cases,", len(UNSUPPORTED), "unsupported,", len(MALFORMED), "malformed")
