"""Traces: three formats, each bad line named, nothing dropped in silence."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from polysilicon.performance.replays import trace as reading
from polysilicon.performance.replays.trace import read_trace
from polysilicon.records.errors import InputError

EXAMPLES = Path(__file__).parents[3] / "examples" / "traces"
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)
PLAIN = "arrival_s,input_tokens,output_tokens\n0,100,10\n1.5,200,20\n"
MOONCAKE = """{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [7, 9]}
{"timestamp": 2500, "input_length": 1024, "output_length": 6, "hash_ids": [7, 8]}
"""


@pytest.fixture
def write(tmp_path):
    def written(content, name="trace"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.mark.parametrize(
    ("file", "format_", "lines", "prompt", "answer"),
    [
        ("azure_llm_2023_conversation.csv.gz", "azure", 19_366, 22_361_870, 4_088_665),
        ("mooncake_fast25_conversation.jsonl.gz", "mooncake", 12_031, None, None),
    ],
)
def test_the_published_traces_are_read_whole(file, format_, lines, prompt, answer):
    found = read_trace(EXAMPLES / file)
    assert (found.format, found.lines, len(found.traffic), found.skipped) == (format_, lines, lines, ())
    assert found.traffic.arrival_s[0] == 0
    assert np.all(np.diff(found.traffic.arrival_s) >= 0)
    if prompt:
        assert (found.traffic.prompt.sum(), found.traffic.answer.sum()) == (prompt, answer)
    else:
        assert found.traffic.distinct_blocks == 182_790
        assert found.traffic.span_s == pytest.approx(3536.999)


@pytest.mark.parametrize(("text", "times"), [(AZURE, [0, 4.314579]), (PLAIN, [0, 1.5]), (MOONCAKE, [0, 2.5])])
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_is_known_by_its_first_line(write, text, times, packed):
    found = read_trace(write(gzip.compress(text.encode()) if packed else text))
    assert found.traffic.arrival_s == pytest.approx(times, abs=1e-6)
    assert found.lines == 2


def test_blocks_keep_who_shares_them(write):
    found = read_trace(write(MOONCAKE)).traffic
    assert found.offset.tolist() == [0, 2, 4]
    assert found.blocks[0] == found.blocks[2]
    assert len(set(found.blocks.tolist())) == found.distinct_blocks == 3


def test_plain_csv_may_name_blocks_and_have_other_columns(write):
    text = 'user,arrival_s,input_tokens,output_tokens,hash_ids\na,3,1024,1,5 6\n"b,c",1,600,2,5\n'
    found = read_trace(write(text))
    assert found.unordered == 1
    assert found.traffic.prompt.tolist() == [600, 1024]
    assert found.traffic.blocks.tolist() == [0, 0, 1]


BAD = "arrival_s,input_tokens,output_tokens\n0,100,10\nsoon,100,10\n1,-5,10\n2,100\n3,100,10\n4,1e3,10\n\nnan,5,5\n"


def test_a_broken_quotation_is_a_bad_line_or_no_header(write):
    found = read_trace(write(PLAIN + '"2,1,1\n3\rx,"1",1\n"4",1,1\n'), "skip")
    assert len(found.skipped) == 2
    assert len(found.traffic) == 3
    with pytest.raises(InputError, match="is broken CSV"):
        read_trace(write('"arrival_s,input_tokens\n'))


def test_bad_lines_end_the_reading_with_the_first_and_the_numbers_of_the_others(write):
    with pytest.raises(InputError) as refused:
        read_trace(write(BAD))
    said = str(refused.value)
    for words in (
        "trace:3: arrival_s: is no time",
        "found 'soon'",
        "lines 4, 5, 7, 9 can't be read",
        "--bad-lines skip",
    ):
        assert words in said


def test_bad_lines_are_skipped_where_that_is_asked_for_and_each_is_named(write):
    found = read_trace(write(BAD), "skip")
    assert found.lines == 7
    assert len(found.traffic) == 2
    assert [one.split(": ")[0].rsplit(":", 1)[1] for one in found.skipped] == ["3", "4", "5", "7", "9"]
    assert "input_tokens: is no such number; found '-5'; allowed: a whole number from 1" in found.skipped[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"timestamp": 0, "output_length": 5}', "missing required field `input_length`"),
        ('{"timestamp": "0", "input_length": 1, "output_length": 5}', "timestamp: Expected `float`, got `str`"),
        ('{"timestamp": 0, "input_length": 0, "output_length": 5}', "input_length: Expected `int` >= 1"),
        ('{"timestamp": 0, "input_length": 9, "output_length": 5, "hash_ids": [1, 2]}', "more blocks than the prompt"),
        ('{"timestamp": 0, "input_length": 9, "output_length": 5, "hash_ids": [-1]}', "hash_ids"),
        ('{"timestamp": 1e400, "input_length": 9, "output_length": 5}', "timestamp"),
        ('{"timestamp": 0, "input_length": 9', "is no JSON"),
        ("[" * 100_000, "Expected `object`"),
        ("0,1,2", "Expected `object`, got `int`; found '0,1,2'"),
        ("\x00\x00", "is no JSON"),
    ],
)
def test_a_bad_object_is_named_with_its_field(write, line, said):
    found = read_trace(write(MOONCAKE + line + "\n"), "skip")
    assert len(found.skipped) == 1
    assert "trace:3" in found.skipped[0]
    assert said in found.skipped[0]
    assert len(found.skipped[0]) < 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no requests"),
        (b"\n\n", "holds no requests"),
        (b"arrival_s,input_tokens,output_tokens\n", "holds no requests"),
        (b"a,b,c\n1,2,3\n", "is not the first line of a trace"),
        (b"arrival_s,input_token,output_tokens\n", "did you mean input_tokens?"),
        (b"arrival_s,arrival_s,input_tokens,output_tokens\n1,1,1,1\n", "has a column twice"),
        (b"\xff\xfe\x00", "is not the first line of a trace"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "is broken gzip"),
        (b"\x1f\x8bnot really", "can't be read"),
        (b"{" + b"x" * (2**22 + 10), "is longer than 4 MiB"),
    ],
)
def test_what_is_no_trace_is_refused(write, content, said):
    with pytest.raises(InputError) as refused:
        read_trace(write(content))
    assert said in str(refused.value)


def test_a_bomb_is_not_unpacked_to_its_end(write, monkeypatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED_BYTES", 10_000)
    text = "arrival_s,input_tokens,output_tokens\n" + "0,1,1\n" * 100_000
    with pytest.raises(InputError, match="unpacks to more than"):
        read_trace(write(gzip.compress(text.encode())))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="can't be read"):
            read_trace(path)
