"""What the agent can do."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

NEEDS_APPROVAL = frozenset({"save_note"})
MAX_EXPRESSION = 200

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}


def calculate(expression: str) -> str:
    """The value of a sum, as a sentence; a sentence that says what is wrong when it has none."""
    try:
        if len(expression) > MAX_EXPRESSION:
            raise ValueError("it is too long")
        value = _value(ast.parse(expression, mode="eval").body)
    except (ArithmeticError, SyntaxError, ValueError) as error:
        return f"I cannot calculate {expression}: {error}."
    return f"{expression} = {value:g}."


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
    raise ValueError("only numbers, + - * / and brackets are understood")
