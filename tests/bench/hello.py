"""The ceiling: Litestar answering a constant. Run: ``python -m tests.bench.hello PORT``."""

import sys

import uvicorn
from litestar import Litestar, Response, post


@post("/v1/trust-checks", status_code=200)
async def hello() -> Response[bytes]:
    """Answer the same bytes always."""
    return Response(b'{"decision":"allow"}', media_type="application/json")


if __name__ == "__main__":
    app = Litestar([hello], openapi_config=None, logging_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_config=None, access_log=False)
