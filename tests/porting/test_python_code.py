import ast
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.porting.syntax import lines_with


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("import torch\nx = torch.device('cuda')", "dev-string"),
        ("x = y.cuda()", "dev-method"),
        ("import torch\ntorch.cuda.empty_cache()", "mem-api"),
        ("import torch.cuda as tc\ns = tc.Stream()", "str-stream"),
        ("from torch import cuda as tc\ns = tc.Stream()", "str-stream"),
        ("from torch.cuda.amp import autocast as half\nwith half():\n    pass", "amp-module"),
        ("import torch\ntorch.distributed.init_process_group('nccl')", "dst-backend"),
        ("import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'", "flg-env"),
        ("from apex.optimizers import FusedAdam", "apx-apex"),
        ("import flash_attn", "att-flash"),
        ("if x.device.type == 'cuda':\n    pass", "dev-compare"),
        ("x.to(0)", "dev-index"),
        ("import torch\nx = torch.load('a.pt')", "ckp-load"),
        ("from torch.utils.cpp_extension import CUDAExtension", "cux-extension"),
        ("import pynvml", "nvm-nvml"),
        ("import subprocess\nsubprocess.run(['nvidia-smi', '-q'])", "nvm-smi"),
        ("import torch\nm = torch.jit.script(f)", "jit-script"),
        ("import torch\ng = torch.cuda.CUDAGraph()", "str-graph"),
        ("import tensorrt", "srv-tensorrt"),
        ("import torch\nx = torch.cuda.FloatTensor(3)", "dev-tensor-type"),
        ("is_xpu_available()", "dev-ladder"),
        ("import torch\nclass A(torch.cuda.amp.GradScaler):\n    pass", "amp-module"),
        ("import torch\ntry:\n    f()\nexcept torch.cuda.OutOfMemoryError:\n    pass", "dev-module"),
        ("match x:\n    case 'cuda':\n        pass", "dev-string"),
        ("import torch\nmatch x:\n    case torch.device(type='cuda'):\n        pass", "dev-string"),
        (
            "import torch\nmatch x:\n    case {'a': [torch.cuda.BoolStorage, *_]} | None as y:\n        pass",
            "dev-module",
        ),
    ],
)
def test_a_tie_is_seen_under_whatever_name_it_was_imported(rules, text, rule):
    assert rule in rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "# x.cuda() and torch.device('cuda')",
        "def f():\n    '''Runs on cuda.'''",
        "cuda = None\ncuda.compile()",
        "import re\nre.compile('x')",
        "import torch\nx = torch.load('a.pt', map_location='cpu')",
        "x.to(dtype)",
    ],
)
def test_what_is_no_code_or_no_tie_is_left_alone(found, text):
    assert not [one for one in found(text) if one.verdict != "check"]


def test_a_position_is_that_of_the_name(found):
    one = next(
        one for one in found("import torch\n\n\nx = 1; y = torch.cuda.current_device()") if one.rule == "dev-api"
    )
    assert (one.line, one.column, one.symbol) == (4, 11, "torch.cuda.current_device")


def test_a_method_is_one_finding_and_a_word_elsewhere_on_its_line_another(found):
    told = [(one.rule, one.column) for one in found("x = cuda_model.cuda(); f(use_cuda)") if one.counts]
    assert told == [("dev-method", 4), ("dev-word", 25)]
    assert {one.rule for one in found("x = cuda_model.double()")} >= {"dev-word"}


def test_what_a_device_is_compared_with_is_one_finding(found):
    assert [one.rule for one in found("if x.device.type == 'cuda':\n    pass") if one.counts] == ["dev-compare"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("é = 'ü'; x = y.cuda()", (1, 13)),
        ("\n\nx = (model('é')\n     .cpu()\n     .cuda())", (5, 6)),
        ("x = (model\n  . to(y)  . cuda())", (2, 13)),
        ("x = y.z.cuda()", (1, 4)),
    ],
)
def test_a_column_counts_characters_of_the_line_that_is_told(found, text, place):
    assert [(one.line, one.column) for one in found(text) if one.rule == "dev-method"] == [place]


