"""The grammar of ListOps: what its expressions are, how they are drawn, what they come to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ccnn_pc._checks import check_at_least

#: Operators and the bracket that closes them; digits stand for themselves.
OPERATORS = ("[MAX", "[MIN", "[MED", "[SM")
CLOSE = "]"
DIGITS = tuple(str(digit) for digit in range(10))
#: Probability of an operator where one may stand.
_OPERATOR_SHARE = 0.25


class _TooLong(Exception):
    """The expression has more tokens than wanted."""


@dataclass(frozen=True)
class Grammar:
    """Nested lists of digits under the operators maximum, minimum, median and sum modulo 10.

    Nangia and Bowman 2018 (arXiv 1804.06028), with the numbers of Long Range Arena (Tay et al. 2021, arXiv 2011.04006):
    an operator stands with probability 1/4, a digit else and at the greatest depth; operators have 2 to
    ``most_arguments`` arguments. Expressions that are shorter or longer than wanted are drawn again.

    Args:
        shortest: tokens of an expression, at least; an operator and its bracket are two.
        longest: at most.
        depth: at most; digits alone have depth 1.
        most_arguments: of an operator.

    Raises:
        ValueError: numbers out of range, or none that fit.

    Example:
        >>> found = Grammar(5, 20).draw(random.Random(0))
        >>> " ".join(found), evaluate(found)
        ('[MIN 7 4 4 8 1 6 ]', 1)
    """

    shortest: int = 500
    longest: int = 2000
    depth: int = 10
    most_arguments: int = 10

    def __post_init__(self) -> None:
        check_at_least("shortest", self.shortest, 1)
        check_at_least("depth", self.depth, 1)
        check_at_least("most_arguments", self.most_arguments, 2)
        check_at_least("longest", self.longest, self.shortest)
        if self.depth == 1 and self.shortest > 1:
            raise ValueError(f"'shortest' must be 1 at depth 1: digits alone (got {self.shortest})")

    def draw(self, source: random.Random) -> list[str]:
        """One expression, token by token."""
        while True:
            tokens: list[str] = []
            try:
                self._grow(source, 1, tokens)
            except _TooLong:
                continue
            if len(tokens) >= self.shortest:
                return tokens

    def _grow(self, source: random.Random, depth: int, tokens: list[str]) -> None:
        if len(tokens) >= self.longest:
            raise _TooLong
        if depth == self.depth or source.random() >= _OPERATOR_SHARE:
            tokens.append(DIGITS[_below(source, len(DIGITS))])
            return
        count = 2 + _below(source, self.most_arguments - 1)
        tokens.append(OPERATORS[_below(source, len(OPERATORS))])
        for _ in range(count):
            self._grow(source, depth + 1, tokens)
        if len(tokens) >= self.longest:
            raise _TooLong
        tokens.append(CLOSE)


def _below(source: random.Random, count: int) -> int:
    """A number below ``count``; only ``random()`` promises the same numbers in every version of Python."""
    return int(source.random() * count)


def evaluate(tokens: Sequence[str]) -> int:
    """What an expression comes to, 0 to 9; the median of an even number of digits is the mean of two, rounded down.

    Raises:
        ValueError: no expression.

    Example:
        >>> evaluate("[SM 9 [MED 1 2 ] [MIN 3 4 ] ]".split())
        3
    """
    stack: list[tuple[str, list[int]]] = [("", [])]
    for token in tokens:
        if token in OPERATORS:
            stack.append((token, []))
        elif token == CLOSE and len(stack) > 1 and stack[-1][1]:
            operator, values = stack.pop()
            stack[-1][1].append(_apply(operator, values))
        elif token in DIGITS:
            stack[-1][1].append(int(token))
        else:
            raise ValueError(f"'tokens' must be an expression of ListOps (got {token!r} where it cannot be)")
    if len(stack) > 1 or len(stack[0][1]) != 1:
        raise ValueError(f"'tokens' must be one whole expression (got {len(stack) - 1} open brackets)")
    return stack[0][1][0]


def _apply(operator: str, values: list[int]) -> int:
    if operator == "[MAX":
        return max(values)
    if operator == "[MIN":
        return min(values)
    if operator == "[SM":
        return sum(values) % 10
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) // 2
