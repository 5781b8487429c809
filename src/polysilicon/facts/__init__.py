"""The catalogue: dated, sourced facts.

Architecture in one paragraph: what people edit and review lies in `data/` (one folder a kind; YAML for chips,
systems, regions, rules and models, CSV for long tables; `docs/catalogue.md` describes them); `record` defines what
every fact carries (sources, confidence, date, the other values in conflict); `hardware`, `places`, `money`, `law`,
`architectures`, `efficiency`, `domains`, `software` are the frozen typed records of each kind and `kinds` lists
them; `compiler` validates `data/` and packs it into one content-hashed `index.msgpack`, which `index` unpacks piece
by piece; `catalogue` finds records by name in milliseconds and `overlay` lays a user's own file over them; `reading`
turns one value into a bounded figure with its origin; `browse` and `check` are what `polysilicon facts list`, `show`
and `check` print. Code here holds no figure.
"""

from polysilicon.facts.catalogue import Catalogue, load
from polysilicon.facts.record import Confidence, Origin, Record, Source

__all__ = ["Catalogue", "Confidence", "Origin", "Record", "Source", "load"]
