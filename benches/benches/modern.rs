//! What the edge of 2026-07-28 costs a request, apart from its scan: its era, its metadata and headers, and the
//! arguments that headers repeat.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use waggle_benches::modern_request;
use waggle_protocol::jsonrpc::{Field, scan};
use waggle_protocol::modern::{
    check::check,
    claim::claim,
    header::{METHOD, NAME, PROTOCOL_VERSION},
    param_headers::ToolIndex,
};

const TOOLS: &str = r#"[
    {"name":"echo","inputSchema":{"type":"object","properties":{"text":{"type":"string"},"times":{"type":"integer"}}}},
    {"name":"query","inputSchema":{"type":"object","properties":{
        "text":{"type":"string","x-mcp-header":"Text"},
        "options":{"type":"object","properties":{"limit":{"type":"integer","x-mcp-header":"Limit"}}}}}}
]"#;

/// The headers of the call, at next to no cost: what finding them in a map takes is the map's.
fn header(name: &str) -> Option<&'static str> {
    match name {
        PROTOCOL_VERSION => Some("2026-07-28"),
        METHOD => Some("tools/call"),
        NAME => Some("echo"),
        "mcp-param-text" => Some("where the flowers are"),
        "mcp-param-limit" => Some("12"),
        _ => None,
    }
}

fn edge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("modern");
    let message = modern_request();
    let envelope = scan(&message).expect("a message");

    group.bench_function("scan", |bencher| bencher.iter(|| scan(black_box(&message))));
    group.bench_function("claim_and_check", |bencher| {
        bencher.iter(|| {
            black_box(claim(black_box(&message), &envelope, header(PROTOCOL_VERSION)));
            check(black_box(&message), &envelope, header).expect("a request")
        });
    });

    let mut index = ToolIndex::default();
    assert!(index.add(TOOLS.as_bytes()).is_empty());
    let arguments = envelope.span(Field::ParamsArguments).map(|span| span.of(&message));
    for (name, tool) in [("arguments_without_annotations", "echo"), ("arguments_with_annotations", "query")] {
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| index.check(black_box(tool), black_box(arguments), header).expect("headers agree"));
        });
    }
    group.finish();
}

criterion_group!(benches, edge);
criterion_main!(benches);
