//! The examples in the descriptions are what they are examples of.

use serde_json::Value;
use waggle_crds::schema::definition;

use crate::fields::fields;
use crate::validate::validate;

#[test]
fn each_example_fits_its_field() {
    let definition = definition();
    let mut tried = 0;
    for field in fields(&definition) {
        assert_eq!(
            field.description().matches("Example:").count(),
            usize::from(field.example().is_some()),
            "{}: one example in backticks, at the end: {}",
            field.path,
            field.description()
        );
        let Some(example) = field.example() else { continue };
        let value: Value = serde_saphyr::from_str(example).unwrap_or_else(|error| {
            panic!("the example of {}, `{example}`, is no YAML: {error}", field.path)
        });
        let problems = validate(field.schema, &value);
        assert!(problems.is_empty(), "the example of {}, `{example}`: {problems:?}", field.path);
        tried += 1;
    }
    assert!(tried > 80, "{tried} examples");
}
