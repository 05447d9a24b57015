"""The order in which conditional parameters are proposed."""

from __future__ import annotations

from sweeps.search.trials import InfeasibleSpaceError
from sweeps.spec.parameters import Parameter


def sort_parents_first(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Order parameters so that each comes after those its conditions name, else as given."""
    names = {parameter.name for parameter in parameters}
    ordered: dict[str, Parameter] = {}
    left = list(parameters)
    while left:
        ready = [
            item
            for item in left
            if all(when.parent in ordered or when.parent not in names for when in item.when)
        ]
        if not ready:
            raise InfeasibleSpaceError(f"conditions in a circle: {[item.name for item in left]}")
        ordered.update({item.name: item for item in ready[:1]})
        left.remove(ready[0])
    return tuple(ordered.values())
