"""The tables that the numbered scripts print: each row is a claim, the paper's number and this project's."""

Row = tuple[str, str, str]
