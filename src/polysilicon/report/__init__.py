"""The only room that formats: the same result for the terminal, as a web page, as JSON and as CSV.

Architecture in one paragraph: `words` writes numbers, gaps and other people's text; `terminal` owns the console and
shows any `records.table.Table`; `estimate`, `search`, `run`, `verdict`, `rules`, `trust`, `lookout`, `porting`,
`explanation`, `scores` and `summary` show what the rooms return; `page` (a plan), `scores_page` (a validation) and
`evidence` (a verified port) render `templates/` with the figures of `figures` and a vendored Apache ECharts, all in one
file that needs no network; `files` writes CSV and JSON, `bundle` a signed-off zip file. A room returns frozen results,
this room shows them, and nothing here computes a figure that a room did not return.
Rendering is deterministic: the same result gives the same bytes.
"""
