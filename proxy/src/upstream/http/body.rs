//! Response bodies: decompressed, and never more of them in memory than a limit.

use std::{io::Write as _, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, Response, header, response::Parts};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::{client::innermost, trouble::Trouble};

/// Compressed bytes decoded at once: they become no more than about a thousand times as many.
const STEP: usize = 4096;
/// How long a body is read on after all that is wanted of it has come, to keep its connection.
pub(super) const LEFTOVER_TIME: Duration = Duration::from_secs(1);
/// How many bytes, likewise.
const LEFTOVER: usize = 64 << 10;

/// The body of a response.
pub(super) struct Body {
    incoming: Incoming,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// Compressed bytes that have come.
    compressed: Bytes,
}

impl Body {
    /// Takes a response apart.
    pub(super) fn of(response: Response<Incoming>) -> Result<(Parts, Self), Trouble> {
        let (parts, incoming) = response.into_parts();
        let gzip = match encoding(&parts.headers) {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(MultiGzDecoder::new(Vec::new())),
            _ => return Err(Trouble::new("has compressed its response in a way that it was not offered")),
        };
        Ok((parts, Self { incoming, gzip, compressed: Bytes::new() }))
    }

    /// The next bytes; `None` at the end. Cancel-safe.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            if let Some(bytes) = self.decode()? {
                return Ok(Some(bytes));
            }
            let Some(frame) = self.incoming.frame().await else {
                if let Some(gzip) = &mut self.gzip {
                    gzip.try_finish().map_err(|_| bad_compression())?;
                }
                return Ok(None);
            };
            let frame = frame
                .map_err(|error| Trouble::broken_off(format!("has broken off: {}", innermost(&error))))?;
            match frame.into_data() {
                Ok(data) if self.gzip.is_some() => self.compressed = data,
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                // Trailers.
                _ => {}
            }
        }
    }

    /// Decompresses the next step of what has come, until it yields something.
    fn decode(&mut self) -> Result<Option<Bytes>, Trouble> {
        let Some(gzip) = &mut self.gzip else { return Ok(None) };
        while !self.compressed.is_empty() {
            let step = &self.compressed[..self.compressed.len().min(STEP)];
            gzip.write_all(step).and_then(|()| gzip.flush()).map_err(|_| bad_compression())?;
            self.compressed.advance(step.len());
            if !gzip.get_ref().is_empty() {
                return Ok(Some(std::mem::take(gzip.get_mut()).into()));
            }
        }
        Ok(None)
    }

    /// The whole body, up to `limit` bytes of it.
    pub(super) async fn collect(mut self, limit: usize) -> Result<Bytes, Trouble> {
        if self.gzip.is_none() && self.incoming.size_hint().lower() > limit as u64 {
            return Err(Trouble::too_large(limit));
        }
        let mut whole = BytesMut::new();
        let mut first = Bytes::new();
        while let Some(chunk) = self.chunk().await? {
            if first.len() + whole.len() + chunk.len() > limit {
                return Err(Trouble::too_large(limit));
            }
            // A body that comes at once is passed on as it is.
            if first.is_empty() && whole.is_empty() {
                first = chunk;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&chunk);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    /// Reads a body that nobody wants, so that its connection can be used again.
    pub(super) async fn drain(mut self) {
        let rest = async {
            let mut read = 0;
            while read < LEFTOVER
                && let Ok(Some(chunk)) = self.chunk().await
            {
                read += chunk.len();
            }
        };
        let _ = timeout(LEFTOVER_TIME, rest).await;
    }
}

fn bad_compression() -> Trouble {
    Trouble::new("has sent a response whose compression is broken")
}

fn encoding(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// The content type without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
