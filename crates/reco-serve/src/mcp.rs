//! The tools for assistants at `/mcp`: the Model Context Protocol over HTTP, one JSON answer per message, no session.
//!
//! Does not know how an answer comes about: each tool asks the service as its routes do. A library for the protocol
//! would bring sixteen crates for the five messages that are answered here.
//!
//! **Invariant**: a tool that fails says so in its result, where an assistant reads it; an error of the protocol is for
//! messages that are none.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::{Ask, SearchParams, SimilarParams, id, ten};
use crate::engine::Service;
use crate::extract::Body;
use crate::filter::Filter;
use crate::problem::Problem;
use crate::routes::{answered, compute};

/// The versions of the protocol in which these messages are the same; a client that asks for another gets the first.
const VERSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// Error codes of JSON-RPC 2.0.
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

#[derive(Deserialize)]
struct Message {
    jsonrpc: Option<String>,
    /// None for a notification, which is not answered.
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

/// What `explain` asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    #[serde(deserialize_with = "id")]
    item_id: String,
    #[serde(default)]
    ask: Ask,
}

/// What `similar` asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Similar {
    #[serde(deserialize_with = "id")]
    item_id: String,
    #[serde(default = "ten")]
    k: usize,
}

pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new().route("/mcp", post(message))
}

async fn message(State(service): State<Arc<Service>>, Body(message): Body<Message>) -> Response {
    let Message { jsonrpc, id, method, params } = message;
    let (Some("2.0"), Some(method)) = (jsonrpc.as_deref(), method) else {
        let error = json!({ "code": INVALID_REQUEST, "message": "this is no JSON-RPC 2.0 request" });
        return (StatusCode::BAD_REQUEST, Json(json!({ "jsonrpc": "2.0", "id": id, "error": error }))).into_response();
    };
    let Some(id) = id else { return StatusCode::ACCEPTED.into_response() };
    let answer = match method.as_str() {
        "initialize" => Ok(initialize(&params)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": tools() })),
        "tools/call" => call(&service, params).await,
        other => Err((METHOD_NOT_FOUND, format!("`{other}` is not answered here"))),
    };
    Json(match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, message)) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }),
    })
    .into_response()
}

fn initialize(params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str().unwrap_or_default();
    let version = VERSIONS.into_iter().find(|version| *version == asked).unwrap_or(VERSIONS[0]);
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "reco", "title": "reco", "version": env!("CARGO_PKG_VERSION") },
        "instructions": "Recommends items from models trained on ratings. Find ids by `search` first.",
    })
}

fn tools() -> Value {
    let item = json!({ "type": "string", "description": "An item's id, as `search` gives it" });
    let k = json!({ "type": "integer", "minimum": 1, "description": "How many items; 10 if left out" });
    let rated = json!({
        "type": "object",
        "properties": { "item_id": item, "rating": { "type": "number", "description": "Stars; left out: liked" } },
        "required": ["item_id"],
    });
    let whom = json!({
        "user_id": { "type": "string", "description": "A user of the data; left out for someone new" },
        "ratings": { "type": "array", "items": rated, "description": "Items that the person has met" },
        "likes": { "type": "array", "items": { "type": "string" }, "description": "Features of items they like" },
    });
    let mut recommend = whom.clone();
    recommend["k"] = k.clone();
    recommend["features"] =
        json!({ "type": "array", "items": { "type": "string" }, "description": "Only items with one of these" });
    let mut explain = whom;
    explain["item_id"] = item.clone();
    let tool = |name: &str, description: &str, properties: Value, required: &[&str]| {
        json!({
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": properties, "required": required },
            "annotations": { "readOnlyHint": true },
        })
    };
    json!([
        tool(
            "recommend",
            "The best items for a user, or for someone new by what they like, with reasons",
            recommend,
            &[]
        ),
        tool("similar", "Items like one item", json!({ "item_id": item, "k": k }), &["item_id"]),
        tool(
            "search",
            "Finds items by words of their title; typing errors are forgiven",
            json!({ "query": { "type": "string" }, "k": k }),
            &["query"]
        ),
        tool("explain", "Why an item suits somebody, or does not", explain, &["item_id"]),
    ])
}

/// Calls a tool; what it says is a JSON text.
async fn call(service: &Arc<Service>, params: Value) -> Result<Value, (i64, String)> {
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let arguments = params.get("arguments").cloned().unwrap_or_else(|| json!({}));
    let called = match name.as_str() {
        "recommend" => recommend(service, arguments).await,
        "similar" => similar(service, arguments).await,
        "search" => search(service, arguments).await,
        "explain" => explain(service, arguments).await,
        other => return Err((INVALID_PARAMS, format!("there is no tool `{other}`"))),
    };
    let (text, is_error) = match called {
        Ok(answer) => (answer.to_string(), false),
        Err(problem) => (json!(problem).to_string(), true),
    };
    Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": is_error }))
}

async fn recommend(service: &Arc<Service>, mut arguments: Value) -> Result<Value, Problem> {
    let features = arguments.as_object_mut().and_then(|all| all.remove("features"));
    let features = features.map(parsed).transpose()?.unwrap_or_default();
    let asked: Ask = parsed(arguments)?;
    let filter = Filter { features, ..asked.filter.clone() };
    answered(service, Ask { explain: true, filter, ..asked }).await.map(|answer| json!(answer))
}

async fn similar(service: &Arc<Service>, arguments: Value) -> Result<Value, Problem> {
    let Similar { item_id, k } = parsed(arguments)?;
    compute(service, move |service| {
        service.similar(&item_id, SimilarParams { explain: true, ..SimilarParams::of(k, 0) })
    })
    .await
    .map(|answer| json!(answer))
}

async fn search(service: &Arc<Service>, arguments: Value) -> Result<Value, Problem> {
    let SearchParams { query, k, offset } = parsed(arguments)?;
    compute(service, move |service| service.find(&query, k, offset)).await.map(|found| json!(found))
}

async fn explain(service: &Arc<Service>, mut arguments: Value) -> Result<Value, Problem> {
    // Who asks stands beside the item.
    let item_id = arguments.as_object_mut().and_then(|all| all.remove("item_id")).unwrap_or_default();
    let Explain { item_id, ask } = parsed(json!({ "item_id": item_id, "ask": arguments }))?;
    let filter = Filter { allow: Some(vec![item_id]), ..Filter::default() };
    let asked = Ask { k: 1, offset: 0, exclude_seen: false, explain: true, filter, ..ask };
    answered(service, asked).await.map(|answer| json!(answer))
}

fn parsed<T: DeserializeOwned>(arguments: Value) -> Result<T, Problem> {
    serde_json::from_value(arguments).map_err(|error| Problem::wrong(&format!("the arguments: {error}")))
}
