"""Space files that are meant to do harm: name -> content. Used by test_hostile.py."""

from __future__ import annotations

HEAD = "model: os:path\ndata: os:path\nmetric: val_loss\n"


def hostile_files() -> dict[str, bytes]:
    """Name every hostile file and what it holds."""
    texts = {
        "bomb": _bomb(),
        "recursive": HEAD + "parameters: &a\n  lr: *a\n",
        "deep_flow": HEAD + "parameters: " + "[" * 5000,
        "deep_maps": HEAD + "parameters: " + "{a: " * 2000,
        "deep_lines": HEAD + "parameters:\n" + "".join(" " * i + "a:\n" for i in range(1, 400)),
        "deep_dashes": HEAD + "parameters:\n" + "- " * 4000,
        "brackets_in_lines": HEAD + "parameters: " + "[\n" * 5000,
        "tag": HEAD + "seed: !!python/object/apply:os.system ['true']\n",
        "digits": HEAD + "seed: " + "9" * 200_000 + "\n",
        "folded_digits": HEAD + "seed: " + "9" * 9_000 + "\n",
        "digits_in_float": HEAD + "parameters: {lr: {low: 0, high: 1e999999}}\n",
        "nan": HEAD + "parameters:\n  lr: {low: .nan, high: 1}\n",
        "infinite": HEAD + "parameters:\n  lr: {low: 0, high: .inf}\n",
        "mixed": HEAD + "parameters:\n  a: [1, two, true]\n",
        "name_newline": HEAD + 'parameters:\n  "a\\nb": [1, 2]\n',
        "name_slash": HEAD + "parameters:\n  /a: [1, 2]\n",
        "name_braces": HEAD + 'parameters:\n  "{a}": [1, 2]\n',
        "sweep_name": HEAD + "name: ../evil\n",
        "sweep_name_newline": HEAD + 'name: "a\\nb"\n',
        "duplicates": HEAD + "seed: 1\nseed: 2\n",
        "power": HEAD + "parameters: {a: [1, 2]}\nconstraints: ['9**9**9**9 > a']\n",
        "long_constraint": HEAD
        + "parameters: {a: [1, 2]}\nconstraints: ['"
        + "a+" * 3000
        + "a<1']\n",
        "nested_constraint": HEAD + "parameters: {a: [1]}\nconstraints: ['" + "(" * 400 + "a']\n",
        "minus_constraint": HEAD
        + "parameters: {a: [1]}\nconstraints: ['"
        + "-" * 900
        + "a < 1']\n",
        "many_values": HEAD + "parameters:\n" + "  p: [1]\n" * 20_000,
        "many_comments": "# x\n" * 60_000,
        "many_quotes": HEAD + "name: '" + "''" * 4_000 + "'\n",
        "many_escapes": HEAD + 'name: "' + "\\x41" * 2_000 + '"\n',
        "long_text": HEAD + "name: |\n" + "  abc\n" * 40_000,
        "long_plain": HEAD + "name:\n" + "  abc\n" * 40_000,
        "huge_file": "a: 1\n" * 500_000,
        "second_document": HEAD + "---\n" + HEAD,
        "merge_key": HEAD + "a: &a {b: 1}\nc: {<<: *a}\n",
        "complex_key": HEAD + "? [a, b]\n: 1\n",
        "control": HEAD + "name: a\x07b\n",
        "unclosed": HEAD + "name: 'abc\n",
        "tab": HEAD + "limits:\n\ttrials: 3\n",
        "wide_int": HEAD + "parameters: {a: {low: -9007199254740992, high: 9007199254740992}}\n",
        "tiny_step": HEAD + "parameters: {a: {low: 0, high: 1e9, step: 1e-300}}\n",
        "log_step": HEAD
        + "parameters: {a: {low: 1e-300, high: 1e9, step: 1.0000000000000002, log: true}}\n",
        "condition_chain": _chain(),
        "empty": "",
        "a_list": "- a\n- b\n",
        "a_word": "hello\n",
    }
    files = {name: text.encode() for name, text in texts.items()}
    files["latin"] = HEAD.encode() + b"name: caf\xe9\n"
    files["utf16"] = HEAD.encode("utf-16")
    files["zeros"] = b"\0" * 1000
    return files


def _bomb() -> str:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return HEAD + "\n".join(levels) + "\n"


def _chain() -> str:
    links = [f"  p{i}: {{choices: [1], when: {{p{i + 1}: 1}}}}\n" for i in range(600)]
    return HEAD + "parameters:\n" + "".join(links) + "  p600: [1]\n"
