//! Checks a value against a structural schema, but for its rules, which only the API server evaluates.

use serde_json::Value;

/// What is wrong with the value, each with its place.
pub(crate) fn validate(schema: &Value, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check(schema, value, "", &mut problems);
    problems
}

fn check(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let mut wrong = |problem: &str| problems.push(format!("{path}: {problem}"));
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_i64() && !value.is_string() {
            wrong("is neither a number nor a text");
        }
        let quantity = schema["pattern"].is_string();
        if quantity && value.as_str().is_some_and(|text| !is_quantity(text)) {
            wrong("does not match the pattern");
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        return wrong(&format!("is no {}", schema["type"].as_str().unwrap_or_default()));
    }
    if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
        wrong(&format!("is none of {}", schema["enum"]));
    }
    if let (Some(number), Some(least)) = (value.as_i64(), schema["minimum"].as_i64())
        && number < least
    {
        wrong(&format!("is less than {least}"));
    }
    if let (Some(number), Some(most)) = (value.as_i64(), schema["maximum"].as_i64())
        && number > most
    {
        wrong(&format!("is more than {most}"));
    }
    if let (Some(text), Some(most)) = (value.as_str(), schema["maxLength"].as_u64())
        && text.chars().count() as u64 > most
    {
        wrong("is too long");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), problems);
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                problems.push(format!("{path}.{name}: is required"));
            }
        }
        for (name, inner) in object {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let known = schema["properties"].get(name).or(schema.get("additionalProperties"));
            match known {
                Some(known) => check(known, inner, &path, problems),
                None if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
                None => problems.push(format!("{path}: there is no such field")),
            }
        }
    }
}

/// As the pattern of quantities says.
fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - suffix.len()];
    let suffixes = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|power| power.parse::<i32>().is_ok());
    number.parse::<f64>().is_ok() && (suffixes.contains(&suffix) || exponent)
}
