import json
import time

import pytest

from polysilicon.porting.notebooks import code_of

NOTEBOOK = """{
 "cells": [
  {"cell_type": "code", "source": [
   "%time\\n",
   "import torch\\n",
   "x.cuda()"
  ]}
 ]
}
"""


def test_a_notebook_gives_lines_of_its_file(scanned):
    told = [one for one in scanned({"a.ipynb": NOTEBOOK}).findings if one.rule == "dev-method"]
    assert [one.line for one in told] == [6]


def test_a_helper_of_a_notebook_is_defined_and_followed_at_lines_of_its_file(scanned):
    cell = NOTEBOOK.replace('"x.cuda()"', '"def get_gpu():\\n",\n   "    return x.cuda()\\n",\n   "y = get_gpu()"')
    told = scanned({"a.ipynb": cell})
    assert [(one.name, one.line) for one in told.helpers] == [("get_gpu", 6)]
    places = {one.rule: (one.line, one.within) for one in told.findings}
    assert (places["dev-method"], places["dev-follows"]) == ((7, 6), (8, 0))


def written(*sources, **form):
    """A notebook as `json.dump` writes it; each cell prints what it holds."""
    cells = [{"cell_type": "code", "outputs": [{"text": one}], "source": one} for one in sources]
    return json.dumps({"cells": cells}, indent=1, **form)


def lines_of(text, wanted):
    """The lines of the sources in which `wanted` stands, what is printed apart."""
    rows, within, found = text.split("\n"), False, []
    for number, row in enumerate(rows, start=1):
        within = '"source"' in row or (within and "]" not in row.strip()[:1])
        if within and wanted in row:
            found.append(number)
    return found


def test_code_that_stands_several_times_is_found_each_time_at_its_own_line(scanned):
    text = written(["x = x.cuda()\n", "x = x.cuda()\n"], ["x = x.cuda()\n", "x = x.cuda()"])
    told = [one.line for one in scanned({"a.ipynb": text}).findings if one.rule == "dev-method"]
    assert told == lines_of(text, "cuda")
    assert len(told) == 4


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_place_is_told_with_escapes_and_without(ensure_ascii):
    text = written(["s = 'é'\n", "t = 'ü\\n'\n", "x.cuda()"], ensure_ascii=ensure_ascii)
    code, places = code_of(text.encode())
    assert code.decode() == "s = 'é'\nt = 'ü\\n'\nx.cuda()"
    (last,) = lines_of(text, "cuda")
    assert places == [last - 2, last - 1, last]


def test_a_cell_in_one_text_or_in_pieces_has_the_lines_on_which_they_begin():
    text = '{"cells": [{"cell_type": "code", "source": "a\\nb"},\n{"source": ["c =",\n" 1\\nd"], "cell_type": "code"}]}'
    assert code_of(text.encode()) == (b"a\nb\nc = 1\nd", [1, 1, 2, 3])


@pytest.mark.parametrize("source", [None, 5, True, [1], [None], [["x"]], {"x": 1}])
def test_a_cell_without_text_is_passed_over_with_its_file(scanned, source):
    told = scanned({"a.ipynb": written(source), "b.py": "x.cuda()"})
    assert [(one.why, one.named) for one in told.passed] == [("no notebook", ("a.ipynb",))]
    assert told.findings


def test_a_surrogate_in_a_cell_stops_nothing(scanned):
    assert scanned({"a.ipynb": written("x.cuda('\ud800')")}).findings


def test_many_lines_with_escapes_take_no_longer_than_their_number():
    text = written([f"s = 'é{at}'\n" for at in range(30_000)]).encode()
    start = time.process_time()
    assert len(code_of(text)[1]) == 30_001
    assert time.process_time() - start < 4


@pytest.mark.parametrize(
    "magic",
    [
        "%matplotlib inline",
        "if x:\n    !nvidia-smi -q",
        "files = !ls",
        "spent = %timeit -o f()",
        "y.cpu?",
        "?y",
        "!pip install a \\\n    b c",
        "x = ('%s'\n     %name)",
    ],
)
def test_what_is_no_python_leaves_the_rest_to_the_parser(scanned, magic):
    told = scanned({"a.ipynb": written(magic.splitlines(keepends=True), ["x = y.cuda()"])})
    assert not told.doubted
    assert "dev-method" in {one.rule for one in told.findings}


def test_a_cell_in_another_language_is_no_python(scanned):
    told = scanned({"a.ipynb": written(["\n", "%%bash\n", "if cuda; then echo 1; fi"], ["x = y.cuda()"])})
    assert not told.doubted
    assert {one.rule for one in told.findings} == {"dev-method"}


@pytest.mark.parametrize("head", ["%%time", "%%writefile train.py"])
def test_a_cell_of_python_under_a_magic_is_read(scanned, head):
    assert scanned({"a.ipynb": written([f"{head}\n", "x = y.cuda()"])}).findings


def test_the_format_before_the_present_one_is_read(scanned):
    cells = [{"cell_type": "markdown", "source": "x.cuda()"}, {"cell_type": "code", "input": ["a\n", "x = y.cuda()"]}]
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}, indent=1)
    told = scanned({"a.ipynb": text})
    assert [one.line for one in told.findings if one.rule == "dev-method"] == [
        text[: text.rindex("cuda")].count("\n") + 1
    ]


def test_a_mark_of_byte_order_is_no_reason_to_pass_over_a_notebook(scanned):
    assert scanned({"a.ipynb": "\ufeff" + NOTEBOOK}).findings
