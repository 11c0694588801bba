"""The steps, one file each; their numbers follow one another.

Each says whether it `expands`: whether every version that works with the schema before it works with the one after it as well, beside
a version that knows it. It adds tables, columns that may be left out, and indexes that are not unique; what an old version writes
without the new column is right for the new one; and nothing is taken away or meant otherwise. A step that does more contracts: it waits
for the release after the one that stopped using what goes. Of the steps before the first release none expands, for no two versions
stood side by side.
"""
