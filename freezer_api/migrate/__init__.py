# SPDX-License-Identifier: Apache-2.0
"""Move the documents of an older store into the tables.

A source is pulled into a spool, a file with one document a line as elasticdump writes it; ``dump`` reads and writes it.
``index`` notes where each line is and what placing it takes, ``plan`` decides what becomes of each, ``loader`` writes
rows and, in the same transactions, the ledger. Nothing here knows of Elasticsearch but ``records``, which reads a line.
``legacy`` is another source: it makes such lines of the tables of freezer-api 19.0.0 and before.
"""
