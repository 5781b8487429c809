import pytest

from polysilicon.porting.inventory import inventory, kind_of


@pytest.mark.parametrize(
    ("leave_out", "left"),
    [
        ((), ["a.py", "b/c.py", "b/d.sh", "e/c.py"]),
        (("*.sh",), ["a.py", "b/c.py", "e/c.py"]),
        (("b",), ["a.py", "e/c.py"]),
        (("b/", "*.txt"), ["a.py", "e/c.py"]),
        (("*/c.py", "*.sh", "a.py"), []),
        (("?.py",), ["b/c.py", "b/d.sh", "e/c.py"]),
        (("./a.py", "./b/"), ["e/c.py"]),
    ],
)
def test_what_is_left_out_is_left_out_with_all_below_it(tmp_path, leave_out, left):
    for path in ("a.py", "b/c.py", "b/d.sh", "e/c.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x = 1\n")
    assert [one.path for one in inventory(tmp_path, leave_out).files] == left


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gui.pyw", "python"),
        ("dockerfile", "docker"),
        ("Dockerfile.gpu", "docker"),
        ("gpu.Dockerfile", "docker"),
        ("containerfile", "docker"),
        ("makefile", "cmake"),
        ("notes.txt", None),
    ],
)
def test_a_name_tells_who_reads_a_file(name, kind):
    assert kind_of(f"some/{name}") == kind
