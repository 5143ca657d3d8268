//! The reference of the HTTP interface as a page, from its OpenAPI document.
//!
//! Does not know the routes: it reads the document.
//!
//! **Invariant**: the page fetches nothing and runs nothing; all text is escaped.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::{PathItem, RefOr};

/// Says of every answer that is an error what kind of document it is.
pub(crate) fn name_problems(path: &mut PathItem) {
    let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete, &mut path.patch];
    for operation in operations.into_iter().flatten() {
        let errors = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
        for (_, response) in errors {
            if let RefOr::T(response) = response
                && let Some(content) = response.content.swap_remove("application/json")
            {
                response.content.insert("application/problem+json".to_owned(), content);
            }
        }
    }
}

/// The page for `document`, an OpenAPI document as JSON.
pub(crate) fn page(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>reco: HTTP interface</title>\
         <link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/style.css\"><body class=\"reference\"><main>",
    );
    let text = |value: &Value, key: &str| prose(value[key].as_str().unwrap_or_default());
    let _ = write!(page, "<h1>HTTP interface</h1><p>{}</p>", text(&document["info"], "description"));
    page.push_str("<p>The same for machines: <a href=\"/openapi.json\">openapi.json</a></p>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", text(tag, "name"), text(tag, "description"));
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    write_operation(&mut page, path, method, operation);
                }
            }
        }
    }
    page.push_str("<h2>Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(page, "<h3 id=\"{0}\">{0}</h3><p>{1}</p>", escape(name), text(schema, "description"));
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = schema["properties"].as_object().into_iter().flatten();
        let rows = fields.map(|(field, of)| {
            let needed = if required.contains(&field.as_str()) { "required" } else { "" };
            [format!("<code>{}</code>", escape(field)), kind(of), needed.to_owned(), text(of, "description")]
        });
        write_table(&mut page, ["field", "type", "needed", "meaning"], rows);
    }
    page.push_str("</main></body></html>");
    page
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let text = |key: &str| prose(operation[key].as_str().unwrap_or_default());
    let _ = write!(
        page,
        "<section><h3><code>{} {}</code></h3><p><strong>{}.</strong> {}</p>",
        method.to_uppercase(),
        escape(path),
        text("summary"),
        text("description")
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    write_table(
        page,
        ["parameter", "in", "type", "meaning"],
        parameters.map(|one| {
            let text = |key: &str| prose(one[key].as_str().unwrap_or_default());
            [format!("<code>{}</code>", text("name")), text("in"), kind(&one["schema"]), text("description")]
        }),
    );
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(page, "<p>Body: {}</p>", kind(body));
    }
    page.push_str("<p>Answers:");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let schema = response["content"].as_object().and_then(|content| content.values().next());
        let of = schema.map(|content| kind(&content["schema"])).unwrap_or_default();
        let _ = write!(page, " <code>{}</code> {of}", escape(status));
    }
    page.push_str("</p></section>");
}

fn write_table(page: &mut String, head: [&str; 4], rows: impl Iterator<Item = [String; 4]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    page.push_str("<table><tr>");
    head.iter().for_each(|title| {
        let _ = write!(page, "<th>{title}</th>");
    });
    page.push_str("</tr>");
    for row in rows {
        page.push_str("<tr>");
        row.iter().for_each(|cell| {
            let _ = write!(page, "<td>{cell}</td>");
        });
        page.push_str("</tr>");
    }
    page.push_str("</table>");
}

/// A schema in a word: `integer`, `string[]`, a link to a schema of its own.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    if let Some(several) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return several.iter().map(kind).filter(|one| one != "null").collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    match names.as_slice() {
        ["array"] => format!("{}[]", kind(&schema["items"])),
        names => escape(&names.join(" or ")),
    }
}

/// Escaped text with what stands in backticks as code.
fn prose(text: &str) -> String {
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() };
    escape(text).split('`').enumerate().map(part).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_names_every_route_and_escapes() {
        let document = crate::openapi();
        let parsed: Value = serde_json::from_str(document).unwrap();
        assert!(parsed["openapi"].as_str().unwrap().starts_with("3.1"));
        let refused = &parsed["paths"]["/v1/rank"]["post"]["responses"]["400"]["content"];
        assert!(refused["application/problem+json"].is_object() && refused["application/json"].is_null(), "{refused}");
        let page = page(document);
        for path in parsed["paths"].as_object().unwrap().keys() {
            assert!(page.contains(&escape(path)), "{path}");
        }
        assert_eq!(escape("<a b=\"c\">&"), "&lt;a b=&quot;c&quot;&gt;&amp;");
    }
}
