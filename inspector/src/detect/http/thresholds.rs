//! What it takes for a finding of `http`.

/// Limits of the detector. "Base rate" is what was measured on the captures without a channel of the development
/// corpus: 209 of them have HTTP, 5,857 requests and responses. With counts a third of these and a share of 0.3 none of
/// them is reported (the sizes from which a value counts as they are).
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Requests with a cookie that neither side had ever sent before, in a window of 64 with cookies. A client's
    /// first request doesn't count. Base rate: a client shows the cookies that scripts set once each.
    pub fresh_cookies: u32,
    /// Bytes in these by their alphabet. Base rate: 12 a session identifier.
    pub cookie_bytes: u32,
    /// Cookies that the server set, that the client had to return with its next request (RFC 6265 §5.4), and
    /// that it did not, though it sent others. Base rate: 0 of clients that keep cookies, but for requests in
    /// flight.
    pub ignored_cookies: u32,
    /// Bytes in these.
    pub ignored_bytes: u32,
    /// Validators (If-None-Match) that the server never gave as an ETag, answered in full without any ETag.
    /// Base rate: 0; a cached copy from before the capture is answered with 304 or a newer ETag.
    pub alien_validators: u32,
    /// Requests with a new opaque value in a header that isn't known to have one. Base rate: identifiers of
    /// requests and signatures, which are of 16 to 32 bytes; hence the next number.
    pub opaque_headers: u32,
    /// Bytes from which such a value counts. Base rate: SHA-256 has 32, in base64 or hexadecimal.
    pub opaque_header_bytes: u32,
    /// Bytes from which such a value counts in the name of a program or user. Base rate: 0 that are new in each request.
    pub opaque_name_bytes: u32,
    /// Requests with fields of the same names as one before, in another order or spelling than any before. Base rate: a program
    /// has one order for each kind of request.
    pub names: u32,
    /// Responses with an ETag that is larger than any hash. Base rate: 0; ETags are of 4 to 32 bytes.
    pub large_etags: u32,
    /// Bytes from which an ETag is. Base rate: hashes have at most 32, with a size or time before them 40.
    pub etag_bytes: u32,
    /// Requests with a new opaque part of the path, answered by text, without a Referer. Base rate: opaque paths
    /// are those of media and downloads, which have other types, or of links, which have a Referer.
    pub opaque_paths: u32,
    /// Bytes from which a part of a path counts. Base rate: hashes and identifiers have up to 20; longer ones
    /// are content addresses.
    pub opaque_path_bytes: u32,
    /// Bytes from which a parameter of a query counts like a part of the path. Base rate: identifiers, cursors and
    /// signatures; those of RSA are larger, and left out by their names.
    pub opaque_parameter_bytes: u32,
    /// Answers of a type of text whose bodies are ciphertext, of a window of 64 with bodies. Base rate: 0.
    pub opaque_bodies: u32,
    /// Requests whose bodies are ciphertext, with these. Base rate: programs post encrypted reports and messages, many of
    /// them; their answers are short, or of a type of their own.
    pub opaque_requests: u32,
    /// The least share of messages that have the carrier in which it must be new. Base rate: what isn't a
    /// channel repeats itself.
    pub share: f64,
    /// Times the number above from which a finding is high.
    pub high_ratio: u32,
    /// Accounts and connections idle for this long are forgotten, nanoseconds.
    pub idle_ns: u64,
    /// Most accounts kept; about 2 KiB each.
    pub accounts: usize,
    /// Most connections kept; about 800 bytes each.
    pub connections: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            fresh_cookies: 6,
            cookie_bytes: 120,
            ignored_cookies: 6,
            ignored_bytes: 120,
            alien_validators: 6,
            opaque_headers: 8,
            opaque_header_bytes: 36,
            opaque_name_bytes: 16,
            names: 8,
            large_etags: 8,
            etag_bytes: 44,
            opaque_paths: 8,
            opaque_path_bytes: 24,
            opaque_parameter_bytes: 48,
            opaque_bodies: 12,
            opaque_requests: 6,
            share: 0.75,
            high_ratio: 4,
            idle_ns: 2 * 3600 * 1_000_000_000,
            accounts: 4096,
            connections: 8192,
        }
    }
}
