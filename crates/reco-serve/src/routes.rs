//! The routes: takes requests apart, asks the service, and describes both for the OpenAPI document.
//!
//! Does not know how an answer comes about.
//!
//! **Invariant**: what computes runs beside the threads that talk, and no more of it at once than there are places.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    Activate, Answer, Answers, Ask, AskParams, Batch, BatchAnswer, Erased, Exported, Found, Item, KeptEvents, Models,
    NewEvents, NewItem, RankAsk, SearchParams, SimilarParams,
};
use crate::docs;
use crate::engine::Service;
use crate::events::unwritten;
use crate::extract::{Body, Id, Params};
use crate::problem::Problem;
use crate::{gorse, mcp, page};

type Of = State<Arc<Service>>;

#[derive(OpenApi)]
#[openapi(
    info(title = "reco", description = "Recommendations from a trained run, and events that change them at once"),
    tags(
        (name = "recommend", description = "What somebody should meet next"),
        (name = "items", description = "What can be recommended"),
        (name = "events", description = "What happened"),
        (name = "operate", description = "What is served, and how it is")
    )
)]
struct Document;

/// All routes, with their document.
pub(crate) fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(recommend_user))
        .routes(routes!(recommend))
        .routes(routes!(recommend_batch))
        .routes(routes!(rank))
        .routes(routes!(find_items, add_item))
        .routes(routes!(one_item, remove_item))
        .routes(routes!(similar))
        .routes(routes!(keep_events))
        .routes(routes!(export_events))
        .routes(routes!(erase_user))
        .routes(routes!(models))
        .routes(routes!(activate))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(document))
        .routes(routes!(reference))
        .merge(OpenApiRouter::from(page::router()))
        .merge(OpenApiRouter::from(gorse::router()))
        .merge(OpenApiRouter::from(mcp::router()))
}

/// Computes beside the threads that talk.
pub(crate) async fn compute<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Arc<Service>) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    // Never closed.
    let place = Arc::clone(&service.places).acquire_owned().await;
    let place = place.map_err(|error| Problem::failed(error.to_string()))?;
    let service = Arc::clone(service);
    let done = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, which does not end where its caller is gone.
        let _place = place;
        work(&service)
    })
    .await;
    done.unwrap_or_else(|panic| Err(Problem::failed(format!("the answer broke off: {panic}"))))
}

/// Answers, and writes down that an A/B test was seen.
pub(crate) async fn answered(service: &Arc<Service>, ask: Ask) -> Result<Answer, Problem> {
    let answer = compute(service, move |service| service.answer(&ask)).await?;
    if let (Some(store), Some(exposure)) = (&service.store, service.exposure(&answer)) {
        // An answer that cannot be counted is not given: a test that misses some would be wrong in silence.
        store.append(vec![exposure]).await.map_err(unwritten)?;
    }
    Ok(answer)
}

/// The best items for a user
///
/// What the user did since the training counts, if the approach can take it in. A user whom nobody knows gets the
/// answer for someone new, and is told so in `notes`.
#[utoipa::path(
    get, path = "/v1/users/{id}/recommendations", tag = "recommend",
    params(("id" = String, Path, description = "The user's id, as the ratings file writes it"), AskParams),
    responses((status = 200, body = Answer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem))
)]
async fn recommend_user(
    State(service): Of,
    Id(id): Id,
    Params(params): Params<AskParams>,
) -> Result<Json<Answer>, Problem> {
    let ask = params.ask(id).map_err(|text| Problem::wrong(&text))?;
    answered(&service, ask).await.map(Json)
}

/// The best items for a visitor, or for a user with more than fits a path
///
/// Nothing of a visitor is stored.
#[utoipa::path(
    post, path = "/v1/recommendations", tag = "recommend", request_body = Ask,
    responses((status = 200, body = Answer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem), (status = 507, body = Problem))
)]
async fn recommend(State(service): Of, Body(ask): Body<Ask>) -> Result<Json<Answer>, Problem> {
    answered(&service, ask).await.map(Json)
}

