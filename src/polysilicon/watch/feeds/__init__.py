"""The published formats, one module each; `reading` tells which one a document is written in.

Architecture in one paragraph: every reader turns one decoded record of its format into notices and knows nothing of
the others; `moments` reads their dates; `reading` opens bytes (packed or not), finds the format by looking at the
content, and hands each record to its reader, so that one broken record costs no other; `catalogue` turns the
advisories of our own catalogue into notices of the same kind.
"""
