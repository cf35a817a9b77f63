//! How an API server joins a patch to an object, roughly.

use serde_json::{Value, json};

/// The object with the patch laid over it; lists are replaced.
pub(crate) fn merged(object: Value, patch: &Value) -> Value {
    match (object, patch) {
        (Value::Object(mut object), Value::Object(patch)) => {
            for (name, value) in patch {
                let before = object.remove(name).unwrap_or_default();
                object.insert(name.clone(), merged(before, value));
            }
            Value::Object(object)
        }
        (_, patch) => patch.clone(),
    }
}

/// The object without the fields that were applied before and are not now.
pub(crate) fn without(object: Value, before: &Value, now: &Value) -> Value {
    let (Value::Object(mut object), Value::Object(before)) = (object.clone(), before) else { return object };
    for (name, before) in before {
        match now.get(name) {
            None => drop(object.remove(name)),
            Some(now) => {
                if let Some(value) = object.get(name).cloned() {
                    object.insert(name.clone(), without(value, before, now));
                }
            }
        }
    }
    Value::Object(object)
}

/// Adds what an API server adds.
pub(crate) fn defaulted(plural: &str, object: &mut Value) {
    match plural {
        "deployments" => {
            let spec = &mut object["spec"];
            if spec["replicas"].is_null() {
                spec["replicas"] = json!(1);
            }
            let pod = &mut spec["template"]["spec"];
            pod["dnsPolicy"] = json!("ClusterFirst");
            for container in pod["containers"].as_array_mut().into_iter().flatten() {
                container["terminationMessagePath"] = json!("/dev/termination-log");
                for quantity in ["/resources/limits/memory", "/resources/requests/memory"] {
                    if let Some(value) = container.pointer_mut(quantity)
                        && *value == json!("1024Mi")
                    {
                        *value = json!("1Gi");
                    }
                }
            }
        }
        "services" => {
            object["spec"]["clusterIP"] = json!("10.0.0.1");
            for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
                port["protocol"] = json!("TCP");
            }
        }
        _ => {}
    }
}
