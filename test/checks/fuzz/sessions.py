import itertools
import os

import schemathesis

with open(os.environ["FUZZ_TOKENS"]) as file:
    TOKENS = itertools.cycle(file.read().split())


@schemathesis.auth(refresh_interval=None)
class Sessions:
    """Gives each request the next access token."""

    def get(self, case, context):
        return next(TOKENS)

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"