/// Several questions at once
///
/// Each is answered as it would be alone; one that is wrong has a problem in the place of its answer.
#[utoipa::path(
    post, path = "/v1/recommendations:batch", tag = "recommend", request_body = Batch,
    responses((status = 200, body = Answers), (status = 400, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem))
)]
async fn recommend_batch(State(service): Of, Body(batch): Body<Batch>) -> Result<Json<Answers>, Problem> {
    let most = service.config.limits.batch;
    if batch.requests.is_empty() || batch.requests.len() > most {
        let n = batch.requests.len();
        return Err(Problem::wrong(&format!("`requests` has `{n}` entries\nhint: send 1 to {most} at once")));
    }
    service.may_explain(batch.requests.iter())?;
    let mut answers = Vec::with_capacity(batch.requests.len());
    for ask in batch.requests {
        let answer = answered(&service, ask).await;
        answers.push(answer.map_or_else(BatchAnswer::Problem, BatchAnswer::Answer));
    }
    Ok(Json(Answers { answers }))
}

/// Items of one's own choice, put in order
#[utoipa::path(
    post, path = "/v1/rank", tag = "recommend", request_body = RankAsk,
    responses((status = 200, body = Answer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem), (status = 507, body = Problem))
)]
async fn rank(State(service): Of, Body(RankAsk { items, mut ask }): Body<RankAsk>) -> Result<Json<Answer>, Problem> {
    (ask.k, ask.offset, ask.exclude_seen) = (items.len(), 0, false);
    ask.filter = crate::filter::Filter { allow: Some(items), ..Default::default() };
    answered(&service, ask).await.map(Json)
}

/// Items by words of their title, with room for typing errors
///
/// Without a query, the items that most users met.
#[utoipa::path(
    get, path = "/v1/items", tag = "items", params(SearchParams),
    responses((status = 200, body = Found), (status = 400, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem))
)]
async fn find_items(State(service): Of, Params(params): Params<SearchParams>) -> Result<Json<Found>, Problem> {
    let SearchParams { query, k, offset } = params;
    compute(&service, move |service| service.find(&query, k, offset)).await.map(Json)
}

/// One item
#[utoipa::path(
    get, path = "/v1/items/{id}", tag = "items",
    params(("id" = String, Path, description = "The item's id, as the data write it")),
    responses((status = 200, body = Item), (status = 404, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem))
)]
async fn one_item(State(service): Of, Id(id): Id) -> Result<Json<Item>, Problem> {
    service.item(&id).map(Json)
}

/// Add an item
///
/// It is on disk before the answer comes, and can be found and recommended from then on, without training: each
/// approach scores it as the mean of the items most like it by features and year. A run that knows the item makes it an
/// ordinary one.
#[utoipa::path(
    post, path = "/v1/items", tag = "items", request_body = NewItem,
    responses((status = 201, body = Item), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem),
        (status = 507, body = Problem)),
    security(("key" = []))
)]
async fn add_item(State(service): Of, Body(item): Body<NewItem>) -> Result<(StatusCode, Json<Item>), Problem> {
    service.add_item(item).await.map(|item| (StatusCode::CREATED, Json(item)))
}

/// Remove an item that was added
///
/// Events on it stay. Items of the run are not removed.
#[utoipa::path(
    delete, path = "/v1/items/{id}", tag = "items",
    params(("id" = String, Path, description = "The item's id, as it was added")),
    responses((status = 200, body = Item), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem),
        (status = 507, body = Problem)),
    security(("key" = []))
)]
async fn remove_item(State(service): Of, Id(id): Id) -> Result<Json<Item>, Problem> {
    service.remove_item(&id).await.map(Json)
}

