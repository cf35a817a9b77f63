"""Reads the profiles of `valgrind --tool=callgrind --dump-line=yes` and says which feature of a program each instruction is for.

callgrind knows the source line of each instruction, inlined or not, so what a feature has written itself is known exactly. But a
third of a Rust program is code of libraries that belongs to whoever uses it: iterators, vectors, locks, strings. For that
there are two rules:

- Inlined, it is for the feature whose line comes before it in the same function: callgrind writes a function in the order of its
  addresses, and what the compiler has inlined stands amid the code that it was inlined in.
- In a function that has no line of any feature, such as the growing of a vector, it is for those who call it, in proportion to what
  their calls cost, and so on upwards.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

# Names are written once and then stand as their number: `fn=(8722) name`, later `fn=(8722)`. Those of files share their numbers, and
# those of functions, whether they call or are called.
NAME = re.compile(r"(c?)(fn|fl|fi|fe)=\((\d+)\)(?: (.*))?")
# A position, relative or not, and a cost.
COST = re.compile(r"(?:[+-]?\d+|\*) (\d+)$")
# What callgrind adds to a function that is in the midst of itself.
RECURSION = re.compile(r"'\d+$")
# The feature of what nobody can be found for.
NOBODY = ""


@dataclass(frozen=True)
class Cost:
    """Instructions of one source line, or of what it calls."""

    feature: str | None
    """Whose line it is; nothing for a library's."""
    callee: str | None
    instructions: int


@dataclass
class Profile:
    """Instructions, by what is known of whom they are for."""

    own: Counter[str] = field(default_factory=Counter)
    """By feature."""
    libraries: Counter[str] = field(default_factory=Counter)
    """By function, of those without a line of any feature."""
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By who calls, for which feature as far as that is known, and who is called: what is called included."""

    def __sub__(self, start: Self) -> "Profile":
        """What a longer run has more than a shorter one: not the start of the program, which is the same in both."""
        return Profile(self.own - start.own, self.libraries - start.libraries, self.calls - start.calls)

    def add(self, function: str, costs: list[Cost]) -> None:
        """The lines of a function in the order of their addresses. What comes before all lines of features is for the first."""
        feature = next((cost.feature for cost in costs if cost.feature), NOBODY)
        for cost in costs:
            feature = cost.feature or feature
            if cost.callee is not None:
                self.calls[function, feature, cost.callee] += cost.instructions
            elif feature:
                self.own[feature] += cost.instructions
            else:
                self.libraries[function] += cost.instructions

    def by_feature(self) -> Counter[str]:
        """All instructions. What has no caller is for nobody."""
        callers: dict[str, list[tuple[str, str, int]]] = {}
        for (caller, feature, callee), instructions in self.calls.items():
            callers.setdefault(callee, []).append((caller, feature, instructions))
        features: Counter[str] = Counter(self.own)
        for function, instructions in self.libraries.items():
            for feature, share in shares(function, callers).items():
                features[feature] += instructions * share
        return features


def shares(
    function: str, callers: dict[str, list[tuple[str, str, int]]], below: frozenset[str] = frozenset()
) -> dict[str, float]:
    """For whom a function of a library runs; the shares add up to one. `below` are those it is asked for, which may call each
    other in a circle."""
    below |= {function}
    known = [one for one in callers.get(function, []) if one[0] not in below]
    total = sum(instructions for _, _, instructions in known)
    if not total:
        return {NOBODY: 1.0}
    found: Counter[str] = Counter()
    for caller, feature, instructions in known:
        for name, share in ({feature: 1.0} if feature else shares(caller, callers, below)).items():
            found[name] += share * instructions / total
    return found


def read(path: Path, feature: Callable[[str], str | None]) -> Profile:
    """`feature` tells whose a source file is, and nothing for a library's."""
    profile = Profile()
    with path.open(errors="replace") as lines:
        for function, costs in functions(lines, feature):
            profile.add(function, costs)
    return profile


def functions(lines: Iterable[str], feature: Callable[[str], str | None]) -> Iterator[tuple[str, list[Cost]]]:
    names: dict[tuple[str, str], str] = {}
    features: dict[str, str | None] = {}
    file, function, callee = "", "", None
    costs: list[Cost] = []
    for line in lines:
        if named := NAME.match(line):
            called, kind, number, name = named.groups()
            table = "function" if kind == "fn" else "file"
            if name is not None:
                names[table, number] = RECURSION.sub("", name) if kind == "fn" else name
            name = names[table, number]
            match called, table:
                case "c", "function":
                    callee = name
                case "", "function":
                    yield function, costs
                    function, costs, callee = name, [], None
                case "", "file":
                    file = name
                    if file not in features:
                        features[file] = feature(file)
        elif cost := COST.match(line):
            # The line after `cfn=` and `calls=` is of the call.
            costs.append(Cost(features.get(file), callee, int(cost[1])))
            callee = None
    yield function, costs
