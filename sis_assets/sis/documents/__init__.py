"""Records that a SIS gives as JSON objects: read page by page, kept as lines, made into tables of text.

`pages` reads a list whole or not at all, `lines` keeps its rows as they came, `flatten` makes the table; `layout` says how
a contract describes them. A client brings its server's addresses, and what its refusals mean.
"""
