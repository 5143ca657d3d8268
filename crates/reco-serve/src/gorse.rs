//! The part of Gorse's REST interface that its clients use, so that moving over is a change of address.
//!
//! Does not know how an answer comes about: each route asks the service as its own routes do. What Gorse stores beside
//! feedback (users, items, labels) comes from the run and cannot be written.
//!
//! **Invariant**: paths, fields and their spelling are Gorse's 0.5; a category is a feature of items.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use reco_run::TimeFormat;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Answer, Ask, Item, NewEvent, Rated, SimilarParams, ten};
use crate::engine::Service;
use crate::extract::{Body, Id, Params};
use crate::filter::Filter;
use crate::problem::Problem;
use crate::routes::{answered, compute};

type Of = State<Arc<Service>>;

/// Kinds of feedback whose value is a number of stars; the value of others counts something else.
const STARS: [&str; 3] = ["rating", "star", "stars"];

#[derive(Deserialize)]
struct Page {
    #[serde(default = "ten")]
    n: usize,
    #[serde(default)]
    offset: usize,
    /// Words of a title.
    #[serde(default)]
    q: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Feedback {
    feedback_type: String,
    user_id: String,
    item_id: String,
    #[serde(default)]
    value: Option<f32>,
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Scored {
    id: String,
    score: f32,
}

pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/recommend/{user}", get(recommend))
        .route("/api/recommend/{user}/", get(recommend))
        .route("/api/recommend/{user}/{category}", get(recommend_category))
        .route("/api/session/recommend", post(session))
        .route("/api/feedback", post(keep).put(keep))
        .route("/api/item/{id}", get(item))
        .route("/api/item/{id}/neighbors", get(neighbors))
        .route("/api/items", get(items))
        .route("/api/user/{id}", delete(erase))
}

async fn recommend(
    service: Of,
    Id(user): Id,
    Params(page): Params<Page>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    recommended(service, user, Vec::new(), page, &headers).await
}

async fn recommend_category(
    service: Of,
    Id((user, category)): Id<(String, String)>,
    Params(page): Params<Page>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    recommended(service, user, vec![category], page, &headers).await
}

async fn recommended(
    State(service): Of,
    user: String,
    features: Vec<String>,
    page: Page,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let filter = Filter { features, ..Filter::default() };
    let ask = Ask { user_id: Some(user), k: page.n, offset: page.offset, filter, ..Ask::default() };
    let answer = answered(&service, ask).await?;
    // The second version of Gorse's interface adds scores.
    let with_scores = headers.get("x-api-version").is_some_and(|version| version == "2");
    let scored = scored(answer);
    Ok(match with_scores {
        true => Json(scored).into_response(),
        false => Json(scored.into_iter().map(|one| one.id).collect::<Vec<_>>()).into_response(),
    })
}

async fn session(
    State(service): Of,
    Params(page): Params<Page>,
    Body(feedback): Body<Vec<Feedback>>,
) -> Result<Json<Vec<Scored>>, Problem> {
    let rated = |one: Feedback| Rated { rating: stars(&one), item_id: one.item_id };
    let ratings = feedback.into_iter().map(rated).collect();
    let ask = Ask { ratings, k: page.n, offset: page.offset, ..Ask::default() };
    answered(&service, ask).await.map(scored).map(Json)
}

async fn keep(State(service): Of, Body(feedback): Body<Vec<Feedback>>) -> Result<Response, Problem> {
    let event = |(place, one): (usize, Feedback)| {
        let seconds = |text: &String| {
            let wrong = || {
                let text = format!("feedback `{place}`: `Timestamp` is `{text}`\nhint: write `2026-11-29T18:30:00Z`");
                Problem::wrong(&text)
            };
            TimeFormat::Iso8601.seconds(text).ok_or_else(wrong)
        };
        Ok(NewEvent {
            timestamp: one.timestamp.as_ref().filter(|text| !text.is_empty()).map(seconds).transpose()?,
            rating: stars(&one),
            user_id: one.user_id,
            item_id: one.item_id,
            kind: Some(one.feedback_type),
            recommendation_id: None,
            key: None,
        })
    };
    let events = feedback.into_iter().enumerate().map(event).collect::<Result<Vec<_>, Problem>>()?;
    let kept = service.keep(events, None).await?;
    Ok(Json(json!({ "RowAffected": kept.kept })).into_response())
}

async fn neighbors(State(service): Of, Id(id): Id, Params(page): Params<Page>) -> Result<Json<Vec<Scored>>, Problem> {
    let similar =
        compute(&service, move |service| service.similar(&id, SimilarParams::of(page.n, page.offset))).await?;
    Ok(Json(scored(similar)))
}

async fn item(State(service): Of, Id(id): Id) -> Result<Response, Problem> {
    service.item(&id).map(|item| Json(as_gorse(item)).into_response())
}

async fn items(State(service): Of, Params(page): Params<Page>) -> Result<Response, Problem> {
    let found = compute(&service, move |service| service.find(&page.q, page.n, page.offset)).await?;
    let items: Vec<_> = found.items.into_iter().map(as_gorse).collect();
    Ok(Json(json!({ "Items": items, "Cursor": "" })).into_response())
}

async fn erase(State(service): Of, Id(id): Id) -> Result<Response, Problem> {
    let erased = service.erase(&id).await?;
    let rows = usize::from(erased.events > 0 || erased.is_in_models);
    Ok(Json(json!({ "RowAffected": rows })).into_response())
}

fn stars(feedback: &Feedback) -> Option<f32> {
    feedback.value.filter(|_| STARS.contains(&feedback.feedback_type.as_str()))
}

fn scored(answer: Answer) -> Vec<Scored> {
    let one = |item: Item| Scored { id: item.item_id.to_string(), score: item.score.unwrap_or_default() };
    answer.items.into_iter().map(one).collect()
}

fn as_gorse(item: Item) -> serde_json::Value {
    json!({
        "ItemId": item.item_id.to_string(),
        "IsHidden": false,
        "Categories": item.genres,
        "Labels": item.features,
        "Comment": item.title,
    })
}
