# SPDX-License-Identifier: Apache-2.0
"""Tells what real programs did, a line each."""

from tests import report


def line(program: str, release: str, text: str) -> None:
    """Tell what a program did.

    :param text: what happened, with figures
    """
    report.line(f'{program} {release}: {text}')
