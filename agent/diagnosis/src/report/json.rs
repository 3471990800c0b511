//! A report or an explanation for programs: one line of JSON, and its schema.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::diagnosis::{Diagnosis, Reports};

/// The report, or the explanation, on one line.
#[expect(clippy::expect_used, reason = "it is plain data with text for keys: there is nothing to fail")]
pub(super) fn render<T: Serialize>(plain: &T) -> String {
    escape_hidden(serde_json::to_string(plain).expect("plain data serialises"))
}

/// Characters that act on a terminal, written as escapes: JSON lets them stand in a string as they are, and nowhere
/// else are there any.
fn escape_hidden(json: String) -> String {
    if json.is_ascii() && !json.contains('\u{7f}') {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let mut buffer = [0; 4];
        if c != ' ' && crate::text::clean(c.encode_utf8(&mut buffer), 4).is_empty() {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// The JSON schema of the report.
pub fn schema() -> Value {
    schema_of::<Diagnosis>()
}

/// The JSON schema of a list of reports.
pub fn reports_schema() -> Value {
    schema_of::<Reports>()
}

/// The JSON schema of what `T` prints.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    forbid_null(&mut schema);
    schema
}

/// Says that an optional property is absent and never null, which serde does not tell. Only a required one may be null.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let required: Vec<String> = object
                .get("required")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default();
            if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
                let optional = properties.iter_mut().filter(|(name, _)| !required.contains(name));
                optional.for_each(|(_, property)| drop_null(property));
            }
            object.values_mut().for_each(forbid_null);
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// `["string", "null"]` becomes `"string"`, and a choice between one schema and null becomes that schema.
fn drop_null(property: &mut Value) {
    let Some(object) = property.as_object_mut() else { return };
    object.remove("default");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape_hidden;

    #[test]
    fn nothing_in_json_steers_a_terminal() {
        assert_eq!(
            escape_hidden("{\"a b\":\"ü \u{9b}2J\u{202e}\u{e0001}\"}".to_owned()),
            r#"{"a b":"ü \u009b2J\u202e\udb40\udc01"}"#
        );
    }
}
