//! One HTTP request, with the redirects that may be followed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{
    client::innermost,
    server::HttpServer,
    target::{resolve, same_origin},
    trouble::Trouble,
};

/// Redirects followed for one request.
const REDIRECTS: usize = 3;

/// What a request takes for an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Accept {
    /// A message or a stream of messages.
    Messages,
    /// A stream that may begin at any time.
    Stream,
}

impl HttpServer {
    /// Sends a request of the proxy's own headers and `headers`, and waits for the head of the response.
    ///
    /// What the connection pool tries again of its own accord has reached no server.
    pub(super) async fn request(
        &self,
        method: Method,
        url: &Uri,
        headers: HeaderMap,
        body: Bytes,
        accept: Accept,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut headers = headers;
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let fixed = |value| HeaderValue::from_static(value);
        let (accepted, encodings) = match accept {
            Accept::Messages => ("application/json, text/event-stream", "gzip"),
            // What compresses a stream tends to hold its events back.
            Accept::Stream => ("text/event-stream", "identity"),
        };
        headers.insert(header::ACCEPT, fixed(accepted));
        headers.insert(header::ACCEPT_ENCODING, fixed(encodings));
        if method == Method::POST {
            headers.insert(header::CONTENT_TYPE, fixed("application/json"));
        }
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = url.clone();
            *request.headers_mut() = headers.clone();
            let response = self.client.request(request);
            let response = match accept {
                Accept::Messages => {
                    let limit = self.request_timeout();
                    timeout(limit, response)
                        .await
                        .map_err(|_| Trouble::timeout(format!("has not answered within {limit:?}")))?
                }
                Accept::Stream => response.await,
            };
            let response = response.map_err(|error| {
                let reason = innermost(&error);
                match error.is_connect() {
                    true => Trouble::new(format!("cannot be reached: {reason}")),
                    false => Trouble::new(format!("has closed the connection without an answer: {reason}")),
                }
            })?;
            if !matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                return Ok(response);
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            url = location
                .and_then(|location| resolve(&url, location))
                .ok_or_else(|| Trouble::new("redirects to nowhere"))?;
            if !same_origin(&url, &self.url) {
                return Err(Trouble::new("redirects to another origin"));
            }
        }
        Err(Trouble::new("redirects too often"))
    }
}
