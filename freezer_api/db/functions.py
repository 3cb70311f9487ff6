# SPDX-License-Identifier: Apache-2.0
"""Functions in SQL that each database spells in its own way."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import FunctionElement


class json_text(FunctionElement[str]):  # noqa: N801  # named as the SQL functions beside it
    """A scalar inside of a JSON text, as text; NULL if it is null or not there."""

    inherit_cache = True
    type = sa.Text()

    def __init__(self, document: Any, path: Sequence[str]) -> None:
        json_path = '$' + ''.join(f'."{step}"' for step in path)
        super().__init__(document, sa.literal(json_path), *(sa.literal(step) for step in path))


@compiles(json_text, 'sqlite')
def _sqlite_json_text(element: Any, compiler: Any, **kwargs: Any) -> str:
    document, path, *_ = (compiler.process(clause, **kwargs) for clause in list(element.clauses)[:2])
    return (
        f"CASE json_type({document}, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
        f' ELSE CAST(json_extract({document}, {path}) AS TEXT) END'
    )


@compiles(json_text, 'mysql')
@compiles(json_text, 'mariadb')
def _mysql_json_text(element: Any, compiler: Any, **kwargs: Any) -> str:
    document, path = (compiler.process(clause, **kwargs) for clause in list(element.clauses)[:2])
    # What MySQL extracts is no text, and its null does not equal 'null' before it is one. The outer cast is for the
    # comparisons, which would ignore case, and in any collation of texts blanks at the end.
    return (
        f'CAST(JSON_UNQUOTE(NULLIF(CAST(JSON_EXTRACT({document}, {path}) AS CHAR CHARACTER SET utf8mb4),'
        " 'null')) AS BINARY)"
    )


@compiles(json_text, 'postgresql')
def _postgresql_json_text(element: Any, compiler: Any, **kwargs: Any) -> str:
    document, _, *steps = list(element.clauses)
    arguments = ', '.join(f'CAST({compiler.process(step, **kwargs)} AS TEXT)' for step in steps)
    return f'json_extract_path_text(CAST({compiler.process(document, **kwargs)} AS JSON), {arguments})'


class exactly(FunctionElement[bool]):  # noqa: N801  # named as the SQL functions beside it
    """A comparison of a text column, ``==`` or ``!=``, that minds blanks at the end on all databases."""

    inherit_cache = True
    # Not Boolean: the databases without booleans would compare with 1, and use no index.
    type: Any = sa.types.NULLTYPE

    def __init__(self, comparison: Any) -> None:
        super().__init__(comparison)


@compiles(exactly)
def _plain_exactly(element: Any, compiler: Any, **kwargs: Any) -> str:
    return f'({compiler.process(element.clauses, **kwargs)})'


@compiles(exactly, 'mysql')
@compiles(exactly, 'mariadb')
def _mysql_exactly(element: Any, compiler: Any, **kwargs: Any) -> str:
    # Their collations pad texts with blanks. The first comparison is what an index can go by.
    (comparison,) = element.clauses
    left, right = (
        compiler.process(side, **kwargs) for side in (comparison.left, comparison.right)
    )
    text = compiler.process(comparison, **kwargs)
    sign, glue = ('=', 'AND') if comparison.operator is operators.eq else ('!=', 'OR')
    return f'({text} {glue} CHAR_LENGTH({left}) {sign} CHAR_LENGTH({right}))'
