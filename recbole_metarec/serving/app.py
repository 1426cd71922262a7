"""The service over HTTP: its routes, and what becomes of mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

from recbole_metarec import __version__
from recbole_metarec.errors import UserError
from recbole_metarec.serving.batching import Busy
from recbole_metarec.serving.body_limit import BodyLimit
from recbole_metarec.serving.messages import (
    MAX_BODY,
    MAX_ITEMS,
    ExplainRequest,
    Explanations,
    Found,
    Health,
    ModelCard,
    Problems,
    Recommendations,
    RecommendRequest,
    SimilarItems,
    SimilarRequest,
)
from recbole_metarec.serving.served import ServedModel

if TYPE_CHECKING:
    from recbole_metarec.inference.recommender import Recommender

_SHOWN = 10  # problems of one request
_POLICY = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problems, "description": "The body is no JSON."},
    404: {"model": Problems, "description": "There is no such model."},
    413: {"model": Problems, "description": "The body is too large."},
    422: {"model": Problems, "description": "The request has to be corrected."},
    503: {"model": Problems, "description": "Too many requests are waiting."},
}


def create_app(recommenders: Mapping[str, Recommender], images: bool = True) -> FastAPI:
    """Make the application that serves recommenders.

    Parameters
    ----------
    recommenders : mapping of str to Recommender
        By the name that requests ask for; the first answers where none is named.
    images : bool
        Whether to name addresses of pictures, which the page then loads from there.

    Returns
    -------
    fastapi.FastAPI
    """
    executor = ThreadPoolExecutor(1, "recommender")
    models = {name: ServedModel(name, recommender, executor, images) for name, recommender in recommenders.items()}
    app = FastAPIOffline(
        title="RecBole-MetaRec", version=__version__, redoc_url=None, description="Recommendations of trained models."
    )
    app.add_middleware(BodyLimit, largest=MAX_BODY)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(UserError, _mistaken)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(Exception, _failed)
    _add_routes(app, models)
    return app


def _add_routes(app: FastAPI, models: Mapping[str, ServedModel]) -> None:
    policy = _POLICY + " https: http:" * any(model.card().has_images for model in models.values())
    page = files("recbole_metarec.serving").joinpath("page.html").read_text(encoding="utf-8")

    def named(name: str | None) -> ServedModel:
        name = next(iter(models)) if name is None else name
        if name not in models:
            raise HTTPException(404, f"model: {name!r} is not served; write one of {', '.join(models)}")
        return models[name]

    @app.get("/", include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    @app.get("/health")
    async def health() -> Health:
        """Tell that the service answers."""
        return Health()

    @app.get("/models")
    async def list_models() -> list[ModelCard]:
        """List the models that are served."""
        return [model.card() for model in models.values()]

    @app.get("/items", responses=_REFUSALS)
    async def find_items(
        q: Annotated[str, Query(max_length=200, description="Words of a title or an id.")] = "",
        item_id: Annotated[list[str], Query(max_length=MAX_ITEMS, description="These items, and no search.")] = [],  # noqa: B006
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        model: str | None = None,
    ) -> Found:
        """Find items by words of their titles and ids."""
        asked = named(model)
        return Found(items=asked.named(item_id) if item_id else await asked.find(q, limit))

    @app.post("/recommend", responses=_REFUSALS)
    async def recommend(request: RecommendRequest) -> Recommendations:
        """Recommend what comes next in sequences."""
        return await named(request.model).recommend(request)

    @app.post("/similar", responses=_REFUSALS)
    async def similar(request: SimilarRequest) -> SimilarItems:
        """Find what is like items."""
        return await named(request.model).similar(request)

    @app.post("/explain", responses=_REFUSALS)
    async def explain(request: ExplainRequest) -> Explanations:
        """Say what the scores of items behind a sequence are made of."""
        return await named(request.model).explain(request)


def _problems(status: int, lines: Sequence[str]) -> JSONResponse:
    more = [f"and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    return JSONResponse({"detail": [*lines[:_SHOWN], *more]}, status)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if any(problem["type"] == "json_invalid" for problem in error.errors()):
        return _problems(400, [f"the body is no JSON: {error.errors()[0]['ctx']['error']}"])
    return _problems(422, [_line(problem) for problem in error.errors()])


def _line(problem: Mapping[str, Any]) -> str:
    """Say where a problem is and what it is, without repeating what may be long."""
    _, *place = problem["loc"]  # first whether in the body or in the query
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    return f"{where or 'body'}: {problem['msg']}"


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    answer = _problems(error.status_code, [str(error.detail)])
    answer.headers.update(error.headers or {})
    return answer


async def _mistaken(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    return _problems(422, error.problems)


async def _busy(_: Request, __: Exception) -> JSONResponse:
    answer = _problems(503, ["too many requests are waiting; ask again in a second"])
    answer.headers["retry-after"] = "1"
    return answer


async def _failed(_: Request, __: Exception) -> JSONResponse:
    return _problems(500, ["the service failed; its log says why"])
