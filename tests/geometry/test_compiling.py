"""The mark for the compiler is torch's own, and the package does not load the compiler."""

import subprocess
import sys

import torch

from pano_geometry.compiling import constant_result


def test_mark_is_that_of_torch():
    def ours():
        return 1

    def theirs():
        return 1

    assert vars(constant_result(ours)) == vars(torch.compiler.assume_constant_result(theirs))


def test_import_does_not_load_the_compiler():
    code = "import pano_geometry, sys; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