/// Items like this one
///
/// What is recommended to a visitor who met it alone and liked it. Of an item that was added since the training, those
/// with the most features in common, whichever approach is named: no model knows it.
#[utoipa::path(
    get, path = "/v1/items/{id}/similar", tag = "items",
    params(("id" = String, Path, description = "The item's id, as the data write it"), SimilarParams),
    responses((status = 200, body = Answer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem))
)]
async fn similar(
    State(service): Of,
    Id(id): Id,
    Params(params): Params<SimilarParams>,
) -> Result<Json<Answer>, Problem> {
    compute(&service, move |service| service.similar(&id, params)).await.map(Json)
}

/// Keep events
///
/// The answer comes when they are on disk, and they change the user's next recommendations. Under the header
/// `Idempotency-Key`, or each event's own `key`, an event that comes twice counts once.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", request_body = NewEvents,
    params(("Idempotency-Key" = Option<String>, Header, description = "Tells a repeated request from another")),
    responses((status = 200, body = KeptEvents), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem)),
    security(("key" = []))
)]
async fn keep_events(
    State(service): Of,
    headers: HeaderMap,
    Body(NewEvents { events }): Body<NewEvents>,
) -> Result<Json<KeptEvents>, Problem> {
    // A key that is passed over would let an event count twice.
    let unreadable = |_| Problem::wrong("the header `idempotency-key` is no text\nhint: letters, digits and signs");
    let key = headers.get("idempotency-key").map(|key| key.to_str().map_err(unreadable)).transpose()?;
    service.keep(events, key).await.map(Json)
}

/// Export events for the next training
///
/// All of them are written as Parquet into the folder beside their file that is called like it, with the ending
/// `.export`; they also stay in the file. `reco retrain` reads it, as `data.events` of any experiment does. New events
/// wait meanwhile.
#[utoipa::path(
    post, path = "/v1/events:export", tag = "events",
    responses((status = 200, body = Exported), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem)),
    security(("key" = []))
)]
async fn export_events(State(service): Of) -> Result<Json<Exported>, Problem> {
    service.export().await.map(Json)
}

/// Erase a user
///
/// Their events are removed from the file and from what was exported, both written anew, and no answer uses what models
/// know of them. The run's folder keeps them until `reco retrain` makes it anew; raw data are not changed.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "events",
    params(("id" = String, Path, description = "The user's id, as events and the ratings file write it")),
    responses((status = 200, body = Erased), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem), (status = 507, body = Problem)),
    security(("key" = []))
)]
async fn erase_user(State(service): Of, Id(id): Id) -> Result<Json<Erased>, Problem> {
    service.erase(&id).await.map(Json)
}

/// What is served, and what a request can name
#[utoipa::path(
    get, path = "/v1/models", tag = "operate",
    responses((status = 200, body = Models), (status = 429, body = Problem), (status = 503, body = Problem))
)]
async fn models(State(service): Of) -> Result<Json<Models>, Problem> {
    service.models().map(Json)
}

/// Serve another run, or the same one after it was trained again
///
/// The run is read and checked first; one that cannot be served is refused, and the one before it stays.
#[utoipa::path(
    post, path = "/v1/models:activate", tag = "operate", request_body = Activate,
    responses((status = 200, body = Models), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 415, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem)),
    security(("key" = []))
)]
async fn activate(State(service): Of, Body(activate): Body<Activate>) -> Result<Json<Models>, Problem> {
    compute(&service, move |service| service.activate(&activate)).await.map(Json)
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operate", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it answers
#[utoipa::path(get, path = "/readyz", tag = "operate",
    responses((status = 200, body = String), (status = 503, body = Problem)))]
async fn readyz(State(service): Of) -> Result<&'static str, Problem> {
    service.bundle().first().map(|_| "ready\n")
}

/// Counts and times, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operate",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(service): Of) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], service.metrics.text()).into_response()
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operate", responses((status = 200, body = Object)))]
async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], crate::openapi()).into_response()
}

/// This document, to be read by people
#[utoipa::path(get, path = "/docs", tag = "operate",
    responses((status = 200, body = String, content_type = "text/html")))]
async fn reference() -> Html<String> {
    Html(docs::page(crate::openapi()))
}
