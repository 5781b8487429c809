"""Reading numbers out of a configuration that others wrote: any of several spellings, checked, or a clear complaint."""

from collections.abc import Mapping
from typing import Any

from polysilicon.records.errors import InputError, Place

MOST = 10**12
# Operators of layers are listed one by one.
MOST_LAYERS = 10_000


class Keys:
    """A configuration whose numbers are asked for by every name they go by."""

    def __init__(self, config: Mapping[str, Any], name: str) -> None:
        if not isinstance(config, Mapping):
            raise InputError("a model's configuration must be a table of keys", place=Place(name), found=config)
        self.config = config
        self.name = name

    def has(self, *names: str) -> bool:
        """Whether any of `names` stands there with a value."""
        return any(self.config.get(one) is not None for one in names)

    def count(self, *names: str, default: int | None = None, most: int = MOST) -> int:
        """The whole number under the first of `names` that has one.

        Raises:
            InputError: none has and there is no default, or it is not a whole number from 0 to `most`.
        """
        for one in names:
            value = self.config.get(one)
            if value is None:
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
                raise InputError("not a count", place=Place(self.name, None, one), found=value, allowed=f"0 to {most}")
            return value
        if default is None:
            raise InputError(
                f"missing field {names[0]!r}", place=Place(self.name), allowed=names if len(names) > 1 else None
            )
        return default

    def positive(self, *names: str, default: int | None = None, most: int = MOST) -> int:
        """As `count`, and above zero."""
        value = self.count(*names, default=default, most=most)
        if value == 0:
            raise InputError("must be above zero", place=Place(self.name, None, names[0]), found=value)
        return value

    def share(self, name: str) -> float:
        """A number above 0 and at most 1.

        Raises:
            InputError: it is missing, or no such number.
        """
        value = self.config.get(name)
        if value is None:
            raise InputError(f"missing field {name!r}", place=Place(self.name))
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
            place = Place(self.name, None, name)
            raise InputError("not a share", place=place, found=value, allowed="above 0, at most 1")
        return float(value)

    def counts(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """A list of counts.

        Raises:
            InputError: missing, empty, or not a list of whole numbers from 0 to `most`.
        """
        value = self.config.get(name)
        if not isinstance(value, list) or not value:
            raise InputError("must be a list of counts", place=Place(self.name, None, name), found=value)
        return tuple(Keys({name: one}, self.name).count(name, most=most) for one in value)

    def sizes(self, name: str) -> tuple[int, ...]:
        """As `counts`, and each above zero."""
        value = self.counts(name)
        if 0 in value:
            raise InputError("must be above zero", place=Place(self.name, None, name), found=list(value))
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of keys inside this one; empty where there is none.

        Raises:
            InputError: something else stands there.
        """
        value = self.config.get(name) or {}
        if not isinstance(value, Mapping):
            raise InputError("must be a table of keys", place=Place(self.name, None, name), found=value)
        return value

    def flag(self, name: str, default: bool) -> bool:
        """A yes or no."""
        value = self.config.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError("must be true or false", place=Place(self.name, None, name), found=value)
        return value
