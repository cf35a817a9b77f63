//! Whether an object is already what was planned, whatever the API server and others have added to it.

use serde_json::{Map, Value};

use super::quantity;

/// Whether all that is planned is there. Not compared: fields that are not planned, elements that others have added to a list
/// whose elements have a key, and how a quantity is written.
pub(super) fn is_subset(desired: &Value, live: &Value) -> bool {
    subset(desired, live, ELEMENT)
}

/// Where in an object we are.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    /// The name of the field.
    field: &'a str,
    /// Within a list that the API server replaces as a whole.
    in_list: bool,
    /// Texts are quantities here.
    is_quantity: bool,
}

impl<'a> Place<'a> {
    fn within(self, field: &'a str) -> Self {
        let is_quantity = matches!(field, "limits" | "requests" | "sizeLimit" | "divisor");
        Self { field, in_list: self.in_list, is_quantity: self.is_quantity || is_quantity }
    }
}

fn subset(desired: &Value, live: &Value, place: Place<'_>) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => desired.iter().all(|(name, desired)| {
            live.get(name)
                .map_or_else(|| is_nothing(desired), |live| subset(desired, live, place.within(name)))
        }),
        (Value::Array(desired), Value::Array(live)) => match keys(place.field) {
            Some(keys) if !place.in_list && desired.iter().all(Value::is_object) => {
                keyed(desired, live, keys)
            }
            _ => {
                let place = Place { field: "", in_list: true, ..place };
                desired.len() == live.len()
                    && desired.iter().zip(live).all(|(desired, live)| subset(desired, live, place))
            }
        },
        (Value::String(desired), Value::String(live)) if place.is_quantity => {
            desired == live || quantity::is_equal(desired, live)
        }
        _ => desired == live,
    }
}

/// What the API server leaves out of an object.
fn is_nothing(desired: &Value) -> bool {
    match desired {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The fields that tell the elements of a list apart, for lists that the API server merges element by element.
fn keys(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "env" | "imagePullSecrets" => {
            &["name"]
        }
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        // A container's and a Service's.
        "ports" => &["containerPort", "port", "protocol"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "ownerReferences" => &["uid"],
        _ => return None,
    })
}

/// An element of a list that is merged by its key.
const ELEMENT: Place<'_> = Place { field: "", in_list: false, is_quantity: false };

/// Whether each planned element is there, in the planned order. The order matters to containers and variables.
fn keyed(desired: &[Value], live: &[Value], keys: &[&str]) -> bool {
    let mut live = live.iter();
    desired.iter().all(|desired| {
        let Value::Object(fields) = desired else { return false };
        live.by_ref().any(|live| is_same(fields, live, keys) && subset(desired, live, ELEMENT))
    })
}

/// Whether two elements have the same keys, as far as the plan names them; the API server adds defaults to keys too.
fn is_same(desired: &Map<String, Value>, live: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| desired.get(*key).is_none_or(|value| live.get(key) == Some(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_of_the_api_server_are_no_difference() {
        let desired = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "mcp", "image": "a:1", "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
             "ports": [{"name": "http", "containerPort": 8080}], "env": []}
        ]}}}});
        let live = json!({"metadata": {"uid": "u"}, "spec": {"replicas": 1, "strategy": {"type": "RollingUpdate"},
            "template": {"spec": {"dnsPolicy": "ClusterFirst", "containers": [
                {"name": "mcp", "image": "a:1", "imagePullPolicy": "IfNotPresent",
                 "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
                 "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]},
                {"name": "added-by-somebody", "image": "b"}
        ]}}}});
        assert!(is_subset(&desired, &live));
        assert!(!is_subset(&live, &desired));
    }

    #[test]
    fn a_changed_value_is_a_difference() {
        let desired = json!({"spec": {"containers": [{"name": "mcp", "args": ["a", "b"]}]}});
        for live in [
            json!({"spec": {"containers": [{"name": "mcp", "args": ["b", "a"]}]}}),
            json!({"spec": {"containers": [{"name": "mcp", "args": ["a", "b", "c"]}]}}),
            json!({"spec": {"containers": [{"name": "mcp"}]}}),
            json!({"spec": {"containers": []}}),
            json!({"spec": {"containers": [{"name": "other", "args": ["a", "b"]}]}}),
            json!({}),
        ] {
            assert!(!is_subset(&desired, &live), "{live}");
        }
    }

    #[test]
    fn nothing_may_be_added_to_a_list_that_is_one_value() {
        let desired = json!({"spec": {"ingress": [{"ports": [{"port": 8080}]}]}});
        let defaulted = json!({"spec": {"ingress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}]}});
        let opened = json!({"spec": {"ingress": [{"ports": [{"port": 8080}, {"port": 22}]}]}});
        assert!(is_subset(&desired, &defaulted));
        assert!(!is_subset(&desired, &opened));
    }

    #[test]
    fn only_quantities_are_compared_as_such() {
        let variable = |value: &str| json!({"env": [{"name": "A", "value": value}]});
        assert!(!is_subset(&variable("1000"), &variable("1k")));
        let limit = |value: &str| json!({"limits": {"cpu": value}});
        assert!(is_subset(&limit("1000"), &limit("1k")));
        assert!(!is_subset(&limit("1000"), &limit("1M")));
    }

    #[test]
    fn a_field_that_says_something_must_be_there() {
        for desired in [json!({"a": false}), json!({"a": 0}), json!({"a": ""})] {
            assert!(!is_subset(&desired, &json!({})), "{desired}");
        }
        assert!(is_subset(&json!({"a": null, "b": [], "c": {}}), &json!({})));
    }

    fn any_object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9]{0,6}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,5}|limits|args", inner, 0..5)
                    .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
            ]
        });
        prop::collection::btree_map("spec|metadata|[a-z]{1,3}", value, 1..5)
            .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>()))
    }

    /// What an API server makes of it: fields more at each level, and nothing where there was nothing.
    fn defaulted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let fields = map.iter().filter(|(_, value)| !is_nothing(value));
                let mut map: Map<_, _> =
                    fields.map(|(name, value)| (name.clone(), defaulted(value))).collect();
                map.insert("addedByTheServer".to_owned(), json!(true));
                Value::Object(map)
            }
            Value::Array(list) => list.iter().map(defaulted).collect(),
            value => value.clone(),
        }
    }

    /// Changes the first plain value; false if there is none.
    fn spoil(value: &mut Value) -> bool {
        match value {
            Value::Object(map) => map.values_mut().any(spoil),
            Value::Array(list) => list.iter_mut().any(spoil),
            Value::Null => false,
            value => {
                *value = json!("spoilt by somebody");
                true
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_applied_is_not_applied_again(desired in any_object()) {
            prop_assert!(is_subset(&desired, &desired));
            prop_assert!(is_subset(&desired, &defaulted(&desired)));
        }

        #[test]
        fn what_was_spoilt_is(desired in any_object()) {
            let mut live = defaulted(&desired);
            let mut planned = desired.clone();
            if spoil(&mut planned) {
                prop_assert!(!is_subset(&planned, &live));
                prop_assert!(is_subset(&desired, &live));
                live["addedByTheServer"] = json!(false);
                prop_assert!(is_subset(&desired, &live));
            }
        }
    }
}
