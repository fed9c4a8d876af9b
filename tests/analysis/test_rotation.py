"""Texts in a turned array are read as what they say, however they are kept; what has another form is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_javascript

from pumpkin.analysis import javascript, static
from pumpkin.analysis.javascript import rotation

PRACTICE = Path(__file__).parents[1] / "lookalikes/practice"
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))


HOLDER = b"function t(){const x=[%s];t=function(){return x;};return t();}function d(i){i=i-0x1;return t()[i];}"
TURN = (
    b"(function(f,g){const x=f();while(!![]){try{const v=%s;if(v===g)break;else x['push'](x['shift']());"
    b"}catch(e){x['push'](x['shift']());}}}(t,0x5));"
)


def found(source: bytes) -> list[rotation.Decoder]:
    return list(rotation.decoders(PARSER.parse(source).root_node, source).values())


@pytest.mark.parametrize("kind", ["base64", "rc4", "wrapped", "flattened"])
def test_what_the_hidden_texts_do_is_followed(kind: str) -> None:
    source = (PRACTICE / f"npm-turned-{kind}/i.js").read_bytes()
    paper = b'{"name": "a", "version": "1.0.0", "scripts": {"preinstall": "node i.js"}}'
    findings, gaps, _ = javascript.analyse({"package.json": paper, "i.js": source})
    rules = {one.rule for one in findings}
    assert {"flow-environment-leak", "flow-host-leak", "flow-download-and-run"} <= rules
    assert gaps == []


def test_a_library_sold_in_this_dress_is_judged_by_what_it_does() -> None:
    source = (PRACTICE / "npm-turned-rc4/i.js").read_bytes()
    findings, _, _ = javascript.analyse({"package.json": b'{"name": "a", "version": "1.0.0"}', "index.js": source})
    assert "flow-hidden-import" not in {one.rule for one in findings}
    assert "flow-download-and-run" in {one.rule for one in findings}


def test_an_older_form_is_turned_by_count() -> None:
    source = (
        b"var t=['c','a','b'];(function(x,n){var f=function(c){while(--c){x['push'](x['shift']());}};f(++n);}(t,0x1));"
        b"var d=function(i,k){i=i-0x10;var v=t[i];return v;};use(d('0x10'));"
    )
    (decoder,) = found(source)
    assert [decoder.text(place) for place in (16, 17, 18, 19)] == ["a", "b", "c", None]


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"const a = ['x', 'y']; a.push(a.shift()); a.push(a.shift());",
        HOLDER % b"'a','b'" + TURN % b"parseInt(d(0x1))",
        b"function f(a){a=a-1;return " + b"(" * 5000 + b"a" + b")" * 5000 + b"}a.push(a.shift());parseInt(1);",
    ],
)
def test_what_fits_no_turn_neither_breaks_nor_invents(source: bytes) -> None:
    for decoder in found(source):
        assert decoder.texts == ["a", "b"]


def test_an_array_out_of_all_measure_ends_at_the_bound() -> None:
    texts = b",".join(b"'%d'" % one for one in range(19_000))
    assert found(HOLDER % texts + TURN % b"+".join([b"parseInt(d(0x1))"] * 300)) == []


def test_the_verdict_over_one_is_malicious() -> None:
    folder = PRACTICE / "npm-obf-rotate"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert static.scan_files(files, "x", "npm").verdict.outcome.value == "malicious"
