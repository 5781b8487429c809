"""The catalogue: dated, sourced facts.

Architecture in one paragraph: what people edit and review lies in `data/` (one folder a kind; YAML for chips,
systems, regions, rules and models, CSV for long series); `record` defines what every fact carries (sources,
confidence, date, the other values in conflict); `hardware`, `places`, `money`, `law`, `architectures` are the
frozen typed records of each kind; `compiler` validates `data/` and packs it into one content-hashed
`index.msgpack`; `catalogue` reads that index in milliseconds, resolves names, lays a user's own file over it,
and says of each value where it came from; `check` is what `polysilicon facts check` runs. Code here holds no
figure.
"""

from polysilicon.facts.catalogue import Catalogue, load
from polysilicon.facts.record import Confidence, Origin, Record, Source

__all__ = ["Catalogue", "Confidence", "Origin", "Record", "Source", "load"]
