//! Which format, and whether compressed: what a request accepts, and what there is.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

/// The formats of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    OpenMetrics,
    /// The only one with native histograms.
    Protobuf,
}

impl Format {
    /// The format that the request likes best; text if it likes none of ours, as Prometheus's own
    /// libraries do it.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let mut best = (Self::Text, 0.0);
        for accepted in ranges(headers, ACCEPT) {
            if let Some(format) = Self::of(&accepted)
                && accepted.quality > best.1
            {
                best = (format, accepted.quality);
            }
        }
        best.0
    }

    fn of(range: &Range<'_>) -> Option<Self> {
        match range.name {
            "text/plain" | "text/*" | "*/*" => Some(Self::Text),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf"
                if range.has("proto", "io.prometheus.client.MetricFamily")
                    && range.has("encoding", "delimited") =>
            {
                Some(Self::Protobuf)
            }
            _ => None,
        }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// Does the request take gzip?
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    ranges(headers, ACCEPT_ENCODING)
        .any(|range| matches!(range.name, "gzip" | "*") && range.quality > 0.0)
}

/// One element of such a header.
struct Range<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// 0 to 1.
    quality: f64,
}

impl Range<'_> {
    fn has(&self, name: &str, value: &str) -> bool {
        self.parameters.contains(&(name, value))
    }
}

fn ranges(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Range<'_>> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(range)
}

fn range(text: &str) -> Range<'_> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let parameters: Vec<_> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
        .collect();
    let quality = parameters.iter().find(|(name, _)| *name == "q");
    let quality = quality.map_or(Some(1.0), |(_, value)| value.parse().ok());
    Range {
        name,
        parameters,
        quality: quality.unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Format::wanted(&headers)
    }

    #[test]
    fn prometheus_gets_what_it_prefers() {
        let with_native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
            application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let without = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(wanted(with_native), Format::Protobuf);
        assert_eq!(wanted(without), Format::OpenMetrics);
    }

    #[test]
    fn everybody_else_gets_text() {
        for accept in [
            "*/*",
            "text/html, application/xhtml+xml",
            "application/vnd.google.protobuf",
            "application/openmetrics-text;q=0",
            ";;;q=,,",
        ] {
            assert_eq!(wanted(accept), Format::Text, "{accept}");
        }
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_only_where_it_is_taken() {
        for (accept, takes) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
            assert_eq!(takes_gzip(&headers), takes, "{accept}");
        }
    }
}
