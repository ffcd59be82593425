"""The commands of the examples end quietly if nobody reads on, and their help is plain text."""

import importlib
import os
import subprocess
import sys

import pytest

COMMANDS = [
    "modular_addition", "modular_addition.train", "comparison", "comparison.record", "comparison.costs",
    "key_frequencies", "number_embeddings",
]  # fmt: skip
SAY = "from examples.command import say; say('a∘b')"


@pytest.mark.parametrize(
    "arguments", [["-m", "examples.comparison.record", "--help"], ["-c", SAY]], ids=["help", "say"]
)
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_that_stops_is_no_error(arguments, buffered):
    start = [sys.executable, *([] if buffered else ["-u"]), *arguments]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(start, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_characters_that_a_terminal_lacks_are_replaced():
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "a?b\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command_and_has_no_markup(name, capsys):
    module = f"examples.{name}" if "." in name else f"examples.{name}.__main__"
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(module).main(["--help"])
    printed = capsys.readouterr().out
    assert stopped.value.code == 0
    assert printed.startswith(f"usage: python -m examples.{name} ")
    assert "`" not in printed