@pytest.mark.parametrize(
    "text",
    [
        "import torch\nif is_npu_available():\n    torch.npu.empty_cache()\nelse:\n    torch.cuda.empty_cache()",
        "import torch\nif use_npu:\n    pass\nelif torch.cuda.is_available():\n    torch.cuda.synchronize()",
        "import torch\ndef f():\n    if is_npu:\n        return 1\n    torch.cuda.synchronize()",
        "x = device.type in ('cuda', 'npu')",
        "import torch\nmatch kind:\n    case 'npu':\n        pass\n    case 'cuda':\n        torch.cuda.synchronize()",
    ],
)
def test_a_ladder_that_has_a_rung_for_the_target_is_done(found, text):
    assert not [one for one in found(text) if one.counts]
    assert [one for one in found(text, "musa") if one.counts]


def test_a_block_of_one_warp_is_pointed_at_where_its_default_is_settled(found):
    text = "def quantize(x, blocksize=64):\n    '''Quantise.'''\n    y = x\n    return y"
    one = next(one for one in found(text, "rocm") if one.rule == "wrp-block")
    assert (one.line, one.symbol) == (3, "blocksize=64")
    assert not [one for one in found("f(blocksize=256)", "rocm") if one.rule == "wrp-block"]


@given(st.lists(st.sampled_from(["cuda", "x = 1", "", "y.cuda() # cuda", "gpu"]), max_size=30))
def test_lines_are_counted_as_editors_count_them(rows):
    source = "\n".join(rows).encode()
    assert lines_with(source, ["cuda"]) == [at for at, row in enumerate(rows, start=1) if "cuda" in row]


@given(st.lists(st.sampled_from(["cuda", "x = 1", "'\\tcuda'", "y.cuda_a7(cuda_a7)", "gpu_a7"]), max_size=30))
def test_many_names_stand_on_the_lines_of_each(rows):
    source, names = "\n".join(rows).encode(), [f"cuda_a{at}" for at in range(1_000)]
    assert lines_with(source, [*names, "cuda"]) == lines_with(source, ["cuda_a7", "cuda"])


def test_many_names_take_no_longer_than_their_number(found):
    text = "".join(f"cuda_a{at} = x.to(0)\n" for at in range(20_000))
    start = time.process_time()
    assert len([one for one in found(text) if one.rule == "dev-word"]) == 20_000
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import torch\rx = y.cuda()\r", 2),
        ("import torch\na = 1 \r\r\nx = 1\nx = y.cuda()\n", 5),
        ("import torch\r\n\r\nx = y.cuda()\r\n", 3),
        ("import torch\n\f\na = 'x\f'\nx = y.cuda()\n", 4),
    ],
)
def test_lines_may_end_as_the_parser_lets_them(found, text, line):
    assert [one.line for one in found(text) if one.rule == "dev-method"] == [line]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1\nprint('first\\n\\n\\n\\nusing CUDA now')", [2]),
        ("x = ('first\\n\\n\\n'\n  'using CUDA now')", [2]),
        ('print("""first\n  using CUDA now\n \x0band then \fCUDA""")', [2, 3]),
    ],
)
def test_a_text_stands_on_lines_of_its_own(found, text, lines):
    told = [one for one in found(text, notes=True) if one.rule == "dev-text"]
    assert [one.line for one in told] == lines
    assert all(one.column <= len(text.split("\n")[one.line - 1]) for one in told)


def test_every_kind_of_statement_is_walked(rules):
    inner = "torch.cuda.synchronize()"
    holders = [
        f"for x in y:\n    {inner}",
        f"while {inner}:\n    pass",
        f"with {inner}:\n    pass",
        f"try:\n    pass\nexcept ValueError:\n    {inner}",
        f"match x:\n    case 1:\n        {inner}",
        f"async def f():\n    await g({inner})",
        f"x = [a for a in b if {inner}]",
        f"x = lambda: {inner}",
        f"@g({inner})\nclass A:\n    pass",
        f"assert {inner}",
        f"x = f'{{{inner}}}'",
        f"class A({inner}):\n    pass",
        f"class A(B, metaclass=M({inner})):\n    pass",
        f"try:\n    pass\nexcept (ValueError, f({inner})):\n    pass",
        f"match x:\n    case _ if {inner}:\n        pass",
        f"match {inner}:\n    case _:\n        pass",
    ]
    for text in holders:
        ast.parse(text)
        assert "dev-api" in rules(f"import torch\n{text}"), text
