"""The floor under every room.

Architecture in one paragraph: `errors` is the error tree and the wording of every message a user can meet;
`document` reads YAML, JSON and CSV safely and remembers on which line each value stood, so that `errors` can
say so; `names` resolves an id, alias or short name and proposes the nearest; `dates` holds half-open periods
and quarters; `interval` holds lower and upper bounds as arrays with three-valued comparisons; `recorder`
listens to formulas while one candidate is evaluated again and so explains a figure; `table` is the struct of
arrays with a unit a column that the other rooms return; `files` writes a file beside its target and renames it.
Nothing here knows a chip, a law or a price, and nothing here imports another room.
"""
